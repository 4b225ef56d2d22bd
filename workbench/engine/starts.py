"""The line of environments whose containers are to be started. `model/starts.py` decides, this does.

Invariant: an environment that was let go on counts, with all the memory it may use, until its
container is gone; so the budget holds whatever happens to it in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from workbench.model.names import FunctionName
from workbench.model.starts import Load, Want, next_start
from workbench.model.version import Version

UNBOUNDED_MB = 1 << 40


class Starter(Protocol):
    """What of an environment bears on its start."""

    @property
    def version(self) -> Version:
        """Whose turn it takes, and how much its container may use."""
        ...

    @property
    def provisioned(self) -> bool:
        """It goes for nobody."""
        ...

    @property
    def going(self) -> bool:
        """It takes nothing more; its container is about to be removed."""
        ...

    def clear_to_start(self) -> None:
        """Its turn has come, and there is room."""


class _Waiting:
    """The environments of one function, in the order in which they came."""

    __slots__ = ("environments", "passed")

    def __init__(self) -> None:
        self.environments: deque[Starter] = deque()
        self.passed = 0


class Starts:
    """Who waits, who is being started, and what all may use."""

    def __init__(
        self,
        *,
        at_once: int,
        budget_mb: int | None,
        evict: Callable[[Starter], None],
        short: Callable[[Starter], None],
    ) -> None:
        """`evict` tells an idle environment to go; `short` is called when the first one waits for
        others to go: once for each function, until one of its own was started or any was gone.
        """
        self._at_once = at_once
        self.budget_mb = UNBOUNDED_MB if budget_mb is None else budget_mb
        self._evict = evict
        self._short = short
        self._short_told: set[FunctionName] = set()
        self._line: dict[FunctionName, _Waiting] = {}
        """In the order of their turns."""
        self._spare_line: dict[FunctionName, _Waiting] = {}
        """The same for provisioned ones: they come after all that somebody waits for."""
        self._starting: set[Starter] = set()
        self._held: dict[Starter, int] = {}
        self._held_mb = 0
        self._idle: dict[Starter, None] = {}
        """A set, in the order in which they were used."""

    # --- what is seen -----------------------------------------------------------------------------

    @property
    def held_mb(self) -> int:
        """What all containers may use."""
        return self._held_mb

    @property
    def in_line(self) -> tuple[Starter, ...]:
        """Those whose turn has not come."""
        return tuple(
            environment
            for line in (self._line, self._spare_line)
            for waiting in line.values()
            for environment in waiting.environments
        )

    @property
    def short_of_memory(self) -> bool:
        """Those in line wait for others to go, not for their turn."""
        return len(self._starting) < self._at_once and bool(self._line or self._spare_line)

    # --- what is told -----------------------------------------------------------------------------

    def want(self, environment: Starter) -> None:
        """It is to be started; it is told when."""
        line = self._spare_line if environment.provisioned else self._line
        line.setdefault(environment.version.name, _Waiting()).environments.append(environment)
        self._go_on()

    def made(self, environment: Starter) -> None:
        """Its container is there: the next may be started."""
        self._starting.discard(environment)
        self._go_on()

    def withdraw(self, environment: Starter) -> None:
        """Nobody waits for it any more, and it was not let go on yet."""
        self._leave_line(environment)
        self._go_on()

    def gone(self, environment: Starter) -> None:
        """Its container is gone, if it ever had one."""
        self._starting.discard(environment)
        self._idle.pop(environment, None)
        held = self._held.pop(environment, None)
        if held is None:
            self._leave_line(environment)
        else:
            self._held_mb -= held
            self._short_told.clear()
        self._go_on()

    def idle(self, environment: Starter) -> None:
        """It has no work."""
        self._idle[environment] = None
        if self._line or self._spare_line:
            self._go_on()

    def taken(self, environment: Starter) -> None:
        """It has work, or is going."""
        self._idle.pop(environment, None)

    # --- inside -----------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Do all that can be done now."""
        while self._line or self._spare_line:
            line = self._line or self._spare_line
            if self._forget_going(line):
                continue
            if len(self._starting) >= self._at_once:
                return
            heads = [
                Want(
                    memory_mb=_memory_mb(waiting.environments[0]),
                    passed=waiting.passed,
                    pinned=line is self._spare_line,
                )
                for waiting in line.values()
            ]
            idle = [each for each in self._idle if not each.provisioned and not each.going]
            decision = next_start(heads, self._load(idle))
            if decision.start is not None:
                self._start(line, list(line)[decision.start])
            elif decision.evict:
                for environment in idle[: decision.evict]:
                    del self._idle[environment]
                    self._evict(environment)
            else:
                self._tell_short(next(iter(line.values())).environments[0])
                return

    def _tell_short(self, first: Starter) -> None:
        """Under load somebody waits, and does not any more, many times a second."""
        function = first.version.name
        lacking = self._held_mb + _memory_mb(first) > self.budget_mb
        if lacking and function not in self._short_told:
            self._short_told.add(function)
            self._short(first)

    @staticmethod
    def _forget_going(line: dict[FunctionName, _Waiting]) -> bool:
        """Those that were told to go before their turn came. True: a function has none left."""
        for function, waiting in list(line.items()):
            while waiting.environments and waiting.environments[0].going:
                waiting.environments.popleft()
            if not waiting.environments:
                del line[function]
        return not line

    def _load(self, idle: list[Starter]) -> Load:
        return Load(
            budget_mb=self.budget_mb,
            used_mb=self._held_mb,
            leaving_mb=sum(held for each, held in self._held.items() if each.going),
            pinned_mb=sum(held for each, held in self._held.items() if each.provisioned),
            idle_mb=[self._held[each] for each in idle],
            free_starts=self._at_once - len(self._starting),
        )

    def _start(self, line: dict[FunctionName, _Waiting], function: FunctionName) -> None:
        """Its turn has come; the function's next one comes after all others'."""
        for name, passed_by in line.items():
            if name == function:
                break
            passed_by.passed += 1
        self._short_told.discard(function)
        waiting = line.pop(function)
        environment = waiting.environments.popleft()
        if waiting.environments:
            waiting.passed = 0
            line[function] = waiting
        self._starting.add(environment)
        self._held[environment] = _memory_mb(environment)
        self._held_mb += _memory_mb(environment)
        environment.clear_to_start()

    def _leave_line(self, environment: Starter) -> None:
        line = self._spare_line if environment.provisioned else self._line
        waiting = line.get(environment.version.name)
        if waiting is not None and environment in waiting.environments:
            waiting.environments.remove(environment)
            if not waiting.environments:
                del line[environment.version.name]


def _memory_mb(environment: Starter) -> int:
    return environment.version.configuration.memory_mb
