"""Tables, and how figures and times are written in them.

On a terminal that takes colours through rich, imported only then (60 ms); elsewhere plain columns,
nothing cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from workbench.cli.output import Output
from workbench.model.terminal_text import plain, safe
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    title: str
    right: bool = False
    """Figures stand on the right."""
    fold: bool = False
    """Long text is folded on a terminal; other columns keep their width."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Text with a style that rich knows. Styles say again what the text says: they may be missing."""

    text: str
    style: str = ""


Row = Sequence[Cell | str]


def print_table(output: Output, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """A table on stdout."""
    cells = [[_cell(value) for value in row] for row in rows]
    if output.stdout_styled:
        _print_styled(output, columns, cells)
        return
    for line in plain_table(columns, cells):
        output.line(line)


def plain_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Its lines: titles in capitals, two spaces between columns."""
    texts = [[column.title.upper() for column in columns]]
    texts += [[plain(" ".join(cell.text.split("\n"))) for cell in row] for row in rows]
    widths = [max(len(line[number]) for line in texts) for number in range(len(columns))]
    return [
        "  ".join(
            text.rjust(width) if column.right else text.ljust(width)
            for column, text, width in zip(columns, line, widths, strict=True)
        ).rstrip()
        for line in texts
    ]


def _print_styled(
    output: Output, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=not column.fold,
        )
    for row in rows:
        table.add_row(*(Text(cell.text, style=cell.style) for cell in row))
    Console(file=output.stdout, highlight=False, emoji=False).print(table)


def _cell(value: Cell | str) -> Cell:
    cell = value if isinstance(value, Cell) else Cell(value)
    return Cell(plain(safe(cell.text)), cell.style)


# --- figures ----------------------------------------------------------------------------------------


def milliseconds(value: float | None) -> str:
    """`3.1 ms`, `409 ms`, `2.98 s`; `-` for unknown."""
    if value is None:
        return "-"
    if value < 100:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def span(seconds: float) -> str:
    """`0 s`, `59 s`, `12 min`, `3 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def size(value: int) -> str:
    """`512 B`, `1.5 KB`, `6.0 MB`."""
    if value < 1024:
        return f"{value} B"
    return f"{value / 1024:.1f} KB" if value < 1024 * 1024 else f"{value / 1024 / 1024:.1f} MB"


def local_time(at: datetime) -> str:
    """In the zone of whoever reads it."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def clock_time(at: datetime) -> str:
    """The time of day with milliseconds, for lines of a log."""
    local = at.astimezone()
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"
