from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tui.values import ORDERS
from workbench.tui.drafts import EDITABLE_BYTES, Draft, Drafts, flaw_of


def test_what_was_not_touched_is_sent_byte_for_byte() -> None:
    saved = b'{"a":1}\r\n\r\n'
    draft = Draft(event="e", saved=saved)

    assert draft.payload == saved
    assert not draft.dirty


def test_what_was_typed_is_sent_as_utf_8() -> None:
    draft = Draft(event="e", saved=b"{}").typed('"é"', unchanged="{}")

    assert draft.payload == '"é"'.encode()
    assert draft.dirty


def test_typing_it_back_makes_it_clean_again() -> None:
    draft = Draft(event="e", saved=b"{}\r\n").typed("{ }", unchanged="{}\n")

    assert not draft.typed("{}\n", unchanged="{}\n").dirty


def test_a_new_event_is_an_empty_object() -> None:
    assert Draft(event=None, saved=None).payload == b"{}"
    assert Draft(event=None, saved=None).shown == "{}"


@pytest.mark.parametrize(
    "saved", [b"1" * (EDITABLE_BYTES + 1), b"\xff\xfe", b'"' + b"x" * 20_000 + b'"']
)
def test_some_payloads_cannot_be_typed_in_and_are_sent_all_the_same(saved: bytes) -> None:
    draft = Draft(event="e", saved=saved)

    assert draft.shown is None
    assert draft.payload == saved


def test_every_event_keeps_its_own_draft() -> None:
    drafts = Drafts()
    drafts.open(ORDERS, Draft(event="a", saved=b"1", text="one"))
    drafts.open(ORDERS, Draft(event="b", saved=b"2"))
    assert drafts.current(ORDERS).event == "b"

    kept = drafts.get(ORDERS, "a")

    assert kept is not None
    assert kept.text == "one"
    assert drafts.unsaved() == [(ORDERS, kept)]


def test_saving_makes_it_clean_under_its_new_name() -> None:
    drafts = Drafts()
    drafts.open(ORDERS, Draft(event=None, saved=None, text="7", cursor=(0, 1)))

    saved = drafts.saved(ORDERS, "seven", b"7")

    assert saved == Draft(event="seven", saved=b"7", cursor=(0, 1))
    assert drafts.opened(ORDERS) == "seven"
    assert drafts.get(ORDERS, None) is None
    assert drafts.unsaved() == []


def test_what_is_gone_is_not_shown() -> None:
    drafts = Drafts()
    drafts.open(ORDERS, Draft(event="a", saved=b"1"))

    drafts.drop(ORDERS, "a")

    assert not drafts.knows(ORDERS)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": [1, tru}', (1, 11)),
        ('{\n  "a" 1\n}', (2, 7)),
        ("", (1, 1)),
        (b"\xff", (1, 1)),
        ("[" * 100_000, (1, 1)),
    ],
)
def test_a_flaw_has_a_place(text: str | bytes, where: tuple[int, int]) -> None:
    flaw = flaw_of(text)

    assert flaw is not None
    assert (flaw.line, flaw.column) == where
    assert flaw.message


@given(st.text(max_size=30))
def test_any_text_has_a_flaw_or_none(text: str) -> None:
    flaw_of(text)
