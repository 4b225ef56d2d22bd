"""Deployments: traffic of an alias moves from one version to another, step by step, and back if need be.

Pure. A deployment is a value; `advance` says what becomes of it by now, one transition at a time, and
whoever keeps it writes that down together with what it asks of the alias. Laws: the new version's
share only grows while a deployment runs; in the end it is all, or the alias is exactly as before, or,
where a person said so, it stays as it is.

Source: CodeDeploy User Guide, "AppSpec 'hooks' section for an AWS Lambda deployment", "Redeploy and
roll back a deployment"; API reference, DeploymentInfo, LifecycleEvent, ErrorInformation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from workbench.errors import InvalidParameter
from workbench.expression import expression
from workbench.model.alarm import MAX_ALARMS, Alarm, Traffic
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.release import Alias
from workbench.model.strategy import Strategy, StrategyKind
from workbench.values import dataclass

HOOK_TIMEOUT_S = 3600.0
"""Source: CodeDeploy User Guide: a hook that does not report within one hour has failed."""

_ID = expression(r"d-[A-Z0-9]{9}")
ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class DeploymentStatus(StrEnum):
    """Source: CodeDeploy API reference, DeploymentInfo, status; those that occur here."""

    CREATED = "Created"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    """By a person or by an alarm."""

    @property
    def ended(self) -> bool:
        return self not in (DeploymentStatus.CREATED, DeploymentStatus.IN_PROGRESS)


class ErrorCode(StrEnum):
    """Why one did not succeed. Source: CodeDeploy API reference, ErrorInformation, code."""

    ALARM_ACTIVE = "ALARM_ACTIVE"
    MANUAL_STOP = "MANUAL_STOP"
    HOOK_EXECUTION_FAILURE = "HOOK_EXECUTION_FAILURE"
    TIMEOUT = "TIMEOUT"
    INVALID_LAMBDA_CONFIGURATION = "INVALID_LAMBDA_CONFIGURATION"
    """The alias was changed or deleted underneath it."""


class EventName(StrEnum):
    """Life-cycle events, in their order."""

    BEFORE = "BeforeAllowTraffic"
    ALLOW = "AllowTraffic"
    AFTER = "AfterAllowTraffic"


class EventStatus(StrEnum):
    """Source: CodeDeploy API reference, LifecycleEvent, status."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleEvent:
    """One part of a deployment, and the hook that decides it, where there is one."""

    name: EventName
    status: EventStatus = EventStatus.PENDING
    hook: str | None = None
    execution_id: str | None = None
    """What the hook reports under; with every hook."""
    reported: EventStatus | None = None
    """`SUCCEEDED` or `FAILED`, as the hook said; taken up by `advance`."""
    failure: str | None = None
    """Why the hook could not even report: its invocation failed. A sentence."""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Where an alias leads: its part that deployments move."""

    version: Qualifier
    additional: Qualifier | None = None
    weight: float = 0.0
    """Of `additional`."""

    @classmethod
    def of(cls, alias: Alias) -> Routing:
        """An alias's."""
        return cls(version=alias.version, additional=alias.additional, weight=alias.weight)

    def put(self, alias: Alias) -> Alias:
        """The alias with this routing, and what else it has."""
        return replace(alias, version=self.version, additional=self.additional, weight=self.weight)

    def share(self, version: Qualifier) -> float:
        """Of `version`, 0 to 1."""
        if version == self.additional:
            return self.weight
        return 1 - self.weight if version == self.version else 0.0

    def __str__(self) -> str:
        if self.additional is None:
            return f"{self.version} 100%"
        rest = f"{self.version} {100 * (1 - self.weight):g}%"
        return f"{rest}, {self.additional} {100 * self.weight:g}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """Somebody asked for it to end."""

    at: datetime
    rollback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """What a person asks for."""

    function: FunctionName
    alias: Qualifier
    version: Qualifier
    """Where the traffic shall go: a number."""
    strategy: Strategy
    before_hook: str | None = None
    """The function that decides before any traffic moves: `NAME` or `NAME:QUALIFIER`."""
    after_hook: str | None = None
    """And after all of it has."""
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment, as far as it is."""

    id: str
    """`d-` and nine capital letters or digits."""
    plan: DeploymentPlan
    before: Routing
    """The alias's, when it was asked for."""
    created_at: datetime
    events: tuple[LifecycleEvent, ...]
    """In their order."""
    routing: Routing
    """The alias's now, if nobody else changed it."""
    status: DeploymentStatus = DeploymentStatus.CREATED
    step: int = 0
    """Shifts made."""
    next_at: datetime | None = None
    """Of the next shift."""
    stop: StopRequest | None = None
    ended_at: datetime | None = None
    code: ErrorCode | None = None
    why: str | None = None
    """Why it did not succeed: a sentence."""
    rolled_back: bool = False

    @property
    def weight(self) -> float:
        """The new version's share, 0 to 1."""
        return self.routing.share(self.plan.version)

    @property
    def old_version(self) -> Qualifier:
        """The one that loses its traffic."""
        return self.before.version

    @property
    def current(self) -> LifecycleEvent | None:
        """The event it is in."""
        for event in self.events:
            if event.status is EventStatus.IN_PROGRESS:
                return event
        return None

    @property
    def hook_due(self) -> LifecycleEvent | None:
        """The event whose hook is to run, or runs: nothing is known of it yet."""
        event = self.current
        if event is None or event.hook is None or event.reported or event.failure:
            return None
        return event

    def wake_at(self) -> datetime | None:
        """When `advance` has something to do if nothing happens before; `None`: at once, or never."""
        hook = self.hook_due
        if hook is not None and hook.started_at is not None:
            return hook.started_at + timedelta(seconds=HOOK_TIMEOUT_S)
        return self.next_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What `advance` has to know of the world."""

    alias: Alias | None
    """As it is now; `None`: there is none any more."""
    traffic: Traffic = Traffic()
    """The alias's own calls of the new version since the deployment began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One entry of a deployment's journal, and what it asks of the alias."""

    at: datetime
    event: str
    """The life-cycle event it belongs to, or `Start` or `End`."""
    weight: float
    """The new version's share after it."""
    reason: str
    """A sentence."""
    routing: Routing | None = None
    """The alias is to be led there, in the same transaction; `None`: it stays."""


