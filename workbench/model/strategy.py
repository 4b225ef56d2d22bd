"""How a deployment moves an alias's traffic: all at once, a canary, or in equal steps.

A strategy is written as CodeDeploy names it, whole or without what all names begin with, in any case::

    CodeDeployDefault.LambdaCanary10Percent5Minutes
    LambdaCanary10Percent5Minutes
    Canary10Percent5Minutes

or, where no predefined one fits, as `canary:PERCENT%:TIME` (a share, and how long it stays the share)
or `linear:PERCENT%:TIME` (what is added, and how often). PERCENT is above 0 and below 100; TIME is
numbers with their units, `90s`, `5m`, `1h30m`.

Source: CodeDeploy User Guide, "Deployment configurations on an AWS Lambda compute platform"; SAM
specification, DeploymentPreference, Type (the short names).
"""

from __future__ import annotations

from enum import StrEnum

from workbench.errors import InvalidParameter
from workbench.expression import expression
from workbench.values import dataclass

_PREFIX = "CodeDeployDefault."
_CUSTOM = expression(
    r"(?P<kind>canary|linear):(?P<percent>[0-9]{1,2}(?:\.[0-9]{1,2})?)%?:(?P<time>[0-9a-z.]+)"
)
_SPAN = expression(
    r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?"
)
MAX_INTERVAL_S = 2 * 24 * 3600.0
"""Source: CodeDeploy API reference, TimeBasedCanary and TimeBasedLinear: two days altogether."""


class StrategyKind(StrEnum):
    """Source: CodeDeploy API reference, TrafficRoutingConfig, type."""

    ALL_AT_ONCE = "AllAtOnce"
    CANARY = "TimeBasedCanary"
    LINEAR = "TimeBasedLinear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What share of the traffic the new version has after each step."""

    kind: StrategyKind
    percent: float = 100.0
    """Of a canary: its share; of a linear one: what each step adds."""
    interval_s: float = 0.0
    """Between two steps."""

    def weight(self, step: int) -> float:
        """The new version's share, 0 to 1, from step `step` on; the first step is 1."""
        if self.kind is StrategyKind.CANARY:
            return self.percent / 100 if step == 1 else 1.0
        return min(100.0, round(self.percent * step, 6)) / 100

    @property
    def steps(self) -> int:
        """How many there are; after the last one the new version has it all."""
        step = 1
        while self.weight(step) < 1.0:
            step += 1
        return step

    @property
    def duration_s(self) -> float:
        """From the first step to the last."""
        return (self.steps - 1) * self.interval_s

    def __str__(self) -> str:
        """As CodeDeploy names it, if it does."""
        for name, strategy in PREDEFINED.items():
            if strategy == self:
                return name
        word = "canary" if self.kind is StrategyKind.CANARY else "linear"
        return f"{word}:{self.percent:g}%:{_written(self.interval_s)}"


def _predefined() -> dict[str, Strategy]:
    found = {"LambdaAllAtOnce": Strategy(kind=StrategyKind.ALL_AT_ONCE)}
    for minutes in (5, 10, 15, 30):
        found[f"LambdaCanary10Percent{minutes}Minutes"] = Strategy(
            kind=StrategyKind.CANARY, percent=10.0, interval_s=minutes * 60.0
        )
    for minutes in (1, 2, 3, 10):
        unit = "Minute" if minutes == 1 else "Minutes"
        found[f"LambdaLinear10PercentEvery{minutes}{unit}"] = Strategy(
            kind=StrategyKind.LINEAR, percent=10.0, interval_s=minutes * 60.0
        )
    return {f"{_PREFIX}{name}": strategy for name, strategy in found.items()}


PREDEFINED = _predefined()
"""By its whole name."""


def parse_strategy(text: str) -> Strategy:
    """Read a strategy. Raises `InvalidParameter`, which lists what there is."""
    short = text.strip().lower()
    for beginning in (_PREFIX.lower(), "lambda"):
        short = short.removeprefix(beginning)
    for name, strategy in PREDEFINED.items():
        if short == _short(name).lower():
            return strategy
    return _custom(text.strip().lower(), stated=text)


def _custom(text: str, *, stated: str) -> Strategy:
    match = _CUSTOM.fullmatch(text)
    interval_s = None if match is None else parse_span(match["time"])
    if match is None or interval_s is None:
        raise InvalidParameter(
            f"{stated!r} is no strategy: use {', '.join(map(_short, PREDEFINED))}, or one of your "
            "own, canary:25%:90s or linear:20%:1m.",
            parameter="strategy",
        )
    percent = float(match["percent"])
    kind = StrategyKind.CANARY if match["kind"] == "canary" else StrategyKind.LINEAR
    if not percent > 0:
        raise InvalidParameter(
            f"{stated!r}: a share is above 0% and below 100%.", parameter="strategy"
        )
    strategy = Strategy(kind=kind, percent=percent, interval_s=interval_s)
    if interval_s <= 0 or strategy.duration_s > MAX_INTERVAL_S:
        raise InvalidParameter(
            f"{stated!r}: a shift takes longer than nothing and at most two days.",
            parameter="strategy",
        )
    return strategy


def parse_span(text: str) -> float | None:
    """Seconds of `90s`, `5m`, `1h30m`; `None` if it is not written so."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None or not match.group(0):
        return None
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    return sum(float(match[unit] or 0) * seconds for unit, seconds in units.items())


def _short(name: str) -> str:
    return name.removeprefix(f"{_PREFIX}Lambda")


def _written(seconds: float) -> str:
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"
