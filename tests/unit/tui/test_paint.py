from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from workbench.tui.paint import (
    Piece,
    cut,
    cut_pieces,
    facts,
    facts_that_fit,
    over,
    row,
    whole,
    width_of,
)

NONE = Style()
BOLD = Style(bold=True)
WORDS = st.text(alphabet="abc 漢字é🙂", max_size=12)
PIECES = st.lists(WORDS.map(lambda text: (text, NONE)), max_size=4)


@given(st.integers(0, 40), PIECES, PIECES)
def test_a_row_is_exactly_as_wide_as_asked(
    width: int, left: list[Piece], right: list[Piece]
) -> None:
    assert cell_len(row(width, left, right, base=NONE).text) == width


@given(WORDS, st.integers(0, 20))
def test_nothing_is_cut_longer_than_asked(text: str, width: int) -> None:
    short = cut(text, width)

    assert cell_len(short) <= width
    assert short == text or not width or short.endswith("…")


@given(PIECES, st.integers(0, 30))
def test_pieces_are_cut_where_the_room_ends(pieces: list[Piece], width: int) -> None:
    assert width_of(cut_pieces(pieces, width)) <= width


def test_the_right_part_stays_and_the_left_gives_way() -> None:
    strip = row(16, [("a long function name", NONE)], [("38 ms", BOLD)], base=NONE)

    assert strip.text == "a long fu… 38 ms"


def test_the_right_part_goes_when_there_is_no_room_for_both() -> None:
    assert row(8, [("orders", NONE)], [("38 ms", NONE)], base=NONE).text == "orders  "


EDGES = st.sampled_from([0, 1, 2, 4, 6, 7, 8, 9, 10, 11, 12, 15])
"""Of the characters below: two of them are two cells wide."""


@given(EDGES, EDGES)
def test_a_style_is_laid_over_some_cells_and_no_others(start: int, end: int) -> None:
    strip = whole([("ab漢字cd", NONE), ("efgh", NONE)])

    laid = over(strip, BOLD, start, end)

    assert laid.text == strip.text
    assert laid.cell_length == strip.cell_length


def test_a_style_reaches_exactly_as_far_as_told() -> None:
    laid = over(whole([("abcdef", NONE)]), BOLD, 2, 4)

    bold = "".join(each.text for each in laid if each.style is not None and each.style.bold)
    assert bold == "cd"


def test_empty_facts_are_left_out() -> None:
    assert "".join(text for text, _ in facts(["a", "", "b"], "·", NONE)) == "a · b"


@pytest.mark.parametrize(("width", "said"), [(20, "38 ms · billed 39"), (10, "38 ms"), (3, "")])
def test_the_most_telling_facts_are_kept(width: int, said: str) -> None:
    kept = facts_that_fit(["38 ms", "billed 39", "64/128 MB"], "·", NONE, width)

    assert "".join(text for text, _ in kept) == said