# --- beginning ----------------------------------------------------------------------------------------


def begin(
    plan: DeploymentPlan,
    alias: Alias,
    *,
    deployment_id: str,
    execution_ids: Mapping[EventName, str],
    now: datetime,
) -> Deployment:
    """A new deployment. Raises `InvalidParameter` for what cannot be shifted."""
    where = f"{plan.function}:{alias.name}"
    if alias.version == plan.version and alias.additional is None:
        raise InvalidParameter(f"{where} leads to {plan.version} already.", parameter="version")
    if alias.version == plan.version:
        raise InvalidParameter(
            f"{where} already leads to {plan.version}, and gives {alias.additional} "
            f"{100 * alias.weight:g}%. Say so with `alias update` instead.",
            parameter="version",
        )
    if plan.version == LATEST or (
        alias.version == LATEST and plan.strategy.kind is not StrategyKind.ALL_AT_ONCE
    ):
        raise InvalidParameter(
            f"$LATEST cannot share an alias with another version: publish it, and let {where} lead "
            "to its number.",
            parameter="version",
        )
    if len(plan.alarms) > MAX_ALARMS:
        raise InvalidParameter(f"A deployment has at most {MAX_ALARMS} alarms.", parameter="alarm")
    hooks = {EventName.BEFORE: plan.before_hook, EventName.AFTER: plan.after_hook}
    events = tuple(
        LifecycleEvent(
            name=name,
            hook=hooks.get(name),
            execution_id=execution_ids[name] if hooks.get(name) is not None else None,
        )
        for name in EventName
    )
    return Deployment(
        id=deployment_id,
        plan=plan,
        before=Routing.of(alias),
        routing=Routing.of(alias),
        created_at=now,
        events=events,
    )


