"""Deployments as JSON on stdout, and as lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from workbench.cli.render import milliseconds
from workbench.facade.deployments import Progress
from workbench.model.alarm import Traffic
from workbench.model.deployment import Deployment, LifecycleEvent, Move, Routing
from workbench.model.names import Qualifier


def deployment(one: Deployment) -> dict[str, Any]:
    """One, without what it did."""
    plan = one.plan
    return {
        "id": one.id,
        "function": plan.function,
        "alias": plan.alias,
        "from": one.old_version,
        "to": plan.version,
        "strategy": str(plan.strategy),
        "alarms": [str(alarm) for alarm in plan.alarms],
        "status": str(one.status),
        "weight": one.weight,
        "created_at": one.created_at.isoformat(),
        "next_at": _time(one.next_at),
        "ended_at": _time(one.ended_at),
        "error_code": None if one.code is None else str(one.code),
        "why": one.why,
        "rolled_back": one.rolled_back,
        "before": _routing(one.before),
        "routing": _routing(one.routing),
        "events": [_event(event) for event in one.events],
    }


def progress(found: Progress) -> dict[str, Any]:
    """One, with what it did and the traffic meanwhile."""
    return deployment(found.deployment) | {
        "moves": [_move(move) for move in found.moves],
        "traffic": {version: _traffic(each) for version, each in found.traffic.items()},
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _routing(routing: Routing) -> dict[str, Any]:
    weights = {} if routing.additional is None else {routing.additional: routing.weight}
    return {"version": routing.version, "additional_version_weights": weights}


def _event(event: LifecycleEvent) -> dict[str, Any]:
    return {
        "name": str(event.name),
        "status": str(event.status),
        "hook": event.hook,
        "started_at": _time(event.started_at),
        "ended_at": _time(event.ended_at),
    }


def _move(move: Move) -> dict[str, Any]:
    return {
        "at": move.at.isoformat(),
        "event": move.event,
        "weight": move.weight,
        "reason": move.reason,
    }


def _traffic(traffic: Traffic) -> dict[str, Any]:
    return {
        "calls": traffic.calls,
        "errors": traffic.errors,
        "p95_ms": traffic.p95_ms,
        "throttles": traffic.throttles,
    }


def told_traffic(found: Progress) -> str:
    """Both versions in a line."""
    one = found.deployment
    shares = ((one.old_version, one.routing.share(one.old_version)), (one.plan.version, one.weight))
    return "; ".join(
        _told(version, share, found.traffic.get(version, Traffic())) for version, share in shares
    )


def _told(version: Qualifier, share: float, traffic: Traffic) -> str:
    calls = f"{traffic.calls} {'call' if traffic.calls == 1 else 'calls'}"
    errors = f"{traffic.errors} {'error' if traffic.errors == 1 else 'errors'}"
    throttled = f", {traffic.throttles} throttled" if traffic.throttles else ""
    p95 = "" if traffic.p95_ms is None else f", p95 {milliseconds(traffic.p95_ms)}"
    return f"{version} {100 * share:g}%: {calls}, {errors}{throttled}{p95}"
