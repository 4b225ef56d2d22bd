from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.keys import Keys

from workbench.model.names import FunctionName, RequestId
from workbench.tui.actions import ACTIONS, BY_ID, Action, Danger, Scope, cli_run, footer, here
from workbench.tui.help_text import PANES, manual, moving_actions, other_actions, pane_actions
from workbench.tui.situation import Pane, Situation, Tab

USUAL = Situation(
    pane=Pane.EVENT, function=FunctionName("orders"), event="created", events=3, run=RequestId("1")
)
SITUATIONS = st.builds(
    Situation,
    pane=st.sampled_from([*Pane]),
    typing=st.booleans(),
    tab=st.sampled_from([*Tab]),
    function=st.none() | st.just(FunctionName("orders")),
    cannot_run=st.none() | st.just("orders is broken."),
    engine_down=st.none() | st.just("Docker does not answer."),
    event=st.none() | st.just("created"),
    events=st.integers(0, 2),
    dirty=st.booleans(),
    flaw=st.none() | st.just("line 1"),
    payload=st.none() | st.just("{}"),
    run=st.none() | st.just(RequestId("1")),
    running=st.booleans(),
    in_flight=st.booleans(),
    undoable=st.booleans(),
    editor=st.booleans(),
    pager=st.booleans(),
    found=st.booleans(),
)
UNSENDABLE = {f"ctrl+{letter}" for letter in "hijklm"} | {"ctrl+left_square_bracket"}
"""On a terminal without the Kitty protocol these are other keys: backspace, tab, enter, escape."""
TAKEN = {"ctrl+a", "ctrl+b", "ctrl+z", "f6", "f7"}
"""By screen, tmux, job control, text areas."""


def test_ids_are_unique() -> None:
    assert len(BY_ID) == len(ACTIONS)


@given(SITUATIONS)
def test_a_key_means_one_thing_in_any_situation(situation: Situation) -> None:
    keys = [key for action in here(situation) for key in action.keys]

    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_key_can_be_sent_by_any_terminal(action: Action) -> None:
    known = {str(key.value) for key in Keys}
    for key in action.keys:
        last = key.rpartition("+")[2]
        assert key not in UNSENDABLE | TAKEN
        named = last in ("question_mark", "colon", "less_than_sign", "greater_than_sign")
        assert len(last) == 1 or key in known or last in known or named, key


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_what_works_while_typing_is_no_letter(action: Action) -> None:
    if action.scope is Scope.ALWAYS:
        assert all(len(key) > 1 for key in action.keys)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_is_explained(action: Action) -> None:
    assert action.help.endswith(".")
    assert action.label
    assert action.keys or action.palette


@given(SITUATIONS, st.sampled_from(ACTIONS))
def test_a_refusal_is_a_sentence(situation: Situation, action: Action) -> None:
    refused = action.why_not(situation)

    assert refused is None or refused.endswith(".")


def test_what_matters_has_a_second_way() -> None:
    """Not all of them reach every terminal: tmux and browsers keep some for themselves."""
    for action in ("run", "palette", "save", "help", "editor", "zoom", "keys"):
        keys = BY_ID[action].keys
        twins = [other for other in ACTIONS if other.id.startswith(f"{action}.")]
        assert len(keys) + len(twins) > 1 or BY_ID[action].palette, action


def test_nothing_dangerous_is_next_to_moving() -> None:
    moving = {key for action in ACTIONS if action.group == "Move" for key in action.keys}

    for action in ACTIONS:
        if action.danger is not Danger.NONE:
            assert not moving & set(action.keys)


@given(SITUATIONS)
def test_the_footer_names_only_keys_that_mean_something(situation: Situation) -> None:
    for action in footer(situation):
        assert action.keys
        assert action.here(situation)


def test_the_footer_says_how_to_leave_while_typing_only() -> None:
    assert BY_ID["leave"] in footer(replace(USUAL, typing=True))
    assert BY_ID["leave"] not in footer(USUAL)


def test_every_key_is_in_the_help_of_some_pane() -> None:
    shown = {
        action.id
        for pane, tab in itertools.product(Pane, Tab)
        for action in [
            *pane_actions(pane, tab),
            *other_actions(Situation(pane=pane, tab=tab)),
            *other_actions(Situation(pane=pane, tab=tab, engine_down="It is gone.")),
            *moving_actions(),
        ]
    }
    twins = {action.id for action in ACTIONS if action.id.endswith((".outside", ".colon"))}

    assert {action.id for action in ACTIONS if action.keys} - twins <= shown


def test_every_pane_is_explained() -> None:
    assert set(PANES) == set(Pane)


@pytest.mark.parametrize(
    ("situation", "line"),
    [
        (USUAL, "wb invoke orders -e created"),
        (replace(USUAL, event="it's"), "wb invoke orders -e 'it'\"'\"'s'"),
        (replace(USUAL, dirty=True, payload='{"a": 1}'), "wb invoke orders --payload '{\"a\": 1}'"),
        (replace(USUAL, dirty=True, payload=None), "wb invoke orders --payload @FILE"),
        (replace(USUAL, project="/my shop"), "wb invoke orders -e created --project '/my shop'"),
        (replace(USUAL, function=None), None),
    ],
)
def test_the_shell_line_does_the_same(situation: Situation, line: str | None) -> None:
    assert cli_run(situation) == line


def test_the_keys_in_the_docs_are_the_keys_there_are() -> None:
    docs = Path(__file__).parents[3] / "docs" / "keys.md"

    assert docs.read_text() == "\n".join(manual()) + "\n", (
        "run: python -m workbench.tui.help_text > docs/keys.md"
    )