def is_deployment_id(text: str) -> bool:
    """It has the form of one."""
    return _ID.fullmatch(text) is not None


# --- what is told to a deployment -----------------------------------------------------------------------


def with_event(deployment: Deployment, changed: LifecycleEvent) -> Deployment:
    """With one of its events as it is now."""
    events = tuple(changed if each.name is changed.name else each for each in deployment.events)
    return replace(deployment, events=events)


def event_of(deployment: Deployment, execution_id: str) -> LifecycleEvent | None:
    """The event that is reported under `execution_id`."""
    for event in deployment.events:
        if event.execution_id == execution_id and execution_id:
            return event
    return None


# --- advancing -------------------------------------------------------------------------------------------


def advance(
    deployment: Deployment, now: datetime, facts: Facts
) -> tuple[Deployment, tuple[Move, ...]]:
    """The next thing that has become of it by `now`, if any: the same deployment and no moves if not.

    One transition at a time, so that each can be one transaction: call it until nothing moves.
    """
    if deployment.status.ended:
        return deployment, ()
    ending = _ending(deployment, now, facts)
    if ending is not None:
        return ending
    if deployment.status is DeploymentStatus.CREATED:
        started = replace(deployment, status=DeploymentStatus.IN_PROGRESS)
        said = f"{deployment.old_version} to {deployment.plan.version}, {deployment.plan.strategy}."
        return started, (_move(started, now, "Start", said),)
    event = deployment.current
    if event is None:
        return _enter_next(deployment, now)
    if event.name is EventName.ALLOW:
        return _shift(deployment, event, now)
    return _take_up_report(deployment, event, now)


def _ending(
    deployment: Deployment, now: datetime, facts: Facts
) -> tuple[Deployment, tuple[Move, ...]] | None:
    """What ends it before its time."""
    alias, stop = facts.alias, deployment.stop
    if alias is None or Routing.of(alias) != deployment.routing:
        where = f"{deployment.plan.function}:{deployment.plan.alias}"
        changed = "deleted" if alias is None else f"changed (it is {Routing.of(alias)})"
        why = f"{where} was {changed} by somebody else; it is left as it is."
        routing = deployment.routing if alias is None else Routing.of(alias)
        left = replace(deployment, routing=routing)
        return _fail(left, now, ErrorCode.INVALID_LAMBDA_CONFIGURATION, why, rollback=False)
    if stop is not None:
        why = "It was stopped by hand."
        return _fail(deployment, now, ErrorCode.MANUAL_STOP, why, rollback=stop.rollback)
    fired = [alarm.fires(facts.traffic) for alarm in deployment.plan.alarms if deployment.step > 0]
    for why_alarm in filter(None, fired):
        return _fail(deployment, now, ErrorCode.ALARM_ACTIVE, why_alarm)
    refused = _hook_failure(deployment.current, now)
    return None if refused is None else _fail(deployment, now, *refused)


def _hook_failure(event: LifecycleEvent | None, now: datetime) -> tuple[ErrorCode, str] | None:
    """Why the hook of `event` lets it go no further, if so."""
    if event is None or event.hook is None:
        return None
    if event.failure is not None:
        return ErrorCode.HOOK_EXECUTION_FAILURE, event.failure
    if event.reported is EventStatus.FAILED:
        return ErrorCode.HOOK_EXECUTION_FAILURE, f"The hook {event.hook} reported Failed."
    started = event.started_at or now
    if event.reported is None and now >= started + timedelta(seconds=HOOK_TIMEOUT_S):
        return ErrorCode.TIMEOUT, f"The hook {event.hook} did not report within one hour."
    return None


_STOPPED_BY = (ErrorCode.MANUAL_STOP, ErrorCode.ALARM_ACTIVE)
"""Source: CodeDeploy User Guide: with an alarm the deployment stops, and its status is Stopped."""


