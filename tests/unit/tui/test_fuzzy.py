from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tui.fuzzy import matched, score


@pytest.mark.parametrize(
    ("wanted", "better", "worse"),
    [
        ("ord", "orders", "reorder"),
        ("roll", "roll back", "controller live log"),
        ("si", "search-index", "basic-thing"),
        ("run", "Run: run", "thumbnails rerun"),
        ("orders cr", "orders/created", "orders/cancel-refund"),
    ],
)
def test_the_better_one_comes_first(wanted: str, better: str, worse: str) -> None:
    good, bad = score(wanted, better), score(wanted, worse)

    assert good is not None
    assert bad is None or good > bad


def test_letters_that_do_not_occur_do_not_fit() -> None:
    assert score("xyz", "orders") is None
    assert score("sredro", "orders") is None


def test_words_may_come_in_any_order() -> None:
    assert score("created orders", "orders/created") is not None


@given(st.text(max_size=10), st.text(max_size=20))
def test_what_lights_up_are_letters_of_the_text(wanted: str, text: str) -> None:
    assert matched(wanted, text) <= set(range(len(text.lower())))
