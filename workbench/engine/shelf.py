"""The environments of one version, and the invocations that wait for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import field

from workbench.engine.environment import ExecutionEnvironment
from workbench.engine.provisioned import Provisioned
from workbench.engine.run import Run
from workbench.engine.timer import Timer
from workbench.model.version import Version
from workbench.values import dataclass


@dataclass(slots=True)
class Shelf:
    """All of one version's."""

    version: Version
    patience: Timer
    """Runs while somebody waits for an environment that has answered."""
    idle: list[ExecutionEnvironment] = field(default_factory=list)
    """Available, oldest first."""
    starting: dict[ExecutionEnvironment, bool] = field(default_factory=dict)
    """In the order they were started; True: wanted whether or not somebody waits for it."""
    others: set[ExecutionEnvironment] = field(default_factory=set)
    """At work, or going."""
    waiting: deque[Run] = field(default_factory=deque)
    own: dict[ExecutionEnvironment, Run] = field(default_factory=dict)
    """Environments (among `others`) that are started for one invocation, which waits for its own."""
    provisioned: Provisioned = field(default_factory=Provisioned)
    superseded: bool = False
    """Newer code has taken its place: it serves who waits already, then goes."""
    cause: str = ""
    """Why it was."""

    @property
    def environments(self) -> Iterator[ExecutionEnvironment]:
        yield from self.idle
        yield from self.starting
        yield from self.others

    @property
    def replaceable(self) -> list[ExecutionEnvironment]:
        """Those that serve, and are to go on serving."""
        at_work = [
            environment
            for environment in self.others - self.own.keys()
            if environment.at_work and not environment.retire_when_done
        ]
        return [*(each for each in self.idle if each.available), *at_work]

    @property
    def empty(self) -> bool:
        return not (
            self.idle or self.starting or self.others or self.waiting or self.provisioned.requested
        )

    def take_available(self) -> ExecutionEnvironment | None:
        """A provisioned one; else the newest whose runtime is up; failing that, one whose runtime is
        to be restarted.
        """
        if self.provisioned.requested:
            for environment in reversed(self.idle):
                if environment.provisioned and environment.available and environment.warm:
                    self.idle.remove(environment)
                    return environment
        for up in (True, False):
            for at in range(len(self.idle) - 1, -1, -1):
                environment = self.idle[at]
                if environment.available and (environment.warm or not up):
                    return self.idle.pop(at)
        return None


def dispensable(environment: ExecutionEnvironment) -> int:
    """Who goes first: what is not started, then what is not initialised, then what is idle."""
    if environment.in_line:
        return 0
    if not environment.initialised:
        return 1
    return 3 if environment.at_work else 2