def _fail(
    deployment: Deployment, now: datetime, code: ErrorCode, why: str, *, rollback: bool = True
) -> tuple[Deployment, tuple[Move, ...]]:
    events = []
    for event in deployment.events:
        if event.status is EventStatus.IN_PROGRESS:
            event = replace(event, status=EventStatus.FAILED, ended_at=now)  # noqa: PLW2901
        elif event.status is EventStatus.PENDING:
            event = replace(event, status=EventStatus.SKIPPED)  # noqa: PLW2901
        events.append(event)
    stopped = code in _STOPPED_BY
    moved = rollback and deployment.routing != deployment.before
    ended = replace(
        deployment,
        status=DeploymentStatus.STOPPED if stopped else DeploymentStatus.FAILED,
        events=tuple(events),
        routing=deployment.before if rollback else deployment.routing,
        next_at=None,
        ended_at=now,
        code=code,
        why=why,
        rolled_back=moved,
    )
    said = f"{why} Rolled back to {deployment.before}." if moved else why
    return ended, (_move(ended, now, "End", said, moved=moved),)


def _enter_next(deployment: Deployment, now: datetime) -> tuple[Deployment, tuple[Move, ...]]:
    """Begin the first event that has not begun, or end well."""
    for event in deployment.events:
        if event.status is not EventStatus.PENDING:
            continue
        if event.name is EventName.ALLOW:
            begun = replace(event, status=EventStatus.IN_PROGRESS, started_at=now)
            return _shift(with_event(deployment, begun), begun, now, first=True)
        if event.hook is None:
            skipped = with_event(deployment, replace(event, status=EventStatus.SKIPPED))
            return skipped, (_move(skipped, now, event.name, "There is no hook."),)
        begun = replace(event, status=EventStatus.IN_PROGRESS, started_at=now)
        waiting = with_event(deployment, begun)
        return waiting, (_move(waiting, now, event.name, f"{event.hook} is asked."),)
    ended = replace(deployment, status=DeploymentStatus.SUCCEEDED, ended_at=now)
    return ended, (_move(ended, now, "End", "It succeeded."),)


def _shift(
    deployment: Deployment, event: LifecycleEvent, now: datetime, *, first: bool = False
) -> tuple[Deployment, tuple[Move, ...]]:
    """The next step, if it is time."""
    if not first and (deployment.next_at is None or now < deployment.next_at):
        return deployment, ()
    strategy, version = deployment.plan.strategy, deployment.plan.version
    step = deployment.step + 1
    # Where the new version had a share before, it never gets less.
    weight = max(strategy.weight(step), deployment.weight)
    last = weight >= 1.0
    routing = (
        Routing(version=version)
        if last
        else Routing(version=deployment.old_version, additional=version, weight=weight)
    )
    # From now, not from when it was due: each share lasts its time, though a driver was away.
    next_at = None if last else now + timedelta(seconds=strategy.interval_s)
    shifted = replace(deployment, step=step, routing=routing, next_at=next_at)
    if last:
        done = replace(event, status=EventStatus.SUCCEEDED, ended_at=now)
        shifted = with_event(shifted, done)
    said = f"{version} gets {100 * weight:g}%."
    return shifted, (_move(shifted, now, event.name, said, moved=True),)


def _take_up_report(
    deployment: Deployment, event: LifecycleEvent, now: datetime
) -> tuple[Deployment, tuple[Move, ...]]:
    """A hook lets it go on, if it has said so."""
    if event.reported is not EventStatus.SUCCEEDED:
        return deployment, ()
    done = with_event(deployment, replace(event, status=EventStatus.SUCCEEDED, ended_at=now))
    return done, (_move(done, now, event.name, f"{event.hook} reported Succeeded."),)


def _move(
    deployment: Deployment, now: datetime, event: str, reason: str, *, moved: bool = False
) -> Move:
    return Move(
        at=now,
        event=event,
        weight=deployment.weight,
        reason=reason,
        routing=deployment.routing if moved else None,
    )
