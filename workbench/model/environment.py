"""The execution environment's states, as one table.

Laws: everything that affects a transition is in `TRANSITIONS`; what is not in the table is refused
and is a bug. Only `engine/environment.py` holds a state.

Source of the behaviour: Lambda Developer Guide, "Lambda execution environment lifecycle";
recorded resets (a file in /tmp survived a timeout while a module variable did not).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from workbench.errors import InternalError
from workbench.model.concurrency import InitializationType
from workbench.model.container import ContainerOrigin, Figures
from workbench.model.invocation import NO_SPLIT, InitSplit
from workbench.model.names import EnvironmentId, FunctionName, Qualifier, RequestId
from workbench.values import dataclass


class EnvironmentState(StrEnum):
    """Where an environment is in its life."""

    CREATED = "created"
    """Asked for; the container is being made."""
    INITIALIZING = "initializing"
    """The runtime was started and has not asked for work yet."""
    IDLE = "idle"
    """The runtime waits in /next."""
    FROZEN = "frozen"
    """Idle, and stopped."""
    BUSY = "busy"
    """It has an event and has not answered."""
    RESPONDED = "responded"
    """It has answered and has not asked for more."""
    RESET = "reset"
    """The runtime is gone; the container and its /tmp wait for the next invocation."""
    RETIRING = "retiring"
    """It takes nothing more; the container is going."""
    STOPPED = "stopped"


class Trigger(StrEnum):
    """What can happen to an environment."""

    STARTED = "started"
    NEXT = "next"
    INIT_FAILED = "init failed"
    """/init/error, exit or deadline during init."""
    ASSIGNED = "assigned"
    ANSWERED = "answered"
    """/response or /error."""
    FAILED = "failed"
    """Exit or deadline after the event was handed over."""
    GRACE_OVER = "grace over"
    THAWED = "thawed"
    RETIRED = "retired"
    """Told to go, idle too long, exited while idle, or the container is lost."""
    GONE = "gone"


_S = EnvironmentState
_T = Trigger

TRANSITIONS: dict[EnvironmentState, dict[Trigger, EnvironmentState]] = {
    _S.CREATED: {_T.STARTED: _S.INITIALIZING, _T.RETIRED: _S.RETIRING},
    _S.INITIALIZING: {_T.NEXT: _S.IDLE, _T.INIT_FAILED: _S.RESET, _T.RETIRED: _S.RETIRING},
    _S.IDLE: {_T.ASSIGNED: _S.BUSY, _T.GRACE_OVER: _S.FROZEN, _T.RETIRED: _S.RETIRING},
    _S.FROZEN: {_T.THAWED: _S.IDLE, _T.RETIRED: _S.RETIRING},
    _S.BUSY: {_T.ANSWERED: _S.RESPONDED, _T.FAILED: _S.RESET, _T.RETIRED: _S.RETIRING},
    _S.RESPONDED: {_T.NEXT: _S.IDLE, _T.FAILED: _S.RESET, _T.RETIRED: _S.RETIRING},
    _S.RESET: {_T.ASSIGNED: _S.INITIALIZING, _T.RETIRED: _S.RETIRING},
    _S.RETIRING: {_T.GONE: _S.STOPPED},
    _S.STOPPED: {},
}


def next_state(state: EnvironmentState, trigger: Trigger) -> EnvironmentState:
    """Where `trigger` leads from `state`. Raises `InternalError` for what the table does not allow."""
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise InternalError(f"An environment that is {state} was {trigger}.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSnapshot:
    """An environment as `ps` and the screen show it."""

    environment_id: EnvironmentId
    function: FunctionName
    version: Qualifier
    state: EnvironmentState
    container: str
    """Its name in the container engine."""
    created_at: datetime
    changed_at: datetime
    """When it entered its state."""
    idle_until: datetime | None
    """When it will be retired if nothing comes; `None` while it works or never."""
    invocations: int
    """Invocations it was given."""
    invocation: RequestId | None
    """The one in progress."""
    init_ms: float | None
    """Of the first init that succeeded."""
    split: InitSplit = NO_SPLIT
    """Where the time of its latest start went."""
    memory_mb: int
    figures: Figures
    code_digest: str
    initialization_type: InitializationType = InitializationType.ON_DEMAND
    retiring: bool = False
    """It will go when its invocation ends: newer code has taken its place."""
    origin: ContainerOrigin = ContainerOrigin.PLAIN
    """How its container came to be, once it has one."""
