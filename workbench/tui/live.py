"""Runs in progress: how far each one is, read off the telemetry.

Invariant: a run is here from `Accepted` until `Report`, whoever asked for it. Phases only say what
has been seen: a run in line is in `CONTAINER` while a container for its function is being made.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.invocation import Acceptance, RunSummary
from workbench.model.names import EnvironmentId, RequestId
from workbench.model.telemetry import (
    Accepted,
    EnvironmentChanged,
    InitStart,
    Report,
    Start,
    Telemetry,
)
from workbench.values import dataclass


class Phase(StrEnum):
    """What an invocation waits for."""

    QUEUE = "queue"
    CONTAINER = "container"
    INIT = "init"
    HANDLER = "handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """One of them."""

    acceptance: Acceptance
    phase: Phase = Phase.QUEUE
    since: datetime
    """When it entered its phase."""
    passed: tuple[tuple[Phase, float], ...] = ()
    """Phases it has left, with their milliseconds."""
    cold: bool = False
    environment_id: EnvironmentId | None = None
    deadline: datetime | None = None

    @property
    def request_id(self) -> RequestId:
        return self.acceptance.request_id

    def elapsed_s(self, now: datetime) -> float:
        """Since it was accepted."""
        return max(0.0, (now - self.acceptance.accepted_at).total_seconds())

    def entered(self, phase: Phase, at: datetime) -> LiveRun:
        """It goes into another phase; nothing changes if it is there already."""
        if phase is self.phase:
            return self
        took_ms = max(0.0, (at - self.since).total_seconds() * 1000)
        cold = self.cold or phase in (Phase.CONTAINER, Phase.INIT)
        return replace(
            self, phase=phase, since=at, passed=(*self.passed, (self.phase, took_ms)), cold=cold
        )

    def summary(self) -> RunSummary:
        """As lists show it."""
        acceptance = self.acceptance
        return RunSummary(
            request_id=acceptance.request_id,
            function=acceptance.function,
            version=acceptance.version,
            origin=acceptance.origin,
            event=acceptance.event,
            accepted_at=acceptance.accepted_at,
            code_digest=acceptance.code_digest,
            kind=None,
            cold=True if self.cold else None,
        )


_STARTING = {
    EnvironmentState.CREATED: Phase.CONTAINER,
    EnvironmentState.INITIALIZING: Phase.INIT,
}


class LiveRuns:
    """All of them, oldest first, and the environments they wait for."""

    def __init__(self) -> None:
        self._runs: dict[RequestId, LiveRun] = {}
        self._environments: dict[EnvironmentId, EnvironmentSnapshot] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, request_id: RequestId) -> bool:
        return request_id in self._runs

    @property
    def runs(self) -> tuple[LiveRun, ...]:
        return tuple(self._runs.values())

    @property
    def environments(self) -> tuple[EnvironmentSnapshot, ...]:
        """Those that are not gone."""
        return tuple(self._environments.values())

    def get(self, request_id: RequestId) -> LiveRun | None:
        return self._runs.get(request_id)

    def adopt(self, environments: tuple[EnvironmentSnapshot, ...]) -> None:
        """What there was before anyone listened, or after something was missed."""
        self._environments = {each.environment_id: each for each in environments}

    def drop(self, request_id: RequestId) -> None:
        """It is over: said by someone who knows, after its report was missed."""
        self._runs.pop(request_id, None)

    def hear(self, value: Telemetry) -> bool:
        """Take a value up; whether it was about runs or environments."""
        if isinstance(value, Accepted):
            acceptance = value.acceptance
            self._runs[acceptance.request_id] = LiveRun(
                acceptance=acceptance, since=acceptance.accepted_at
            )
        elif isinstance(value, EnvironmentChanged):
            self._environment(value.environment)
        elif isinstance(value, InitStart):
            self._init(value)
        elif isinstance(value, Start):
            self._start(value)
        elif isinstance(value, Report):
            self._runs.pop(value.record.request_id, None)
        else:
            return False
        return True

    def _environment(self, environment: EnvironmentSnapshot) -> None:
        if environment.state is EnvironmentState.STOPPED:
            self._environments.pop(environment.environment_id, None)
        else:
            self._environments[environment.environment_id] = environment
        if environment.state is EnvironmentState.BUSY and environment.invocation is not None:
            self._enter(environment.invocation, Phase.HANDLER, environment.changed_at)
        phase = _STARTING.get(environment.state)
        if phase is None or environment.invocation is not None:
            return
        for run in self._in_line(environment):
            # another one may be further already: the furthest is the one that counts
            if not (run.phase is Phase.INIT and phase is Phase.CONTAINER):
                self._runs[run.request_id] = run.entered(phase, environment.changed_at)

    def _init(self, value: InitStart) -> None:
        if value.request_id is not None:
            self._enter(value.request_id, Phase.INIT, value.at)

    def _start(self, value: Start) -> None:
        self._enter(value.request_id, Phase.HANDLER, value.at)
        run = self._runs.get(value.request_id)
        if run is not None:
            self._runs[value.request_id] = replace(
                run, environment_id=value.environment_id, deadline=value.deadline
            )

    def _enter(self, request_id: RequestId, phase: Phase, at: datetime) -> None:
        run = self._runs.get(request_id)
        if run is not None:
            self._runs[request_id] = run.entered(phase, at)

    def _in_line(self, environment: EnvironmentSnapshot) -> list[LiveRun]:
        return [
            run
            for run in self._runs.values()
            if run.acceptance.function == environment.function and run.environment_id is None
        ]
