"""Deployments: their state, what each did, and their steps.

Invariant: a step and what it does to the alias are one transaction, so that a process that dies
anywhere leaves a deployment that any other can go on with.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from workbench.clock import Clock
from workbench.errors import (
    DeploymentNotFound,
    DeploymentRunning,
    FunctionNotFound,
    HookReportRefused,
    InvalidParameter,
)
from workbench.model.alarm import Traffic
from workbench.model.deployment import (
    ID_LETTERS,
    Deployment,
    DeploymentPlan,
    EventName,
    EventStatus,
    Facts,
    LifecycleEvent,
    Move,
    StopRequest,
    advance,
    begin,
    event_of,
    is_deployment_id,
    with_event,
)
from workbench.model.hook_report import already_completed
from workbench.model.names import FunctionName, Qualifier
from workbench.model.release import Alias, Change, ChangeKind, new_revision
from workbench.store.releases import aliases, changes
from workbench.store.releases.database import ReleaseDatabase
from workbench.store.releases.deployment_json import from_json, to_json
from workbench.store.times import from_us, to_optional_us, to_us

_STATUSES = {"Succeeded": EventStatus.SUCCEEDED, "Failed": EventStatus.FAILED}


class DeploymentStore:
    """Those of one project. Everything raises `StoreError`."""

    def __init__(self, database: ReleaseDatabase, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, plan: DeploymentPlan) -> Deployment:
        """A new one, which nobody drives yet.

        Raises `AliasNotFound`, `FunctionNotFound` for the version, `InvalidParameter`, and
        `DeploymentRunning` when the alias has one.
        """
        return await self._database.write(partial(_create, plan=plan, now=self._clock.now()))

    async def step(
        self, deployment_id: str, traffic: Traffic
    ) -> tuple[Deployment, tuple[Move, ...]]:
        """Take the next step that is due, if any; no moves: there was none."""
        now = self._clock.now()
        return await self._database.write(
            partial(_step, deployment_id=deployment_id, traffic=traffic, now=now)
        )

    async def report(self, deployment_id: str, execution_id: str, status: str) -> None:
        """What a hook says: `Succeeded` or `Failed`.

        Raises `HookReportRefused`, `DeploymentNotFound`. Source: CodeDeploy API reference,
        PutLifecycleEventHookExecutionStatus.
        """
        if not is_deployment_id(deployment_id):
            raise HookReportRefused(
                f"{deployment_id!r} is not the id of a deployment.",
                code="InvalidDeploymentIdException",
            )
        found = _STATUSES.get(status)
        if found is None:
            raise HookReportRefused(
                f"{status!r} is no status of a hook: report Succeeded or Failed.",
                code="InvalidLifecycleEventHookExecutionStatusException",
            )

        def told(event: LifecycleEvent) -> LifecycleEvent:
            return replace(event, reported=found)

        await self._database.write(
            partial(_tell, deployment_id=deployment_id, execution_id=execution_id, told=told)
        )

    async def hook_failed(self, deployment_id: str, execution_id: str, why: str) -> None:
        """Its invocation failed. Nothing, where the hook had reported before."""

        def told(event: LifecycleEvent) -> LifecycleEvent:
            return replace(event, failure=why)

        try:
            await self._database.write(
                partial(_tell, deployment_id=deployment_id, execution_id=execution_id, told=told)
            )
        except HookReportRefused:
            return

    async def stop(self, deployment_id: str, *, rollback: bool) -> Deployment:
        """Ask for its end; whoever drives it sees to that. One that has ended stays as it is.

        Raises `DeploymentNotFound`.
        """
        now = self._clock.now()

        def work(connection: sqlite3.Connection) -> Deployment:
            found = get(connection, deployment_id)
            if found.status.ended:
                return found
            stopping = replace(found, stop=StopRequest(at=now, rollback=rollback))
            _put(connection, stopping)
            return stopping

        return await self._database.write(work)

    async def get(self, deployment_id: str) -> Deployment:
        """One. Raises `DeploymentNotFound`."""
        return await self._database.read(lambda connection: get(connection, deployment_id))

    async def moves(self, deployment_id: str) -> tuple[Move, ...]:
        """What it did, oldest first; without the routing."""
        return await self._database.read(partial(_moves, deployment_id=deployment_id))

    async def recent(
        self, function: FunctionName | None = None, *, limit: int = 50
    ) -> tuple[Deployment, ...]:
        """The newest first, those that run among them."""
        return await self._database.read(partial(_recent, function=function, limit=limit))

    async def running(self) -> tuple[tuple[Deployment, Alias | None], ...]:
        """Those that have not ended, oldest first, each with its alias as it is now."""
        if not self._database.path.exists():
            return ()
        return await self._database.read(_running)


# --- in a transaction -------------------------------------------------------------------------------------


def get(connection: sqlite3.Connection, deployment_id: str) -> Deployment:
    """One. Raises `DeploymentNotFound`."""
    found = connection.execute(
        "SELECT document FROM deployments WHERE id = ?", (deployment_id,)
    ).fetchone()
    if found is None:
        raise DeploymentNotFound(deployment_id)
    return from_json(found[0])


def running_on(
    connection: sqlite3.Connection, function: str, alias: str | None = None
) -> tuple[Deployment, ...]:
    """Those of a function, or of one alias, that have not ended."""
    found = connection.execute(
        "SELECT document FROM deployments WHERE function = ? AND ended_at IS NULL", (function,)
    )
    all_of_it = (from_json(document) for (document,) in found)
    return tuple(one for one in all_of_it if alias in (None, one.plan.alias))


def check_unused(connection: sqlite3.Connection, function: str, version: Qualifier) -> None:
    """Raises `DeploymentRunning` while one needs `version`, if only to roll back to it."""
    for one in running_on(connection, function):
        if version in (one.plan.version, one.before.version, one.before.additional):
            raise DeploymentRunning(one.id, function=function, alias=one.plan.alias)


def undo_shift(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """The alias is again what it was before a step. Raises `DeploymentRunning` while it goes on."""
    function, _, alias = change.subject.partition(":")
    for one in running_on(connection, function, alias):
        raise DeploymentRunning(one.id, function=function, alias=alias)
    aliases.undo_update(connection, change, at)


def _create(connection: sqlite3.Connection, *, plan: DeploymentPlan, now: datetime) -> Deployment:
    alias = aliases.get(connection, plan.function, plan.alias)
    for one in running_on(connection, plan.function, plan.alias):
        raise DeploymentRunning(one.id, function=plan.function, alias=plan.alias)
    deployment = begin(
        plan,
        alias,
        deployment_id=f"d-{''.join(secrets.choice(ID_LETTERS) for _ in range(9))}",
        execution_ids={name: secrets.token_urlsafe(48) for name in EventName},
        now=now,
    )
    _check_version(connection, plan)
    connection.execute(
        "INSERT INTO deployments (id, function, alias, created_at, document) VALUES (?, ?, ?, ?, ?)",
        (deployment.id, plan.function, plan.alias, to_us(now), to_json(deployment)),
    )
    return deployment


def _check_version(connection: sqlite3.Connection, plan: DeploymentPlan) -> None:
    if not plan.version.isdecimal():
        raise InvalidParameter(
            f"A deployment leads to the number of a version, not to {plan.version!r}.",
            parameter="version",
        )
    found = connection.execute(
        "SELECT 1 FROM versions WHERE function = ? AND number = ? AND deleted_at IS NULL",
        (plan.function, int(plan.version)),
    ).fetchone()
    if found is None:
        raise FunctionNotFound(plan.function, qualifier=plan.version)


def _step(
    connection: sqlite3.Connection, *, deployment_id: str, traffic: Traffic, now: datetime
) -> tuple[Deployment, tuple[Move, ...]]:
    before = get(connection, deployment_id)
    plan = before.plan
    alias = aliases.find(connection, plan.function, plan.alias)
    after, moves = advance(before, now, Facts(alias=alias, traffic=traffic))
    if not moves:
        return before, ()
    for move in moves:
        _record(connection, after, move)
        if move.routing is not None and alias is not None:
            moved = replace(move.routing.put(alias), revision_id=new_revision())
            aliases.put(connection, moved)
            changes.record(
                connection,
                Change(
                    at=now,
                    kind=ChangeKind.SHIFT,
                    subject=f"{plan.function}:{plan.alias}",
                    summary=f"Deployment {after.id} of {plan.function}:{plan.alias}: {move.reason}",
                    before=aliases.to_json(alias),
                    after=aliases.to_json(moved),
                ),
            )
            alias = moved
    _put(connection, after)
    return after, moves


def _tell(
    connection: sqlite3.Connection,
    *,
    deployment_id: str,
    execution_id: str,
    told: Callable[[LifecycleEvent], LifecycleEvent],
) -> None:
    found = get(connection, deployment_id)
    event = event_of(found, execution_id)
    if event is None:
        raise HookReportRefused(
            f"Deployment {deployment_id} has no hook with that execution id.",
            code="InvalidLifecycleEventHookExecutionIdException",
        )
    if found.hook_due != event:
        raise already_completed(f"{event.name} of deployment {deployment_id}")
    _put(connection, with_event(found, told(event)))


def _put(connection: sqlite3.Connection, deployment: Deployment) -> None:
    connection.execute(
        "UPDATE deployments SET document = ?, ended_at = ? WHERE id = ?",
        (to_json(deployment), to_optional_us(deployment.ended_at), deployment.id),
    )


def _record(connection: sqlite3.Connection, deployment: Deployment, move: Move) -> None:
    connection.execute(
        "INSERT INTO deployment_moves (deployment, number, at, event, weight, reason) "
        "SELECT ?, count(*) + 1, ?, ?, ?, ? FROM deployment_moves WHERE deployment = ?",
        (deployment.id, to_us(move.at), move.event, move.weight, move.reason, deployment.id),
    )


def _moves(connection: sqlite3.Connection, *, deployment_id: str) -> tuple[Move, ...]:
    found = connection.execute(
        "SELECT at, event, weight, reason FROM deployment_moves WHERE deployment = ? ORDER BY number",
        (deployment_id,),
    )
    return tuple(
        Move(at=from_us(at), event=event, weight=weight, reason=reason)
        for at, event, weight, reason in found
    )


def _recent(
    connection: sqlite3.Connection, *, function: FunctionName | None, limit: int
) -> tuple[Deployment, ...]:
    found = connection.execute(
        "SELECT document FROM deployments WHERE ?1 IS NULL OR function = ?1 "
        "ORDER BY created_at DESC LIMIT ?2",
        (function, limit),
    )
    return tuple(from_json(document) for (document,) in found)


def _running(connection: sqlite3.Connection) -> tuple[tuple[Deployment, Alias | None], ...]:
    found = connection.execute(
        "SELECT document FROM deployments WHERE ended_at IS NULL ORDER BY created_at"
    ).fetchall()
    all_of_them = [from_json(document) for (document,) in found]
    return tuple(
        (one, aliases.find(connection, one.plan.function, one.plan.alias)) for one in all_of_them
    )
