from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.cli.streams import output
from workbench.cli import render
from workbench.cli.render import Cell, Column, print_table

COLUMNS = (Column(title="name"), Column(title="size", right=True), Column(title="note", fold=True))


def test_a_plain_table_is_aligned_and_nothing_is_cut_off() -> None:
    out, stdout, _ = output()
    long = "word " * 60

    print_table(out, COLUMNS, [["a", "1 KB", ""], ["much-longer", "10 KB", long]])

    assert stdout.text.splitlines() == [
        "NAME          SIZE  NOTE",
        "a             1 KB",
        f"much-longer  10 KB  {long.rstrip()}",
    ]


def test_a_row_stays_one_line_in_a_pipe() -> None:
    out, stdout, _ = output()

    print_table(out, COLUMNS, [["a", "1", "two\nlines\x1b[2J"]])

    assert stdout.text.splitlines()[1] == "a        1  two lines"


def test_a_styled_table_holds_the_same_texts() -> None:
    out, stdout, _ = output(terminal=True)

    print_table(out, COLUMNS, [[Cell("a", "green"), "1 KB", "[bold]no markup[/bold] :smile:"]])

    assert "\x1b[32ma" in stdout.text
    assert "[bold]no markup[/bold] :smile:" in stdout.text


def test_nothing_in_a_table_drives_a_terminal() -> None:
    out, stdout, _ = output(terminal=True)

    print_table(out, COLUMNS, [["\x1b]0;title\x07a", "\x1b[31m1", "\x9b2J"]])

    assert "title" not in stdout.text
    assert "\x1b[31m" not in stdout.text
    assert "\x9b" not in stdout.text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0, "0.0 ms"), (3.14159, "3.1 ms"), (409.4, "409 ms"), (2977, "2.98 s")],
)
def test_milliseconds_are_read_at_a_glance(value: float | None, shown: str) -> None:
    assert render.milliseconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KB"), (6291456, "6.0 MB")]
)
def test_sizes_are_read_at_a_glance(value: int, shown: str) -> None:
    assert render.size(value) == shown


def test_times_are_the_readers_own() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
    local = at.astimezone()

    assert render.local_time(at) == local.strftime("%Y-%m-%d %H:%M:%S")
    assert render.clock_time(at) == local.strftime("%H:%M:%S") + ".678"
