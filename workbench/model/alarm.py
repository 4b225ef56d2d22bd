"""Alarms of a deployment: what the new version may not do while traffic moves to it.

An alarm is written `METRIC>LIMIT` or `METRIC>=LIMIT`: `error-rate>5%`, `p95>250ms`, `throttles>0`. It
looks at the alias's own calls of the new version since the deployment began, and only once there were
enough of them to mean anything.

Source: CodeDeploy User Guide, "Monitoring deployments with CloudWatch alarms" (at most ten). CodeDeploy
takes any CloudWatch alarm; these are the three that guards of functions watch.
"""

from __future__ import annotations

from enum import StrEnum

from workbench.errors import InvalidParameter
from workbench.expression import expression
from workbench.values import dataclass

MAX_ALARMS = 10
DEFAULT_MIN_CALLS = 10
"""Ours: of fewer calls neither a rate nor a 95th percentile says much."""

_ALARM = expression(
    r"(?P<metric>[a-z0-9-]+)\s*(?P<comparison>>=|>)\s*(?P<limit>\d+(?:\.\d+)?)\s*(?P<unit>%|ms|s|)"
)


class Metric(StrEnum):
    """What can be watched."""

    ERROR_RATE = "error-rate"
    """Percent of the calls that ended: Lambda's Errors of its Invocations."""
    P95 = "p95"
    """The duration in milliseconds that 95 of 100 calls do not exceed."""
    THROTTLES = "throttles"
    """Calls that were refused because too many ran."""


_UNITS = {
    Metric.ERROR_RATE: {"%": 1.0, "": 1.0},
    Metric.P95: {"ms": 1.0, "s": 1000.0, "": 1.0},
    Metric.THROTTLES: {"": 1.0},
}
_SHOWN = {Metric.ERROR_RATE: "%", Metric.P95: "ms", Metric.THROTTLES: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What one version did of an alias's calls since a moment."""

    calls: int = 0
    """That ended, in an answer or an error of the function's own."""
    errors: int = 0
    """Of `calls`: handler errors, timeouts, exits, failed inits."""
    p50_ms: float | None = None
    """Of the durations of `calls`, by nearest rank, as the next; `None` without any."""
    p95_ms: float | None = None
    throttles: int = 0

    @property
    def error_rate(self) -> float:
        """Percent; 0 without calls."""
        return 100 * self.errors / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A limit that ends a deployment."""

    metric: Metric
    limit: float
    """Percent, milliseconds or calls."""
    inclusive: bool = False
    """It fires at the limit, not only above it."""
    min_calls: int = DEFAULT_MIN_CALLS
    """Calls of the new version, throttled ones too, before it can fire."""

    def __str__(self) -> str:
        comparison = ">=" if self.inclusive else ">"
        return f"{self.metric}{comparison}{self.limit:g}{_SHOWN[self.metric]}"

    def fires(self, traffic: Traffic) -> str | None:
        """Why, as a sentence, if it does."""
        found = _measured(self.metric, traffic)
        if found is None or traffic.calls + traffic.throttles < self.min_calls:
            return None
        if not (found >= self.limit if self.inclusive else found > self.limit):
            return None
        calls = f"{traffic.calls} {'call' if traffic.calls == 1 else 'calls'}"
        return f"Alarm {self}: it is {found:.4g}{_SHOWN[self.metric]} over {calls}."


def _measured(metric: Metric, traffic: Traffic) -> float | None:
    if metric is Metric.THROTTLES:
        return float(traffic.throttles)
    if not traffic.calls:
        return None
    return traffic.error_rate if metric is Metric.ERROR_RATE else traffic.p95_ms


def parse_alarm(text: str, *, min_calls: int | None = None) -> Alarm:
    """Read an alarm. Raises `InvalidParameter`.

    min_calls: `None` for what fits the metric: 10, but 1 for throttles, of which one is a fact.
    """
    match = _ALARM.fullmatch(text.strip().lower())
    known = {str(metric): metric for metric in Metric}
    metric = None if match is None else known.get(match["metric"])
    if match is None or metric is None or match["unit"] not in _UNITS[metric]:
        raise InvalidParameter(
            f"{text!r} is no alarm: use error-rate>5%, p95>250ms or throttles>0.",
            parameter="alarm",
        )
    if min_calls is None:
        min_calls = 1 if metric is Metric.THROTTLES else DEFAULT_MIN_CALLS
    return Alarm(
        metric=metric,
        limit=float(match["limit"]) * _UNITS[metric][match["unit"]],
        inclusive=match["comparison"] == ">=",
        min_calls=min_calls,
    )


def percentile(durations_ms: list[float], percent: int) -> float | None:
    """By nearest rank; `None` without any."""
    if not durations_ms:
        return None
    rank = -(-percent * len(durations_ms) // 100)
    return sorted(durations_ms)[rank - 1]
