"""Which environment an invocation gets.

One shelf per version of a function. An invocation takes the newest idle environment, else waits in
line while one is started for it; whichever becomes available first serves the oldest in line.
Everything here is synchronous: no lock, and no await between a look and the act upon it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workbench.clock import Clock
from workbench.engine.environment import ExecutionEnvironment
from workbench.engine.provisioned import INIT_FAILURE, Provisioned
from workbench.engine.run import Run
from workbench.engine.shelf import Shelf, dispensable
from workbench.engine.starts import Starter, Starts
from workbench.engine.timer import EARLY_S, Timer
from workbench.errors import ContainerLost, WorkbenchError
from workbench.model.concurrency import InitializationType
from workbench.model.names import FunctionName, Qualifier
from workbench.model.version import Version

MAX_MOVES = 3
"""How often an invocation that was certainly not fetched may go to another environment."""

PATIENCE_S = 0.025
"""How long an invocation waits for an environment that has answered and did not ask for more yet,
before one is started for it."""

ShelfKey = tuple[FunctionName, Qualifier, str]


class Pool:
    """All shelves."""

    def __init__(  # noqa: PLR0913 - callbacks of its one owner
        self,
        *,
        make: Callable[[Version, InitializationType], ExecutionEnvironment],
        launch: Callable[[ExecutionEnvironment], None],
        give_up: Callable[[Run, WorkbenchError], None],
        starts_at_once: int,
        memory_budget_mb: int | None,
        short: Callable[[Starter], None],
        clock: Clock,
    ) -> None:
        """`make` makes an environment, `launch` sets it going; `give_up` ends a run that gets none;
        `short` is told when memory keeps one from being started.

        memory_budget_mb: what all containers may use together; `None`: as much as they like.
        """
        self._make = make
        self._launch = launch
        self._give_up = give_up
        self._clock = clock
        self._shelves: dict[ShelfKey, Shelf] = {}
        self.starts = Starts(
            at_once=starts_at_once,
            budget_mb=memory_budget_mb,
            evict=self._make_room,
            short=short,
        )

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

    def place_alone(self, version: Version, run: Run) -> None:
        """Start an environment for `run`, which goes when that is over: a cold start in any case."""
        run.alone = True
        self._start_own(self._shelf(version), run)

    def withdraw(self, run: Run) -> bool:
        """Take `run` out of the line. False: it is not in it."""
        for shelf in self._shelves.values():
            for environment, waiting in list(shelf.own.items()):
                if waiting is run:
                    del shelf.own[environment]
                    environment.retire("nobody waits for it any more")
                    return True
            if run in shelf.waiting:
                shelf.waiting.remove(run)
                self._watch(shelf)
                self._drop_needless(shelf)
                return True
        return False

    def warm(self, version: Version) -> None:
        """See that there is an environment for the next invocation."""
        shelf = self._shelf(version)
        spare = any(environment.available for environment in shelf.idle)
        if not spare and len(shelf.starting) <= len(shelf.waiting):
            self._start_one(shelf, spare=True)

    def warm_up(self, version: Version, count: int) -> list[ExecutionEnvironment]:
        """See that `count` environments are idle, or will be when they have initialised: those that
        are still to come.
        """
        shelf = self._shelf(version)
        ready = sum(environment.available and environment.warm for environment in shelf.idle)
        missing = count - ready - max(0, len(shelf.starting) - len(shelf.waiting))
        for _ in range(missing):
            self._start_one(shelf, spare=True)
        return list(shelf.starting)

    def recycle(
        self, chosen: Callable[[ExecutionEnvironment], bool], cause: str
    ) -> tuple[list[ExecutionEnvironment], list[ExecutionEnvironment]]:
        """Replace those that are chosen: idle ones go now, those at work when they are done.

        The old ones, and as many new ones, which are being started. One that is being started, or
        goes already, is none to be replaced.
        """
        old: list[ExecutionEnvironment] = []
        new: list[ExecutionEnvironment] = []
        for shelf in list(self._shelves.values()):
            replaced = [each for each in shelf.replaceable if chosen(each)]
            for environment in replaced:
                if environment in shelf.idle:
                    self._take(shelf, environment)
                environment.retire(cause)
            old += replaced
            if not shelf.superseded:
                on_demand = [each for each in replaced if not each.provisioned]
                new += [self._start_one(shelf, spare=True) for _ in on_demand]
                if len(on_demand) < len(replaced):
                    new += self._provide(shelf)[: len(replaced) - len(on_demand)]
        return old, new

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
            shelf.superseded, shelf.cause = True, cause
            requested, shelf.provisioned = shelf.provisioned.requested, Provisioned()
            self._thin_out(shelf, cause)
            self._forget_empty(shelf)
            if requested:
                self.provision(version, requested)
        return was_in_use

    def provision(self, version: Version, count: int) -> None:
        """Keep `count` environments of `version` initialised, whatever comes; 0: no more."""
        shelf = self._shelf(version)
        shelf.provisioned = Provisioned(requested=count)
        self._provide(shelf)
        self._forget_empty(shelf)

    def provisioned(self, version: Version) -> Provisioned:
        """How far that is."""
        shelf = self._shelves.get(self._key(version))
        return Provisioned() if shelf is None else shelf.provisioned.seen(shelf.environments)

    def reconfigure(self, version: Version) -> None:
        """As `version` has it now, which is no other code: environments stay."""
        shelf = self._shelves.get(self._key(version))
        if shelf is not None:
            shelf.version = version
            for environment in list(shelf.environments):
                environment.reconfigure(version.configuration)

    def retire(self, function: FunctionName, cause: str) -> None:
        """The function is gone: as `supersede`, with nothing in its place."""
        for (name, _, _), shelf in list(self._shelves.items()):
            if name == function:
                shelf.superseded = not shelf.provisioned.requested  # those are replaced
                shelf.cause = cause
                shelf.provisioned = shelf.provisioned.working()
                self._thin_out(shelf, cause)

    def drain(self, cause: str) -> list[Run]:
        """Everything goes when it is done. Answers with the runs that were still in line."""
        in_line: list[Run] = []
        for shelf in list(self._shelves.values()):
            shelf.superseded, shelf.cause = True, cause
            in_line.extend((*shelf.waiting, *shelf.own.values()))
            shelf.waiting.clear()
            shelf.own.clear()
            self._watch(shelf)
            shelf.provisioned = Provisioned()
            self._thin_out(shelf, cause)
            self._forget_empty(shelf)
        return in_line

    # --- what environments tell (EnvironmentOwner) -------------------------------------------------

    def on_wanted(self, environment: ExecutionEnvironment) -> None:
        self.starts.want(environment)

    def on_made(self, environment: ExecutionEnvironment) -> None:
        self.starts.made(environment)

    def on_available(self, environment: ExecutionEnvironment) -> None:
        shelf = self._shelf_of(environment)
        shelf.starting.pop(environment, None)
        if environment.provisioned and not self._still_provided(shelf, environment):
            return
        if environment in shelf.own:
            environment.assign(shelf.own.pop(environment))
            environment.retire("it was started for one invocation")
        elif shelf.waiting:
            shelf.others.add(environment)
            environment.assign(shelf.waiting.popleft())
            self._watch(shelf)
            if shelf.starting:
                self._drop_needless(shelf)
        elif shelf.superseded:
            shelf.others.add(environment)
            environment.retire(shelf.cause)
        else:
            shelf.others.discard(environment)
            shelf.idle.append(environment)
            self.starts.idle(environment)

    def on_start_failed(self, environment: ExecutionEnvironment, error: WorkbenchError) -> None:
        self.starts.made(environment)
        shelf = self._shelf_of(environment)
        shelf.starting.pop(environment, None)
        shelf.others.add(environment)
        if environment.provisioned:
            if not isinstance(error, ContainerLost):  # else another one is tried
                shelf.provisioned = shelf.provisioned.failed(str(error))
            return
        run = shelf.own.pop(environment, None)
        if run is None:
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
        self.starts.gone(environment)
        if environment.provisioned:
            shelf.provisioned = shelf.provisioned.replacing(len(self._provide(shelf)))
            self._provide(shelf)  # it may have been given up just now
        if not self._forget_empty(shelf):
            self._start_what_is_missing(shelf)

    # --- inside ---------------------------------------------------------------------------------------

    @staticmethod
    def _key(version: Version) -> ShelfKey:
        return version.name, version.version, version.digest

    def _shelf(self, version: Version) -> Shelf:
        key = self._key(version)
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = Shelf(version=version, patience=Timer(self._clock))
        shelf.superseded = False
        return shelf

    def _shelf_of(self, environment: ExecutionEnvironment) -> Shelf:
        return self._shelves[self._key(environment.version)]

    def _move(self, shelf: Shelf, run: Run, error: WorkbenchError) -> None:
        """`run` was certainly not fetched: it may have another environment, a few times."""
        run.moves += 1
        if run.moves > MAX_MOVES:
            self._give_up(run, error)
        elif run.alone:
            self._start_own(shelf, run)
        elif not self._give_available(shelf, run):
            shelf.waiting.appendleft(run)
            self._start_what_is_missing(shelf)

    def _give_available(self, shelf: Shelf, run: Run) -> bool:
        environment = shelf.take_available()
        if environment is None:
            return False
        self.starts.taken(environment)
        shelf.others.add(environment)
        environment.assign(run)
        return True

    def _start_what_is_missing(self, shelf: Shelf) -> None:
        """One for each in line, but for those whom an environment that has answered will serve: it
        asks for the next invocation in less than the time a start takes, as a rule.
        """
        missing = len(shelf.waiting) - len(shelf.starting)
        if missing <= 0:
            return
        missing -= sum(environment.nearly_available for environment in shelf.others)
        for _ in range(missing):
            self._start_one(shelf)
        self._watch(shelf)

    def _watch(self, shelf: Shelf) -> None:
        """Nobody in line is patient for long."""
        if len(shelf.starting) >= len(shelf.waiting):
            shelf.patience.cancel()
        elif not shelf.patience.pending:
            at_s = self._clock.monotonic() + PATIENCE_S
            shelf.patience.set(at_s, lambda: self._end_patience(shelf))

    def _end_patience(self, shelf: Shelf) -> None:
        now_s = self._clock.monotonic()
        overdue = sum(now_s - run.accepted_s >= PATIENCE_S - EARLY_S for run in shelf.waiting)
        for _ in range(overdue - len(shelf.starting)):
            self._start_one(shelf)
        self._watch(shelf)

    def _start_one(self, shelf: Shelf, *, spare: bool = False) -> ExecutionEnvironment:
        environment = self._make(shelf.version, InitializationType.ON_DEMAND)
        shelf.starting[environment] = spare  # first: an eager task runs before `launch` returns
        self._launch(environment)
        return environment

    def _drop_needless(self, shelf: Shelf) -> None:
        """What is still in line to be started, and nobody waits for any more, need not be."""
        needless = len(shelf.starting) - len(shelf.waiting) - sum(shelf.starting.values())
        for environment, spare in reversed(list(shelf.starting.items())):
            if needless <= 0:
                break
            if environment.in_line and not spare:
                needless -= 1
                self._discard_start(shelf, environment, "nobody waits for it any more")

    def _discard_start(self, shelf: Shelf, environment: ExecutionEnvironment, cause: str) -> None:
        del shelf.starting[environment]
        shelf.others.add(environment)
        environment.retire(cause)
        self.starts.withdraw(environment)

    def _take(self, shelf: Shelf, environment: ExecutionEnvironment) -> None:
        """From the shelf, for whatever is done with it."""
        shelf.idle.remove(environment)
        shelf.others.add(environment)
        self.starts.taken(environment)

    def _make_room(self, environment: Starter) -> None:
        assert isinstance(environment, ExecutionEnvironment), "only those that were handed in"
        self._take(self._shelf_of(environment), environment)
        environment.retire("its memory is needed")

    def _still_provided(self, shelf: Shelf, environment: ExecutionEnvironment) -> bool:
        """Whether a provisioned environment that takes invocations is one to keep. One whose runtime
        is gone is not: another one is made ready in its place.
        """
        if environment.warm:
            if environment.invocations:
                shelf.provisioned = shelf.provisioned.working()
            return True
        if not environment.initialised:
            shelf.provisioned = shelf.provisioned.failed(INIT_FAILURE)
        shelf.others.add(environment)
        environment.retire("its runtime is gone")
        self._provide(shelf)
        self._start_what_is_missing(shelf)
        return False

    def _provide(self, shelf: Shelf) -> list[ExecutionEnvironment]:
        """Start what is missing of the provisioned environments, or let go what is too many."""
        have = [
            each
            for each in shelf.environments
            if each.provisioned and not each.going and not each.retire_when_done
        ]
        wanted = 0 if shelf.superseded else shelf.provisioned.wanted
        for environment in sorted(have, key=dispensable)[: max(0, len(have) - wanted)]:
            if environment in shelf.idle:
                self._take(shelf, environment)
            environment.retire("less concurrency is provisioned")
            self.starts.withdraw(environment)
        return [self._start_provisioned(shelf) for _ in range(wanted - len(have))]

    def _start_provisioned(self, shelf: Shelf) -> ExecutionEnvironment:
        environment = self._make(shelf.version, InitializationType.PROVISIONED)
        shelf.others.add(environment)  # whoever waits is not made to wait for this one
        self._launch(environment)
        return environment

    def _forget_empty(self, shelf: Shelf) -> bool:
        key = self._key(shelf.version)
        if shelf.empty and self._shelves.get(key) is shelf:
            shelf.patience.close()
            del self._shelves[key]
        return shelf.empty

    def _start_own(self, shelf: Shelf, run: Run) -> None:
        environment = self._make(shelf.version, InitializationType.ON_DEMAND)
        shelf.others.add(environment)
        shelf.own[environment] = run
        self._launch(environment)

    def _thin_out(self, shelf: Shelf, cause: str) -> None:
        for environment in list(shelf.idle):
            self._take(shelf, environment)
        for environment in shelf.others - shelf.own.keys():
            environment.retire(cause)
        for environment in list(shelf.starting)[len(shelf.waiting) :]:
            self._discard_start(shelf, environment, cause)
