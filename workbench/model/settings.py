"""The project's settings as one frozen value. `config/settings.py` reads it, everyone else is given it.

Every default that imitates Lambda names its source; the others are ours.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from workbench.values import dataclass


class EngineKind(StrEnum):
    """Which driver runs execution environments."""

    AUTO = "auto"
    """Docker where it answers, else local processes."""
    DOCKER = "docker"
    PROCESS = "process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Every wait there is, in seconds. Each is a scope at one place in the code."""

    pull_s: float = 600.0
    """One image pull."""
    build_s: float = 900.0
    """One image build, or one installation of dependencies."""
    create_s: float = 60.0
    """From asking for a container until its supervisor has spoken."""
    init_s: float = 10.0
    """The init phase. Source: Lambda Developer Guide, "Init phase": 10 s for on-demand."""
    provisioned_init_s: float = 130.0
    """The same for provisioned concurrency, or the function's timeout where that is longer. Source:
    likewise.
    """
    stop_s: float = 5.0
    """From asking a container to go until it is gone; then it is left to the next sweep."""
    drain_s: float = 10.0
    """At shutdown, for invocations in flight."""
    debounce_s: float = 0.03
    """Quiet time after a file change before the code is taken up."""
    debounce_limit_s: float = 1.0
    """A stream of changes is taken up after this long even if it never falls quiet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes and counts."""

    request_bytes: int = 6_291_456
    """Synchronous payload. Source: Lambda quotas, 6 MB."""
    response_bytes: int = 6_291_556
    """What a runtime may post. Source: recorded error text, 6 MiB + 100 B."""
    concurrency: int = 1000
    """Account limit on concurrent invocations. Source: Lambda quotas, default per region."""
    concurrency_stated: bool = False
    """Somebody has chosen it, and is warned when the memory does not carry it; few machines carry
    the default.
    """
    parallel_starts: int = 4
    """Containers started at once; more than this is slower in total on a small machine."""
    memory_budget_mb: int | None = None
    """What all containers may use together, going by what their functions may; `None`: three
    quarters of the machine's memory.
    """
    log_line_bytes: int = 262_144
    """One log event; a longer line is cut into several. Source: CloudWatch Logs, 256 KB."""
    log_backlog: int = 20_000
    """Log entries waiting for the store before environments are made to wait."""
    invocation_log_bytes: int = 16 * 1024 * 1024
    """Logs of one invocation kept in the history; what is beyond is counted, and said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StemSettings:
    """Containers started before they are needed (`model/stem.py`). `maximum` 0 switches them off."""

    minimum: int = 2
    """Of each kind that was asked for lately."""
    maximum: int = 4
    """Of one kind."""
    time_to_live_s: float = 3600.0
    """A kind that nobody has asked for in this time gets none."""
    memory_bytes: int = 512 * 1024 * 1024
    """What all of them may hold together, as measured."""
    cell_bytes: int = 32 * 1024 * 1024
    """What one is taken to hold until it was measured."""
    foreseen: int = 6
    """Kinds that have one before anybody asks, because the project has functions of them."""
    burst_s: float = 1.0
    """Environments wanted within this time count as wanted at once."""
    refill_after_s: float = 0.25
    """Quiet time before new ones are made: what made them be needed goes first."""
    refill_limit_s: float = 2.0
    """They are made after this long even if it never falls quiet."""
    parallel: int = 1
    """Made at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much history is kept."""

    max_age_days: float = 30.0
    max_bytes: int = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it."""

    engine: EngineKind = EngineKind.AUTO
    region: str = "us-east-1"
    account: str = "123456789012"
    """12 digits. Source of the value: the one AWS's documentation uses."""
    keep_alive_s: float = 600.0
    """An environment idle for this long is retired."""
    freeze: bool = True
    """An idle environment runs no code. Source: Lambda Developer Guide, "Freezing"."""
    freeze_after_s: float = 0.1
    """What an environment must be idle for before it is frozen; Lambda does it at once."""
    memory_limits: bool = True
    """False runs containers without memory and CPU limits (hosts that cannot nest them)."""
    ignored_paths: tuple[str, ...] = ()
    """Patterns, as in .gitignore, of files that are neither code nor a reason to reload."""
    environment_name: str = "dev"
    """Which NAME.env files are read."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    retention: Retention = field(default_factory=Retention)
    stem: StemSettings = field(default_factory=StemSettings)
