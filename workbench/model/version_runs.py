"""One event run on two versions, and what of it is not the same. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from math import sqrt
from statistics import median
from typing import Any

from workbench.model.invocation import InvocationRecord, OutcomeKind
from workbench.model.json_diff import JsonChange, Path, Pattern, json_changes, json_value
from workbench.values import dataclass

LEAST_ROUNDS = 5
"""Of warm runs, for anything to be said about time."""
RATIO = 1.2
"""Medians nearer to each other than this are taken for the same."""
LEAST_DIFFERENCE_MS = 1.0
DEVIATIONS = 8.0
"""Times the larger median absolute deviation, over the root of how many rounds there were: three times
what medians of so many runs of one version differ by.
"""
AGREEING = 0.9
"""Of the rounds, each with a run of either version next to one another: what loads the machine for a
while makes both slower. With all of this, a version held against itself seems to take another time in
less than one of a hundred comparisons, however unsteady it is (simulated, 5 to 20 rounds).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run."""

    kind: OutcomeKind
    payload: bytes
    """Its response; of a failure, its type and message as JSON, without its own request id."""
    duration_ms: float | None
    """`None`: not measured, or not warm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Warm durations in milliseconds."""

    a_ms: float
    """Medians."""
    b_ms: float
    rounds: int
    noise_ms: float
    """Medians that differ by no more than this are taken for the same."""
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseChange:
    """One path at which responses differ."""

    change: JsonChange
    varies: bool
    """It also differs between runs of one version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What became of one event."""

    a: dict[OutcomeKind, int]
    """How often each outcome was there."""
    b: dict[OutcomeKind, int]
    response: tuple[ResponseChange, ...]
    timing: Timing | None
    """`None`: too few runs were warm and succeeded on both."""

    @property
    def outcome_changed(self) -> bool:
        """One of the two had an outcome that the other never had."""
        return self.a.keys() != self.b.keys()

    @property
    def changed(self) -> bool:
        """Another outcome or another response; time does not count."""
        return self.outcome_changed or bool(self.response)


def sample(record: InvocationRecord) -> Sample:
    """Of a run that is over."""
    outcome, measured = record.outcome, record.measurements
    if outcome is None:
        raise ValueError(f"{record.request_id} is not over")
    payload = outcome.payload
    if not outcome.ok:
        payload = _error(outcome.error_type, outcome.error_message, record.request_id)
    warm = record.cold is False and measured is not None
    return Sample(
        kind=outcome.kind,
        payload=payload,
        duration_ms=measured.duration_ms if warm and measured is not None else None,
    )


def compared(
    a: Sequence[Sample], b: Sequence[Sample], *, ignored: Sequence[Pattern] = ()
) -> Comparison:
    """Runs of either version, those of one round at the same place; the first round warms up, and
    tells nothing about time.
    """
    return Comparison(
        a=dict(Counter(each.kind for each in a)),
        b=dict(Counter(each.kind for each in b)),
        response=_response_changes(a, b, ignored),
        timing=timing(
            [
                (one.duration_ms, other.duration_ms)
                for one, other in zip(a[1:], b[1:], strict=False)
                if one.kind is other.kind is OutcomeKind.SUCCESS
                and one.duration_ms is not None
                and other.duration_ms is not None
            ]
        ),
    )


def timing(rounds: Sequence[tuple[float, float]]) -> Timing | None:
    """Whether the second of each round takes another time than the first. `None`: too few rounds.

    It does where medians differ by `RATIO` and by more than noise, and `AGREEING` of the rounds say so.
    """
    if len(rounds) < LEAST_ROUNDS:
        return None
    ours, theirs = [one for one, _ in rounds], [other for _, other in rounds]
    a, b = median(ours), median(theirs)
    deviation = max(_deviation(ours), _deviation(theirs)) / sqrt(len(rounds))
    noise = max(LEAST_DIFFERENCE_MS, DEVIATIONS * deviation)
    slower = sum(other > one for one, other in rounds)
    faster = sum(other < one for one, other in rounds)
    agreeing = slower if b > a else faster
    return Timing(
        a_ms=a,
        b_ms=b,
        rounds=len(rounds),
        noise_ms=noise,
        changed=abs(b - a) > noise
        and max(a, b) >= RATIO * min(a, b)
        and agreeing >= AGREEING * len(rounds),
    )


def _deviation(values: Sequence[float]) -> float:
    middle = median(values)
    return median(abs(value - middle) for value in values)


def _response_changes(
    a: Sequence[Sample], b: Sequence[Sample], ignored: Sequence[Pattern]
) -> tuple[ResponseChange, ...]:
    """Of the first runs that ended alike."""
    kinds = {each.kind for each in b}
    kind = next((each.kind for each in a if each.kind in kinds), None)
    ours, theirs = _values(a, kind), _values(b, kind)
    if not ours:
        return ()
    changes = json_changes(ours[0], theirs[0], ignored=ignored)
    if not changes:
        return ()
    unsteady = _unsteady(ours) | _unsteady(theirs)
    return tuple(
        ResponseChange(change=change, varies=_touches(change.path, unsteady)) for change in changes
    )


def _values(samples: Sequence[Sample], kind: OutcomeKind | None) -> list[Any]:
    """Different responses of runs that ended so, in their order."""
    payloads = dict.fromkeys(each.payload for each in samples if each.kind is kind)
    return [json_value(payload) for payload in payloads]


def _unsteady(values: Sequence[Any]) -> set[Path]:
    return {change.path for value in values[1:] for change in json_changes(values[0], value)}


def _touches(path: Path, unsteady: set[Path]) -> bool:
    """It, or what it is in."""
    return any(path[:length] in unsteady for length in range(len(path) + 1))


def _error(error_type: str | None, message: str | None, request_id: str) -> bytes:
    """Where it was raised moves with every edit, and every run has its own id."""
    said = None if message is None else message.replace(request_id, "<request id>")
    return json.dumps({"errorType": error_type, "errorMessage": said}).encode()
