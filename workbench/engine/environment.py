"""An execution environment: one container, the runtime in it, at most one invocation.

The one place where the environment's table (`model/environment.py`) meets a container and a
Runtime API endpoint. All that happens to it arrives as synchronous calls on the event loop, and
each ends with the table saying where it now stands. `live()` is its only task; it owns the
container and ends when the container is gone.

Over the usual size because it is one table's shell: splitting it would split the state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from workbench.engine.entry_point import explained
from workbench.engine.environment_log import EnvironmentLog
from workbench.engine.idling import Idling
from workbench.engine.init_stamps import InitStamps
from workbench.engine.obtaining import Obtaining
from workbench.engine.run import Run
from workbench.engine.surroundings import Surroundings
from workbench.engine.timer import Timer
from workbench.errors import AccessDenied, ContainerLost, DriverError, InternalError, WorkbenchError
from workbench.model import failures, report
from workbench.model.concurrency import InitializationType
from workbench.model.container import (
    ContainerOrigin,
    Figures,
    Interrupted,
    LogStream,
    RuntimeExit,
    RuntimeStart,
)
from workbench.model.environment import (
    EnvironmentSnapshot,
    EnvironmentState,
    Trigger,
    next_state,
)
from workbench.model.function import FunctionConfiguration
from workbench.model.hook_report import refused
from workbench.model.invocation import InitSplit, Measurements, Outcome, OutcomeKind
from workbench.model.names import EnvironmentId, RequestId
from workbench.model.telemetry import (
    BackgroundFrozen,
    EnvironmentChanged,
    InitFailed,
    InitStart,
    Report,
    Start,
)
from workbench.model.variables import runtime_variables
from workbench.model.version import Version
from workbench.ports import (
    Answering,
    BadResponse,
    Container,
    Delivery,
    RuntimeEndpoint,
)

_S = EnvironmentState
_WITH_RUNTIME = frozenset({_S.INITIALIZING, _S.IDLE, _S.FROZEN, _S.BUSY, _S.RESPONDED})
_UP = frozenset({_S.IDLE, _S.FROZEN})
_WAITING = frozenset({*_UP, _S.RESET})


class EnvironmentOwner(Protocol):
    """Who hands out environments (the pool)."""

    def on_wanted(self, environment: ExecutionEnvironment) -> None:
        """It waits for its turn to be started: `clear_to_start`."""

    def on_made(self, environment: ExecutionEnvironment) -> None:
        """Its container is there, or will never be: the next one may be started."""

    def on_available(self, environment: ExecutionEnvironment) -> None:
        """It can take an invocation: it is idle, or reset after a failure."""

    def on_start_failed(self, environment: ExecutionEnvironment, error: WorkbenchError) -> None:
        """It never became available; no invocation was given to it."""

    def on_unfetched(self, environment: ExecutionEnvironment, run: Run, why: str) -> None:
        """Its container was lost before the runtime asked for `run`: it can go elsewhere."""

    def on_gone(self, environment: ExecutionEnvironment) -> None:
        """Its container is gone."""


class ExecutionEnvironment:
    """One environment. Its `version` never changes."""

    def __init__(
        self,
        *,
        version: Version,
        environment_id: EnvironmentId,
        owner: EnvironmentOwner,
        surroundings: Surroundings,
        initialization_type: InitializationType = InitializationType.ON_DEMAND,
    ) -> None:
        self.version = version
        self.initialization_type = initialization_type
        self.environment_id = environment_id
        self.state = _S.CREATED
        self.retire_when_done = False
        """Newer code has taken its place; it finishes what it has and goes."""
        self._owner = owner
        self._with = surroundings
        self._clock = surroundings.clock
        self._timeouts = surroundings.settings.timeouts
        self._created_at = self._changed_at = surroundings.clock.now()
        self._endpoint: RuntimeEndpoint = surroundings.endpoints.open(self)
        self._container: Container | None = None
        self._stamps = InitStamps(surroundings.clock)
        self._obtaining = Obtaining(
            version, environment_id, surroundings=surroundings, stamps=self._stamps
        )
        self._name = self._obtaining.name
        self._figures = Figures()
        self._invocations = 0
        self._idling = Idling(
            surroundings.clock,
            surroundings.settings,
            version.configuration,
            for_ever=self.provisioned,
        )

        self._run: Run | None = None
        self._verdict: Outcome | None = None
        """How the present phase ends once the runtime is dead: decided, not yet told."""
        self._init_started_s = 0.0
        self._first_init_ms: float | None = None
        self._unreported_init_ms: float | None = None
        """Init Duration is reported with the first invocation only."""
        self._assigned_s = 0.0
        self._deadline_s = 0.0
        self._cpu_at_start_ns: int | None = None
        self._oom_kills_seen = 0

        self._timer = Timer(surroundings.clock)
        self._cleared = asyncio.Event()
        self._retired = asyncio.Event()
        self._retire_cause: str | None = None
        self._lost: str | None = None
        self._log = EnvironmentLog(
            function=version.name,
            environment_id=environment_id,
            bus=surroundings.bus,
            limits=surroundings.settings.limits,
            pause=self._pause_reading,
            resume=self._resume_reading,
        )
        self._log.on_mark = self._stamps.booted

    # --- what it is -----------------------------------------------------------------------------

    @property
    def available(self) -> bool:
        """It can take an invocation now."""
        return self.state in _WAITING and not self.going

    @property
    def provisioned(self) -> bool:
        """It stays however long it is idle, and goes for nobody."""
        return self.initialization_type is InitializationType.PROVISIONED

    @property
    def initialised(self) -> bool:
        """Its runtime has been ready at least once."""
        return self._first_init_ms is not None

    @property
    def invocations(self) -> int:
        """How many it was given."""
        return self._invocations

    @property
    def in_line(self) -> bool:
        """Its turn to be started has not come."""
        return not self._cleared.is_set()

    @property
    def going(self) -> bool:
        """It has no invocation and gets none; what its runtime still does no longer matters."""
        return self._retired.is_set()

    @property
    def nearly_available(self) -> bool:
        """It has answered, and is about to take the next invocation."""
        return self.state is _S.RESPONDED and not self.retire_when_done

    @property
    def warm(self) -> bool:
        """Its runtime has initialised and waits."""
        return self.state in _UP

    @property
    def at_work(self) -> bool:
        """It has an invocation."""
        return self._run is not None

    def snapshot(self) -> EnvironmentSnapshot:
        """As `ps` shows it."""
        return self._snapshot_later()()

    def _snapshot_later(self) -> Callable[[], EnvironmentSnapshot]:
        """What makes a snapshot of this moment, whenever it is called."""
        return partial(
            self._seen,
            self.state,
            self._name,
            self._changed_at,
            self._idling.until,
            self._invocations,
            None if self._run is None else self._run.acceptance.request_id,
            self._first_init_ms,
            self._stamps.split,
            self._figures,
            self.retire_when_done,
            self._obtaining.origin,
        )

    def _seen(  # noqa: PLR0913, PLR0917 - all that changes in a snapshot; by place it is quicker
        self,
        state: EnvironmentState,
        container: str,
        changed_at: datetime,
        idle_until: datetime | None,
        invocations: int,
        invocation: RequestId | None,
        init_ms: float | None,
        split: InitSplit,
        figures: Figures,
        retiring: bool,  # noqa: FBT001
        origin: ContainerOrigin,
    ) -> EnvironmentSnapshot:
        return EnvironmentSnapshot(
            environment_id=self.environment_id,
            function=self.version.name,
            version=self.version.version,
            state=state,
            container=container,
            created_at=self._created_at,
            changed_at=changed_at,
            idle_until=idle_until,
            invocations=invocations,
            invocation=invocation,
            init_ms=init_ms,
            split=split,
            memory_mb=self.version.configuration.memory_mb,
            figures=figures,
            code_digest=self.version.code.digest,
            retiring=retiring,
            origin=origin,
            initialization_type=self.initialization_type,
        )

    # --- its life -------------------------------------------------------------------------------

    async def live(self) -> None:
        """Make the container, keep it until the environment is retired, remove it.

        Cancellation: removes the container first.
        """
        self._announce(None)
        try:
            self._owner.on_wanted(self)
            await self._cleared.wait()
            await self._create()
            await self._retired.wait()
        except DriverError as error:
            self._could_not_start(error)
        except Exception as error:
            self._could_not_start(InternalError(f"{self._name} could not start: {error!r}."))
            raise
        finally:
            self._leave()
            try:
                if self._container is not None:
                    await self._container.remove()
            finally:
                self._move(Trigger.GONE, self._retire_cause)
                self._owner.on_gone(self)

    def _could_not_start(self, error: WorkbenchError) -> None:
        self._retire_cause = str(error)
        self._retired.set()
        self._owner.on_start_failed(self, error)

    async def _create(self) -> None:
        if not self.going:
            self._container = await self._obtaining.obtain(self, self._endpoint.connections)
        self._owner.on_made(self)
        if self._lost is not None:
            raise ContainerLost(self._lost)
        if self._container is None or self.going:
            return
        self._name = self._container.name
        self._log.platform(
            report.init_start(
                self.version.runtime.name,
                region=self._with.settings.region,
                image_digest=self.version.image.digest,
            ),
            self._clock.now(),
        )
        self._move(Trigger.STARTED)
        self._start_runtime(deadline_s=self._clock.monotonic() + self._init_limit_s)

    @property
    def _init_limit_s(self) -> float:
        if self.provisioned:
            timeout_s = self.version.configuration.timeout_s
            return max(self._timeouts.provisioned_init_s, float(timeout_s))
        return self._timeouts.init_s

    def retire(self, cause: str) -> None:
        """Take nothing more and go: at once when idle, else when the invocation is over."""
        self._retire_cause = self._retire_cause or cause
        if self._run is not None:
            self.retire_when_done = True
        else:
            self._go()

    def abandon(self, cause: str) -> None:
        """Go now, whatever it is doing. An invocation in progress is lost, unless how it ends was
        decided already.
        """
        self._retire_cause = cause
        self._conclude(cause)
        self._go()

    def clear_to_start(self) -> None:
        """Its turn has come, and there is room for its container."""
        self._cleared.set()

    def _go(self) -> None:
        self._retired.set()
        self._cleared.set()  # there is nothing to wait for any more
        self._obtaining.give_up()

    def _leave(self) -> None:
        """RETIRING, with nothing left behind that could fire."""
        self._retired.set()
        self._timer.close()
        self._endpoint.close()
        self._conclude(self._retire_cause or "The environment was removed.")
        self._log.flush(self._clock.now(), ended=True)
        self._move(Trigger.RETIRED, self._retire_cause)

    def reconfigure(self, configuration: FunctionConfiguration) -> None:
        """Be idle as this says, from now on: how long, and frozen or not."""
        if not self._idling.configure(configuration) or not self.available:
            return
        if self.state is _S.FROZEN:
            self._thaw(self._clock.now())
        self._idling.begin(self._clock.now())
        self._wait_for_work()
        self._announce(None)

    # --- an invocation --------------------------------------------------------------------------

    def assign(self, run: Run) -> None:
        """Give it an invocation. Only when `available`."""
        now_s, wall = self._clock.monotonic(), self._clock.now()
        self._timer.cancel()
        self._run = run
        self._invocations += 1
        self._assigned_s = now_s
        self._cpu_at_start_ns = self._figures.cpu_ns
        self._deadline_s = now_s + run.acceptance.timeout_s
        cold = self._unreported_init_ms is not None or self.state is _S.RESET
        run.placed(self.environment_id, cold=cold, how=self.initialization_type)
        restart = self.state is _S.RESET
        if self.state is _S.FROZEN:
            self._thaw(wall)
        self._move(Trigger.ASSIGNED, at=wall)
        if restart:
            self._announce_start(run, wall)
            self._start_runtime(deadline_s=self._deadline_s)
        else:
            # First the event, then the book-keeping: what the function says comes later in any case.
            self._deliver(run, wall + timedelta(seconds=run.acceptance.timeout_s))
            self._announce_start(run, wall)

    def stop(self, run: Run) -> None:
        """Stop `run`, which is in progress here: its runtime is killed, the container stays."""
        if run is self._run and not run.settled and self._verdict is None:
            self._kill(failures.stopped(run.acceptance.request_id))

    def _announce_start(self, run: Run, wall: datetime) -> None:
        self._log.begin(run)
        self._log.platform(report.start(run.acceptance.request_id, self.version.version), wall)
        self._with.bus.publish(
            Start(
                request_id=run.acceptance.request_id,
                environment_id=self.environment_id,
                at=wall,
                deadline=wall + timedelta(seconds=run.acceptance.timeout_s),
            )
        )

    def _deliver(self, run: Run, deadline: datetime) -> None:
        self._timer.set(self._deadline_s, self._on_deadline)
        self._endpoint.offer(
            Delivery(
                request_id=run.acceptance.request_id,
                payload=run.acceptance.payload or b"{}",
                deadline_ms=int(deadline.timestamp() * 1000),
                function_arn=run.function_arn,
                trace_id=run.trace_id,
                client_context=run.client_context,
            )
        )

    def _start_runtime(self, *, deadline_s: float) -> None:
        container = self._known_container()
        runtime = self.version.runtime
        self._verdict = None
        self._init_started_s = self._clock.monotonic()
        self._stamps.started()
        self._timer.set(deadline_s, self._on_deadline)
        variables = runtime_variables(
            self.version,
            environment_id=self.environment_id,
            created_at=self._created_at,
            settings=self._with.settings,
            initialization_type=self.initialization_type,
        )
        self._with.bus.publish(
            InitStart(
                environment_id=self.environment_id,
                function=self.version.name,
                at=self._clock.now(),
                request_id=None if self._run is None else self._run.acceptance.request_id,
            )
        )
        container.start_runtime(
            RuntimeStart(
                command=runtime.command if self.version.image.built_for_runtime else (),
                handler=self.version.configuration.handler,
                variables=variables,
                log_frames=runtime.log_frames and self.version.image.built_for_runtime,
            )
        )

    # --- what the runtime does (RuntimeEvents) --------------------------------------------------

    def on_next(self) -> None:
        if self._verdict is not None or self.going:
            return  # it is being killed; what it asks no longer matters
        self._timer.cancel()
        if self.state is _S.RESPONDED:
            wall = self._clock.now()
            self._finish_run(wall)
            self._move(Trigger.NEXT, at=wall)
            self._become_available()
            return
        init_ms = (self._clock.monotonic() - self._init_started_s) * 1000
        self._stamps.initialised()
        if self._first_init_ms is None:
            self._first_init_ms = init_ms
            self._known_container().settle()
        self._move(Trigger.NEXT)
        if self._run is not None:  # initialised inside an invocation, after a reset
            self._move(Trigger.ASSIGNED)
            remaining_s = self._deadline_s - self._clock.monotonic()
            self._deliver(self._run, self._clock.now() + timedelta(seconds=remaining_s))
        else:
            self._unreported_init_ms = init_ms
            self._log.flush(self._clock.now())
            self._become_available()

    def on_response(self, request_id: RequestId, payload: bytes) -> None:
        self._answered(request_id, Outcome(kind=OutcomeKind.SUCCESS, payload=payload))

    def on_error(self, request_id: RequestId, body: bytes, error_type: str | None) -> None:
        outcome = failures.posted_error(body, header_type=error_type, kind=OutcomeKind.ERROR)
        self._answered(request_id, outcome)

    def on_bad_response(self, request_id: RequestId, problem: BadResponse) -> None:
        if problem.too_large:
            limit = self._with.settings.limits.response_bytes
            self._answered(request_id, failures.response_too_large(limit_bytes=limit))
        elif problem.invalid_mode is not None:
            self._answered(request_id, failures.invalid_response_mode(problem.invalid_mode))
        else:
            self._answered(request_id, failures.truncated_response())

    def on_init_error(self, body: bytes, error_type: str | None) -> None:
        if self._verdict is None and not self.going:
            self._kill(
                failures.posted_error(body, header_type=error_type, kind=OutcomeKind.INIT_ERROR)
            )

    def on_hook_report(self, target: str, body: bytes, answer: Answering) -> None:
        reports = self._with.hook_reports
        if self._run is None or reports is None:
            answer(*refused(AccessDenied("No invocation is in progress here that could report.")))
        else:
            reports.take(self._run.acceptance.request_id, target, body, answer)

    def _answered(self, request_id: RequestId, outcome: Outcome) -> None:
        run = self._run
        if run is None or self._verdict is not None:
            return  # something else ended it first
        assert run.acceptance.request_id == request_id, "the session knows only the current one"
        wall = self._clock.now()
        self._move(Trigger.ANSWERED, at=wall)
        self._settle(run, outcome, wall)

    # --- what the container does (ContainerListener) ----------------------------------------------

    def on_created(self) -> None:
        self._stamps.created()

    def on_log(self, stream: LogStream, at_us: int, chunk: bytes) -> None:
        self._log.take(stream, at_us, chunk)

    def on_figures(self, figures: Figures) -> None:
        self._figures = figures

    def on_interrupted(self, work: Interrupted) -> None:
        if self.state is _S.FROZEN:
            self._idling.interrupt(work)

    def on_exit(self, ended: RuntimeExit) -> None:
        if self.going or self.state not in _WITH_RUNTIME:
            return
        self._timer.cancel()
        self._endpoint.reset()
        self._log.flush(self._clock.now(), ended=True)
        out_of_memory = self._was_out_of_memory()
        verdict, self._verdict = self._verdict, None
        if self.state in _UP:
            reason = ended.reason or "exit status 0"
            self.retire(f"The runtime exited while idle: {reason}.")
            return
        during_init = self.state is _S.INITIALIZING
        run = self._run
        ended = explained(ended, self.version)
        outcome = verdict or failures.runtime_exited(
            RequestId("") if run is None else run.acceptance.request_id,
            ended,
            out_of_memory=out_of_memory,
            during_init=during_init,
        )
        if during_init:
            self._report_failed_init(outcome)
        if run is not None and not run.settled:
            if verdict is None:
                self._log_exit(run, ended, outcome)
            self._settle(run, outcome)
        self._finish_run()
        cause = outcome.error_type if during_init else None
        self._move(Trigger.INIT_FAILED if during_init else Trigger.FAILED, cause)
        self._become_available()

    def on_lost(self, why: str) -> None:
        if self.going:
            return
        self._lost = why
        if self.state is _S.CREATED:
            return  # its driver cleans up after itself, and `_create` notices
        run = self._run
        if self.state is _S.INITIALIZING and run is None:
            self._owner.on_start_failed(self, ContainerLost(why))
        elif self.state is _S.INITIALIZING and run is not None and self._verdict is None:
            self._run = None
            self._log.flush(self._clock.now(), ended=True)
            self._log.end()
            self._owner.on_unfetched(self, run, why)
        self.abandon(why)

    def _report_failed_init(self, outcome: Outcome) -> None:
        timed_out = outcome.kind is OutcomeKind.TIMEOUT
        line = report.init_report(
            duration_ms=(self._clock.monotonic() - self._init_started_s) * 1000,
            phase="init" if self._run is None else "invoke",
            status="timeout" if timed_out else "error",
            error_type=None if timed_out else outcome.error_type,
        )
        self._log.platform(line, self._clock.now())
        if self._run is None:
            self._with.bus.publish(
                InitFailed(
                    environment_id=self.environment_id,
                    function=self.version.name,
                    at=self._clock.now(),
                    error_type=outcome.error_type,
                    message=outcome.error_message or "The runtime did not say why.",
                )
            )

    # --- deadlines and deaths ---------------------------------------------------------------------

    def _on_deadline(self) -> None:
        run = self._run
        request_id = run.acceptance.request_id if run is not None else RequestId("")
        timeout_s = float(run.acceptance.timeout_s) if run is not None else self._init_limit_s
        self._kill(failures.timed_out(request_id, timeout_s=timeout_s))

    def _kill(self, verdict: Outcome) -> None:
        """Kill the runtime; `verdict` is told when it is dead and its last words are in."""
        self._verdict = verdict
        self._expect_exit()
        self._known_container().kill_runtime()

    def _expect_exit(self) -> None:
        self._timer.set(self._clock.monotonic() + self._timeouts.stop_s, self._on_no_exit)

    def _on_no_exit(self) -> None:
        if self._log.paused:
            self._expect_exit()  # it may have said so: it is us who do not listen
        else:
            self.on_lost("The container did not end its runtime when told to.")

    def _was_out_of_memory(self) -> bool:
        kills = self._figures.oom_kills or 0
        killed, self._oom_kills_seen = kills > self._oom_kills_seen, kills
        return killed

    def _log_exit(self, run: Run, ended: RuntimeExit, outcome: Outcome) -> None:
        text = failures.exit_text(run.acceptance.request_id, ended)
        self._log.platform(f"{text}\n{outcome.error_type}", self._clock.now())

    # --- the end of an invocation -----------------------------------------------------------------

    def _settle(self, run: Run, outcome: Outcome, at: datetime | None = None) -> None:
        self._with.journal.ended(run.settle(outcome, ended_at=at or self._clock.now()))
        run.answered_s = self._clock.monotonic()
        run.release()

    def _finish_run(self, at: datetime | None = None) -> None:
        """Figures, END and REPORT; the environment has no invocation afterwards."""
        run = self._run
        if run is None:
            return
        wall = at or self._clock.now()
        self._log.flush(wall)
        outcome = run.known_outcome
        measured = self._measure(run, outcome)
        request_id = run.acceptance.request_id
        self._log.platform(report.end(request_id), wall)
        status = error_type = None
        if outcome is not None and outcome.kind not in (OutcomeKind.SUCCESS, OutcomeKind.ERROR):
            timed_out = outcome.kind is OutcomeKind.TIMEOUT
            status = "timeout" if timed_out else "error"
            error_type = None if timed_out else outcome.error_type
        self._log.platform(
            report.report(request_id, measured, status=status, error_type=error_type), wall
        )
        if outcome is not None and outcome.kind is OutcomeKind.TIMEOUT:
            line = report.timed_out_line(
                request_id, at=wall, timeout_s=float(run.acceptance.timeout_s)
            )
            self._log.platform(line, wall)
        self._log.end()
        self._run = None
        self._oom_kills_seen = self._figures.oom_kills or 0
        record = run.finish(measured)
        self._with.journal.reported(record)
        self._with.bus.publish(Report(record=record))

    def _measure(self, run: Run, outcome: Outcome | None) -> Measurements:
        duration_ms = (self._clock.monotonic() - self._assigned_s) * 1000
        limit_ms = run.acceptance.timeout_s * 1000.0
        if outcome is not None and outcome.kind is OutcomeKind.TIMEOUT:
            duration_ms = limit_ms
        duration_ms = min(duration_ms, limit_ms)
        init_ms, self._unreported_init_ms = self._unreported_init_ms, None
        container_ms, self._obtaining.took_ms = self._obtaining.took_ms, None
        before, after = self._cpu_at_start_ns, self._figures.cpu_ns
        return Measurements(
            queued_ms=max(0.0, (self._assigned_s - run.accepted_s) * 1000),
            container_ms=container_ms,
            init_ms=init_ms,
            split=self._stamps.take(),
            duration_ms=duration_ms,
            billed_ms=report.billed_ms(duration_ms, init_ms),
            memory_mb=run.acceptance.memory_mb,
            max_memory_bytes=self._figures.peak_bytes,
            cpu_ms=None if before is None or after is None else (after - before) / 1e6,
        )

    def _conclude(self, cause: str) -> None:
        """End the invocation in progress, if there is one, without its runtime."""
        run = self._run
        if run is not None and not run.settled:
            lost = failures.lost(run.acceptance.request_id, cause)
            self._settle(run, self._verdict or lost)
        self._finish_run()

    def _become_available(self) -> None:
        if self.retire_when_done:
            self._go()
        if self.going:
            return
        self._owner.on_available(self)
        if self.available and self._run is None:
            self._wait_for_work()

    def _wait_for_work(self) -> None:
        """Be frozen soon, and go when none has come for as long as the function's environments are
        kept.
        """
        if self._idling.freezes and self.state is _S.IDLE:
            self._timer.set(self._idling.freeze_at_s, self._freeze)
        else:
            self._wait_to_retire()

    def _wait_to_retire(self) -> None:
        at_s = self._idling.retire_at_s
        if at_s is not None:
            cause = f"idle for {self._idling.keep_s:.0f} s"
            self._timer.set(at_s, lambda: self.retire(cause))

    def _freeze(self) -> None:
        self._known_container().freeze()
        self._idling.freeze(timers=self._log.timers)
        self._move(Trigger.GRACE_OVER)
        self._wait_to_retire()

    def _thaw(self, wall: datetime) -> None:
        self._known_container().thaw()
        lost = self._idling.thaw()
        self._move(Trigger.THAWED, at=wall)
        if lost is None:
            return
        self._log.platform(lost.text, wall)
        self._with.bus.publish(
            BackgroundFrozen(
                environment_id=self.environment_id,
                function=self.version.name,
                at=wall,
                frozen_s=lost.seconds,
                what=lost.what,
            )
        )

    # --- small things -----------------------------------------------------------------------------

    def _known_container(self) -> Container:
        container = self._container
        assert container is not None, "the table allows this only after creation"
        return container

    def _pause_reading(self) -> None:
        self._known_container().pause_reading()

    def _resume_reading(self) -> None:
        self._known_container().resume_reading()

    def _move(
        self, trigger: Trigger, cause: str | None = None, *, at: datetime | None = None
    ) -> None:
        self.state = next_state(self.state, trigger)
        self._changed_at = now = at or self._clock.now()
        if self.state not in _WAITING:
            self._idling.end()
        elif trigger is not Trigger.GRACE_OVER:
            self._idling.begin(now)
        self._announce(cause)

    def _announce(self, cause: str | None) -> None:
        self._with.bus.publish(
            EnvironmentChanged(
                environment_id=self.environment_id,
                state=self.state,
                make=self._snapshot_later(),
                cause=cause,
            )
        )
