"""The environment's table: every state under every trigger is legal or refused."""

from __future__ import annotations

import itertools

import pytest

from workbench.errors import InternalError
from workbench.model.environment import (
    TRANSITIONS,
    EnvironmentState,
    Trigger,
    next_state,
)

S, T = EnvironmentState, Trigger

LEGAL = {
    (S.CREATED, T.STARTED): S.INITIALIZING,
    (S.CREATED, T.RETIRED): S.RETIRING,
    (S.INITIALIZING, T.NEXT): S.IDLE,
    (S.INITIALIZING, T.INIT_FAILED): S.RESET,
    (S.INITIALIZING, T.RETIRED): S.RETIRING,
    (S.IDLE, T.ASSIGNED): S.BUSY,
    (S.IDLE, T.GRACE_OVER): S.FROZEN,
    (S.IDLE, T.RETIRED): S.RETIRING,
    (S.FROZEN, T.THAWED): S.IDLE,
    (S.FROZEN, T.RETIRED): S.RETIRING,
    (S.BUSY, T.ANSWERED): S.RESPONDED,
    (S.BUSY, T.FAILED): S.RESET,
    (S.BUSY, T.RETIRED): S.RETIRING,
    (S.RESPONDED, T.NEXT): S.IDLE,
    (S.RESPONDED, T.FAILED): S.RESET,
    (S.RESPONDED, T.RETIRED): S.RETIRING,
    (S.RESET, T.ASSIGNED): S.INITIALIZING,
    (S.RESET, T.RETIRED): S.RETIRING,
    (S.RETIRING, T.GONE): S.STOPPED,
}
"""Written down a second time on purpose: a change of the table is a change of behaviour."""


@pytest.mark.parametrize(
    ("state", "trigger"),
    itertools.product(EnvironmentState, Trigger),
    ids=str,
)
def test_every_state_under_every_trigger(state: EnvironmentState, trigger: Trigger) -> None:
    if (state, trigger) in LEGAL:
        assert next_state(state, trigger) is LEGAL[state, trigger]
    else:
        with pytest.raises(InternalError, match=f"that is {state} was {trigger}"):
            next_state(state, trigger)


def test_the_table_has_a_row_for_every_state() -> None:
    assert set(TRANSITIONS) == set(EnvironmentState)


def test_every_state_can_be_reached_and_left() -> None:
    reached = {target for row in TRANSITIONS.values() for target in row.values()}
    assert reached | {S.CREATED} == set(EnvironmentState)
    assert [state for state, row in TRANSITIONS.items() if not row] == [S.STOPPED]


def test_every_living_state_can_be_retired() -> None:
    living = set(EnvironmentState) - {S.RETIRING, S.STOPPED}
    assert {state for state, row in TRANSITIONS.items() if T.RETIRED in row} == living
