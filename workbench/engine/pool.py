"""Which environment an invocation gets.

One shelf per version of a function. An invocation takes the newest idle environment, else waits in
line while one is started for it; whichever becomes available first serves the oldest in line.
Everything here is synchronous: no lock, and no await between a look and the act upon it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from workbench.engine.environment import ExecutionEnvironment
from workbench.engine.run import Run
from workbench.errors import ContainerLost, WorkbenchError
from workbench.model.names import FunctionName, Qualifier
from workbench.model.version import Version

MAX_MOVES = 3
"""How often an invocation that was certainly not fetched may go to another environment."""

ShelfKey = tuple[FunctionName, Qualifier, str]


@dataclass(slots=True)
class Shelf:
    """The environments of one version, and the invocations that wait for one."""

    version: Version
    idle: list[ExecutionEnvironment] = field(default_factory=list)
    """Available, oldest first."""
    starting: dict[ExecutionEnvironment, None] = field(default_factory=dict)
    """A set, in the order they were started."""
    others: set[ExecutionEnvironment] = field(default_factory=set)
    """At work, or going."""
    waiting: deque[Run] = field(default_factory=deque)
    superseded: bool = False
    """Newer code has taken its place: it serves who waits already, then goes."""

    @property
    def environments(self) -> Iterator[ExecutionEnvironment]:
        yield from self.idle
        yield from self.starting
        yield from self.others

    @property
    def empty(self) -> bool:
        return not (self.idle or self.starting or self.others or self.waiting)


class Pool:
    """All shelves."""

    def __init__(
        self,
        *,
        make: Callable[[Version], ExecutionEnvironment],
        launch: Callable[[ExecutionEnvironment], None],
        give_up: Callable[[Run, WorkbenchError], None],
    ) -> None:
        """`make` makes an environment, `launch` sets it going; `give_up` ends a run that gets none."""
        self._make = make
        self._launch = launch
        self._give_up = give_up
        self._shelves: dict[ShelfKey, Shelf] = {}

    @property
    def environments(self) -> Iterator[ExecutionEnvironment]:
        """Every environment there is."""
        for shelf in self._shelves.values():
            yield from shelf.environments

    def place(self, version: Version, run: Run) -> None:
        """Give `run` an environment, now or as soon as there is one."""
        shelf = self._shelf(version)
        if not self._give_available(shelf, run):
            shelf.waiting.append(run)
            self._start_what_is_missing(shelf)

    def withdraw(self, run: Run) -> bool:
        """Take `run` out of the line. False: it is not in it."""
        for shelf in self._shelves.values():
            if run in shelf.waiting:
                shelf.waiting.remove(run)
                return True
        return False

    def warm(self, version: Version) -> None:
        """See that there is an environment for the next invocation."""
        shelf = self._shelf(version)
        spare = any(environment.available for environment in shelf.idle)
        if not spare and len(shelf.starting) <= len(shelf.waiting):
            self._start_one(shelf)

    def supersede(self, version: Version, cause: str) -> bool:
        """`version` takes the place of every other digest of the same function and qualifier.

        Invocations accepted before keep the old code to their end. True: the old one had
        environments, so that the new one is worth warming.
        """
        was_in_use = False
        for (name, qualifier, digest), shelf in list(self._shelves.items()):
            if (name, qualifier) != (version.name, version.version) or digest == version.digest:
                continue
            was_in_use = was_in_use or not shelf.empty
            shelf.superseded = True
            self._thin_out(shelf, cause)
        return was_in_use

    def retire(self, function: FunctionName, cause: str) -> None:
        """The function is gone: as `supersede`, with nothing in its place."""
        for (name, _, _), shelf in list(self._shelves.items()):
            if name == function:
                shelf.superseded = True
                self._thin_out(shelf, cause)

    def drain(self, cause: str) -> list[Run]:
        """Everything goes when it is done. Answers with the runs that were still in line."""
        in_line: list[Run] = []
        for shelf in list(self._shelves.values()):
            shelf.superseded = True
            in_line.extend(shelf.waiting)
            shelf.waiting.clear()
            self._thin_out(shelf, cause)
        return in_line

    # --- what environments tell (EnvironmentOwner) -------------------------------------------------

    def on_available(self, environment: ExecutionEnvironment) -> None:
        shelf = self._shelf_of(environment)
        shelf.starting.pop(environment, None)
        if shelf.waiting:
            shelf.others.add(environment)
            environment.assign(shelf.waiting.popleft())
        elif shelf.superseded:
            shelf.others.add(environment)
            environment.retire("newer code")
        else:
            shelf.others.discard(environment)
            shelf.idle.append(environment)

    def on_start_failed(self, environment: ExecutionEnvironment, error: WorkbenchError) -> None:
        shelf = self._shelf_of(environment)
        shelf.starting.pop(environment, None)
        shelf.others.add(environment)
        if len(shelf.waiting) <= len(shelf.starting):
            return
        run = shelf.waiting.popleft()
        if isinstance(error, ContainerLost):
            self._move(shelf, run, error)
        else:
            self._give_up(run, error)

    def on_unfetched(self, environment: ExecutionEnvironment, run: Run, why: str) -> None:
        self._move(self._shelf_of(environment), run, ContainerLost(why))

    def on_gone(self, environment: ExecutionEnvironment) -> None:
        shelf = self._shelf_of(environment)
        shelf.starting.pop(environment, None)
        shelf.others.discard(environment)
        if environment in shelf.idle:
            shelf.idle.remove(environment)
        if shelf.empty:
            del self._shelves[self._key(shelf.version)]
        else:
            self._start_what_is_missing(shelf)

    # --- inside ---------------------------------------------------------------------------------------

    @staticmethod
    def _key(version: Version) -> ShelfKey:
        return version.name, version.version, version.digest

    def _shelf(self, version: Version) -> Shelf:
        key = self._key(version)
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = Shelf(version=version)
        shelf.superseded = False
        return shelf

    def _shelf_of(self, environment: ExecutionEnvironment) -> Shelf:
        return self._shelves[self._key(environment.version)]

    def _move(self, shelf: Shelf, run: Run, error: WorkbenchError) -> None:
        """`run` was certainly not fetched: it may have another environment, a few times."""
        run.moves += 1
        if run.moves > MAX_MOVES:
            self._give_up(run, error)
        elif not self._give_available(shelf, run):
            shelf.waiting.appendleft(run)
            self._start_what_is_missing(shelf)

    def _give_available(self, shelf: Shelf, run: Run) -> bool:
        environment = self._take_available(shelf)
        if environment is None:
            return False
        shelf.others.add(environment)
        environment.assign(run)
        return True

    def _take_available(self, shelf: Shelf) -> ExecutionEnvironment | None:
        """The newest one whose runtime is up; failing that, one whose runtime is to be restarted."""
        for up in (True, False):
            for at in range(len(shelf.idle) - 1, -1, -1):
                environment = shelf.idle[at]
                if environment.available and (environment.warm or not up):
                    return shelf.idle.pop(at)
        return None

    def _start_what_is_missing(self, shelf: Shelf) -> None:
        while len(shelf.starting) < len(shelf.waiting):
            self._start_one(shelf)

    def _start_one(self, shelf: Shelf) -> None:
        environment = self._make(shelf.version)
        shelf.starting[environment] = None  # first: an eager task runs before `launch` returns
        self._launch(environment)

    def _thin_out(self, shelf: Shelf, cause: str) -> None:
        for environment in shelf.idle:
            shelf.others.add(environment)
            environment.retire(cause)
        shelf.idle.clear()
        for environment in list(shelf.others):
            environment.retire(cause)
        for environment in list(shelf.starting)[len(shelf.waiting) :]:
            del shelf.starting[environment]
            shelf.others.add(environment)
            environment.retire(cause)
