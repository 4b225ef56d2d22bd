"""What a benchmark answers with."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure, and the same thing done by the yardstick."""

    name: str
    unit: str
    value: float
    """The median, unless the name says otherwise."""
    low: float
    high: float
    runs: int
    yardstick: str | None = None
    """What the figure is held against."""
    yardstick_value: float | None = None
    target: str | None = None
    """What the project promises, in words."""

    @property
    def ratio(self) -> float | None:
        """Ours over the yardstick's."""
        return self.value / self.yardstick_value if self.yardstick_value else None

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {"ratio": self.ratio}


def median(
    name: str,
    samples: Sequence[float],
    *,
    unit: str = "ms",
    against: tuple[str, Sequence[float]] | None = None,
    target: str | None = None,
) -> Figure:
    """A figure from samples: median, lowest, highest."""
    return Figure(
        name=name,
        unit=unit,
        value=statistics.median(samples),
        low=min(samples),
        high=max(samples),
        runs=len(samples),
        yardstick=None if against is None else against[0],
        yardstick_value=None if against is None else statistics.median(against[1]),
        target=target,
    )


def percentile(samples: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the samples do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Sequence[Figure]) -> str:
    """For a terminal."""
    rows = [("figure", "median", "low – high", "n", "yardstick", "its value", "ratio", "target")]
    for figure in figures:
        ratio = figure.ratio
        rows.append(
            (
                figure.name,
                f"{figure.value:.2f} {figure.unit}",
                f"{figure.low:.2f} – {figure.high:.2f}",
                str(figure.runs),
                figure.yardstick or "",
                "" if figure.yardstick_value is None else f"{figure.yardstick_value:.2f}",
                "" if ratio is None else f"{ratio:.2f}",
                figure.target or "",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "─" * max(map(len, lines)))
    return "\n".join(lines)
