"""Deployments as the JSON that the store keeps.

Invariant: what was written is read as it was.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from workbench.model.alarm import Alarm, Metric
from workbench.model.deployment import (
    Deployment,
    DeploymentPlan,
    DeploymentStatus,
    ErrorCode,
    EventName,
    EventStatus,
    LifecycleEvent,
    Routing,
    StopRequest,
)
from workbench.model.names import FunctionName, Qualifier
from workbench.model.strategy import Strategy, StrategyKind
from workbench.store.times import from_optional_us, from_us, to_optional_us, to_us


def to_json(one: Deployment) -> str:
    """All of it but the moves."""
    return json.dumps(
        {
            "id": one.id,
            "plan": _plan_out(one.plan),
            "before": _routing_out(one.before),
            "routing": _routing_out(one.routing),
            "created_at": to_us(one.created_at),
            "events": [_event_out(event) for event in one.events],
            "status": one.status,
            "step": one.step,
            "next_at": to_optional_us(one.next_at),
            "stop": None if one.stop is None else [to_us(one.stop.at), one.stop.rollback],
            "ended_at": to_optional_us(one.ended_at),
            "code": one.code,
            "why": one.why,
            "rolled_back": one.rolled_back,
        },
        separators=(",", ":"),
    )


def from_json(text: str) -> Deployment:
    """The inverse."""
    read: dict[str, Any] = json.loads(text)
    stop = read["stop"]
    return Deployment(
        id=read["id"],
        plan=_plan_in(read["plan"]),
        before=_routing_in(read["before"]),
        routing=_routing_in(read["routing"]),
        created_at=from_us(read["created_at"]),
        events=tuple(map(_event_in, read["events"])),
        status=DeploymentStatus(read["status"]),
        step=read["step"],
        next_at=from_optional_us(read["next_at"]),
        stop=None if stop is None else StopRequest(at=from_us(stop[0]), rollback=stop[1]),
        ended_at=from_optional_us(read["ended_at"]),
        code=None if read["code"] is None else ErrorCode(read["code"]),
        why=read["why"],
        rolled_back=read["rolled_back"],
    )


def _plan_out(plan: DeploymentPlan) -> dict[str, Any]:
    strategy = plan.strategy
    return {
        "function": plan.function,
        "alias": plan.alias,
        "version": plan.version,
        "strategy": [strategy.kind, strategy.percent, strategy.interval_s],
        "before_hook": plan.before_hook,
        "after_hook": plan.after_hook,
        "alarms": [[a.metric, a.limit, a.inclusive, a.min_calls] for a in plan.alarms],
    }


def _plan_in(read: dict[str, Any]) -> DeploymentPlan:
    kind, percent, interval_s = read["strategy"]
    return DeploymentPlan(
        function=FunctionName(read["function"]),
        alias=Qualifier(read["alias"]),
        version=Qualifier(read["version"]),
        strategy=Strategy(kind=StrategyKind(kind), percent=percent, interval_s=interval_s),
        before_hook=read["before_hook"],
        after_hook=read["after_hook"],
        alarms=tuple(
            Alarm(metric=Metric(metric), limit=limit, inclusive=inclusive, min_calls=min_calls)
            for metric, limit, inclusive, min_calls in read["alarms"]
        ),
    )


def _routing_out(routing: Routing) -> list[Any]:
    return [routing.version, routing.additional, routing.weight]


def _routing_in(read: list[Any]) -> Routing:
    version, additional, weight = read
    return Routing(
        version=Qualifier(version),
        additional=None if additional is None else Qualifier(additional),
        weight=weight,
    )


def _event_out(event: LifecycleEvent) -> dict[str, Any]:
    return {
        "name": event.name,
        "status": event.status,
        "hook": event.hook,
        "execution_id": event.execution_id,
        "reported": event.reported,
        "failure": event.failure,
        "started_at": to_optional_us(event.started_at),
        "ended_at": to_optional_us(event.ended_at),
    }


def _event_in(read: dict[str, Any]) -> LifecycleEvent:
    times: dict[str, datetime | None] = {
        name: from_optional_us(read[name]) for name in ("started_at", "ended_at")
    }
    return LifecycleEvent(
        name=EventName(read["name"]),
        status=EventStatus(read["status"]),
        hook=read["hook"],
        execution_id=read["execution_id"],
        reported=None if read["reported"] is None else EventStatus(read["reported"]),
        failure=read["failure"],
        **times,
    )
