"""The engine's own door: take an invocation, see that it gets an environment, and keep count.

Invariant: between accepting an invocation and placing it nothing waits, so that "accepted before
the reload" and "runs the old code" are the same thing.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from workbench.engine.concurrency import Ledger
from workbench.engine.environment import ExecutionEnvironment
from workbench.engine.pool import Pool
from workbench.engine.provisioning import Provisioning
from workbench.engine.run import Run
from workbench.engine.starts import Starter
from workbench.engine.surroundings import Surroundings
from workbench.errors import InvocationNotFound, ThrottledError, WorkbenchError
from workbench.model import failures
from workbench.model.concurrency import InitializationType, ThrottleReason
from workbench.model.container import Mount
from workbench.model.environment import EnvironmentSnapshot
from workbench.model.function import FunctionConfiguration
from workbench.model.invocation import Acceptance, Measurements, Outcome
from workbench.model.names import EnvironmentId, FunctionName, RequestId, function_arn
from workbench.model.runtime import Runtime
from workbench.model.stem import cell_kind
from workbench.model.telemetry import Accepted, Fault, MemoryShort, Report, Throttled
from workbench.model.version import Image, Version

JUST_ANSWERED_S = 1.0
"""An invocation answered longer ago, whose runtime has not come back, is at work still, and counts."""


class Scheduler:
    """Everything that runs, and the one way to run more."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        ledger: Ledger | None = None,
        memory_budget_mb: int | None = None,
    ) -> None:
        """`ledger` is shared with whoever shares the account's concurrency out.

        memory_budget_mb: what all containers may use together; `None`: as much as they like.
        """
        self._with = surroundings
        self._settings = surroundings.settings
        self._ledger = ledger or Ledger(limit=self._settings.limits.concurrency)
        self._pool = Pool(
            make=self._make,
            launch=self._launch,
            give_up=self._give_up,
            starts_at_once=self._settings.limits.parallel_starts,
            memory_budget_mb=memory_budget_mb,
            short=self._tell_short,
            clock=surroundings.clock,
        )
        self.provisioning = Provisioning(
            ledger=self._ledger, pool=self._pool, clock=surroundings.clock
        )
        self._runs: dict[RequestId, Run] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._living: set[asyncio.Task[None]] = set()
        self._closing = False
        self._no_runs = asyncio.Event()
        self._no_runs.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Scheduler]:
        """Serve while the context is open. Leaving it waits: for invocations in progress at most
        `Timeouts.drain_s`, then for every container to be gone.
        """
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                yield self
            finally:
                await self._shut_down()

    def invoke(
        self,
        version: Version,
        acceptance: Acceptance,
        *,
        trace_id: str,
        client_context: bytes | None = None,
        cold: bool = False,
    ) -> Run:
        """Accept an invocation and place it. Does not wait.

        cold: in a new environment, which goes when the invocation is over.
        Raises `ThrottledError`, and what the journal raises when it cannot take it: it is not
        accepted then.
        """
        self._check_open()
        self._lease(acceptance)
        try:
            self._with.journal.accepted(acceptance)
        except BaseException:
            self._ledger.release(acceptance.function, acceptance.version)
            raise
        run = Run(
            acceptance,
            function_arn=function_arn(
                acceptance.function,
                acceptance.target.qualifier,
                region=self._settings.region,
                account=self._settings.account,
            ),
            trace_id=trace_id,
            client_context=client_context,
            accepted_s=self._with.clock.monotonic(),
            log_limit_bytes=self._settings.limits.invocation_log_bytes,
        )
        run.on_finished = self._forget
        self._runs[acceptance.request_id] = run
        self._no_runs.clear()
        if self._with.bus.wanted(Accepted):
            self._with.bus.publish(Accepted(acceptance=acceptance))
        if cold:
            self._pool.place_alone(version, run)
        else:
            self._pool.place(version, run)
        return run

    def stand_by(
        self,
        configuration: FunctionConfiguration,
        runtime: Runtime,
        image: Image,
        *,
        mounts: tuple[Mount, ...] = (),
    ) -> None:
        """A function may soon be invoked: let a container stand ready for it.

        mounts: what its containers see of this machine, but for its code.
        """
        stems = self._with.stems
        if stems is not None:
            kind = cell_kind(configuration, runtime, image, mounts=mounts, settings=self._settings)
            stems.expect(kind, memory_mb=configuration.memory_mb)

    def run(self, request_id: RequestId) -> Run:
        """An invocation in progress. Raises `InvocationNotFound`."""
        try:
            return self._runs[request_id]
        except KeyError:
            raise InvocationNotFound(request_id) from None

    def stop(self, request_id: RequestId) -> None:
        """Stop an invocation: out of the line, or its runtime killed. Raises `InvocationNotFound`."""
        run = self.run(request_id)
        if self._pool.withdraw(run):
            self._end_unplaced(run, failures.stopped(request_id))
            run.release()
            run.finish(self._waited(run))
            self._report(run)
            return
        for environment in list(self._pool.environments):
            environment.stop(run)

    def supersede(self, version: Version, *, warm: bool) -> None:
        """`version` is what its function and qualifier mean from now on.

        warm: start an environment for it at once if the old one was in use.
        """
        self.provisioning.follow(version)
        was_in_use = self._pool.supersede(version, "newer code")
        if was_in_use and warm and not self._closing:
            self._pool.warm(version)

    def reconfigure(self, version: Version) -> None:
        """What is the function's and no version's has changed (`FUNCTION_WIDE`): environments stay."""
        self._pool.reconfigure(version)

    def retire(self, function: FunctionName) -> None:
        """The function is gone."""
        self.provisioning.remove(function)
        self._pool.retire(function, "the function was removed")

    # --- environments by hand ---------------------------------------------------------------------------

    def warm(self, version: Version, count: int) -> tuple[EnvironmentId, ...]:
        """See that `count` environments are idle, beside those at work; those still to come.

        Raises `ThrottledError` while it shuts down.
        """
        self._check_open()
        return _ids(self._pool.warm_up(version, count))

    def drain(self, function: FunctionName) -> None:
        """Idle environments of a function go now, those at work when they are done. The next
        invocation starts a new one.
        """
        self._pool.retire(function, "drained")

    def recycle(
        self, chosen: Callable[[EnvironmentId, FunctionName], bool]
    ) -> tuple[tuple[EnvironmentId, ...], tuple[EnvironmentId, ...]]:
        """Replace environments by new ones: the old ones, and the new ones, which are started.

        Raises `ThrottledError` while it shuts down.
        """
        self._check_open()
        old, new = self._pool.recycle(
            lambda each: chosen(each.environment_id, each.version.name), "recycled"
        )
        return _ids(old), _ids(new)

    @property
    def in_progress(self) -> int:
        """Invocations accepted and not finished."""
        return len(self._runs)

    def snapshots(self) -> tuple[EnvironmentSnapshot, ...]:
        """Every environment, oldest first."""
        found = (environment.snapshot() for environment in self._pool.environments)
        return tuple(sorted(found, key=lambda snapshot: snapshot.created_at))

    # --- inside ---------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closing or self._tasks is None:
            raise ThrottledError("The workbench is shutting down.", reason="ShuttingDown")

    def _make(self, version: Version, how: InitializationType) -> ExecutionEnvironment:
        return ExecutionEnvironment(
            version=version,
            initialization_type=how,
            environment_id=EnvironmentId(uuid.uuid4().hex),
            owner=self._pool,
            surroundings=self._with,
        )

    def _launch(self, environment: ExecutionEnvironment) -> None:
        assert self._tasks is not None, "nothing is placed before the scheduler is open"
        task = self._tasks.create_task(
            self._live(environment), name=f"environment {environment.environment_id}"
        )
        self._living.add(task)
        task.add_done_callback(self._living.discard)

    async def _live(self, environment: ExecutionEnvironment) -> None:
        try:
            await environment.live()
        except Exception as error:  # noqa: BLE001 - the top of a supervised child
            self._with.bus.publish(
                Fault(where=f"environment {environment.environment_id}", message=repr(error))
            )

    def _give_up(self, run: Run, error: WorkbenchError) -> None:
        outcome = failures.not_started(run.acceptance.request_id, str(error))
        self._end_unplaced(run, outcome)
        run.release(error)
        run.finish(self._waited(run))
        self._report(run)

    def _end_unplaced(self, run: Run, outcome: Outcome) -> None:
        self._with.journal.ended(run.settle(outcome, ended_at=self._with.clock.now()))

    def _waited(self, run: Run) -> Measurements:
        waited_ms = (self._with.clock.monotonic() - run.accepted_s) * 1000
        return Measurements(queued_ms=waited_ms, memory_mb=run.acceptance.memory_mb)

    def _report(self, run: Run) -> None:
        self._with.journal.reported(run.record_now)
        self._with.bus.publish(Report(record=run.record_now))

    def _tell_short(self, first: Starter) -> None:
        starts = self._pool.starts
        self._with.bus.publish(
            MemoryShort(
                function=first.version.name,
                memory_mb=first.version.configuration.memory_mb,
                used_mb=starts.held_mb,
                budget_mb=starts.budget_mb,
            )
        )

    def _lease(self, acceptance: Acceptance) -> None:
        """A lease: if need be that of an invocation which has just been answered. Whoever got that
        answer may call again before the runtime has come back, and is not one too many.
        """
        while True:
            try:
                self._ledger.lease(acceptance.function, acceptance.version)
            except ThrottledError as error:
                reserved = error.reason == ThrottleReason.RESERVED
                if not self._take_one_back(acceptance.function if reserved else None):
                    self._with.bus.publish(Throttled(acceptance=acceptance, reason=error.reason))
                    raise
            else:
                return

    def _take_one_back(self, function: FunctionName | None) -> bool:
        """The lease of an invocation that has just been answered, of `function` or of any."""
        since_s = self._with.clock.monotonic() - JUST_ANSWERED_S
        for run in self._runs.values():
            asked = function is None or function == run.acceptance.function
            if asked and run.answered_since(since_s) and not run.given_back:
                self._give_back(run)
                return True
        return False

    def _give_back(self, run: Run) -> None:
        if not run.given_back:
            run.given_back = True
            self._ledger.release(run.acceptance.function, run.acceptance.version)

    def _forget(self, run: Run) -> None:
        del self._runs[run.acceptance.request_id]
        self._give_back(run)
        if not self._runs:
            self._no_runs.set()

    async def _shut_down(self) -> None:
        """Refuse new work, let what runs finish, then take everything down."""
        self._closing = True
        self.provisioning.close()
        cause = "the workbench is shutting down"
        self._give_up_all(self._pool.drain(cause))
        try:
            async with asyncio.timeout(self._settings.timeouts.drain_s):
                await self._no_runs.wait()
        except TimeoutError:
            pass  # time is up for what still runs
        finally:
            self._give_up_all(self._pool.drain(cause))  # a lost container may have put some back
            for environment in list(self._pool.environments):
                environment.abandon("The workbench was shut down while it ran.")
        # Not left to the task group: when this context is left by a cancellation, it would cancel
        # the environments in the middle of removing their containers.
        while self._living:
            await asyncio.wait(self._living)

    def _give_up_all(self, runs: Iterable[Run]) -> None:
        error = ThrottledError("The workbench is shutting down.", reason="ShuttingDown")
        for run in runs:
            self._give_up(run, error)


def _ids(environments: Iterable[ExecutionEnvironment]) -> tuple[EnvironmentId, ...]:
    return tuple(environment.environment_id for environment in environments)
