"""Anything, in any order: a Hypothesis machine over the scheduler.

Whatever is invoked, finished, crashed, lost, saved, stopped or waited for: an environment holds one
invocation at most; each accepted invocation runs the code it was accepted for, at most once, and
ends exactly once; leases in use are invocations in progress; and in the end nothing is left.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fakes.driver import Behaviour, FakeContainer
from tests.fakes.engine import Engine, open_engine
from tests.fakes.loop import AutojumpLoop, eager_autojump_loop
from tests.fakes.runtime import Event, FakeRuntime, died, failing_to_initialise, killed
from tests.fakes.versions import a_version
from workbench.engine.run import Run
from workbench.engine.scheduler import JUST_ANSWERED_S
from workbench.errors import ContainerRefused, InvalidParameter, ThrottledError
from workbench.model.concurrency import InitializationType
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.names import Qualifier
from workbench.model.settings import Limits, Settings, Timeouts
from workbench.model.telemetry import Fault, Telemetry
from workbench.model.version import Version
from workbench.telemetry import Feed

CONCURRENCY = 5
SETTINGS = Settings(
    limits=Limits(concurrency=CONCURRENCY, parallel_starts=2),
    timeouts=Timeouts(create_s=20, drain_s=10),
    keep_alive_s=60,
)
PUBLISHED = Qualifier("1")
FUNCTIONS = ("orders", "billing", "giant")
MEMORY_MB = {"orders": 128, "billing": 384, "giant": 1024}
BUDGET_MB = 640
"""Too little for the last one, which runs all the same, alone."""
STARTS = ("well", "well", "well", "slowly", "with an init error", "never", "not at all")
MAKINGS: dict[str, Behaviour] = {
    "slow": Behaviour(create_s=3),
    "never made": Behaviour(create_s=None),
    "refused": Behaviour(create_error=ContainerRefused("no")),
    "lost while made": Behaviour(lost_while_made=True),
    "lost soon": Behaviour(lost_after_s=1),
    "hard to kill": Behaviour(kill_s=2),
    "impossible to kill": Behaviour(kill_s=None),
    "slow to remove": Behaviour(remove_s=2),
}
ENDS = (
    "respond",
    "respond",
    "respond",
    "fail",
    "exit",
    "killed",
    "memory",
    "linger",
    "twice",
    "log",
)


@dataclass(slots=True)
class Working:
    """A handler that runs, and waits to be told how it ends."""

    container: FakeContainer
    told: asyncio.Event = field(default_factory=asyncio.Event)
    end: str = "respond"


class Errors(logging.Handler):
    """What was only logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


class SchedulerMachine(RuleBasedStateMachine):
    """See the module."""

    make_loop: Callable[[], AutojumpLoop] = AutojumpLoop

    def __init__(self) -> None:
        super().__init__()
        self.loop = type(self).make_loop()
        self.errors = Errors()
        logging.getLogger().addHandler(self.errors)
        self.over = asyncio.Event()
        self.engines: list[Engine] = []
        self.recorders: list[Feed] = []
        self.recorded: list[Telemetry] = []
        self.codes = dict.fromkeys(FUNCTIONS, 1)
        self.starts: list[str] = []
        self.working: dict[str, Working] = {}
        self.ran: Counter[str] = Counter()
        self.runs: dict[str, tuple[Run, Version]] = {}

    @initialize()
    def begin(self) -> None:
        self.serving = self.loop.create_task(self.serve())
        self.let_happen()

    async def serve(self) -> None:
        async with open_engine(
            self.program, settings=SETTINGS, memory_budget_mb=BUDGET_MB
        ) as engine:
            self.engines.append(engine)
            with engine.bus.subscribe(capacity=None, high_water=40) as recorder:
                self.recorders.append(recorder)
                await self.over.wait()

    # --- what runtimes do -----------------------------------------------------------------------------

    async def program(self, runtime: FakeRuntime) -> None:
        match self.starts.pop() if self.starts else "well":
            case "slowly":
                await runtime.sleep(2)
            case "with an init error":
                await failing_to_initialise()(runtime)
            case "never":
                await runtime.hang()
            case "not at all":
                raise died(1)
        while True:
            await self.work(runtime, await runtime.next())

    async def work(self, runtime: FakeRuntime, event: Event) -> None:
        container = runtime.host
        assert isinstance(container, FakeContainer)
        (code,) = container.spec.mounts
        assert event.json == {
            "function": dict(runtime.start.variables)["AWS_LAMBDA_FUNCTION_NAME"],
            "code": code.source.name,
        }, "it runs the code it was accepted for"
        busy = [each.container for each in self.working.values()]
        assert container not in busy, "one at a time"
        self.ran[event.request_id] += 1
        task = self.working[event.request_id] = Working(container)
        try:
            await task.told.wait()
        finally:
            del self.working[event.request_id]
        await self.finish(runtime, event, task.end)

    async def finish(self, runtime: FakeRuntime, event: Event, end: str) -> None:
        match end:
            case "exit":
                raise died(1)
            case "killed":
                raise killed(11)
            case "memory":
                runtime.killed_for_memory()
            case "fail":
                await runtime.fail(event, b'{"errorType":"ValueError","errorMessage":"no"}')
                return
            case "log":
                for number in range(50):
                    runtime.print(f"line {number}\n")
        await runtime.respond(event, event.payload)
        if end == "twice":
            assert (await runtime.respond(event, b'"again"')).status == 403
        if end == "linger":
            await runtime.sleep(1)

    # --- what happens -----------------------------------------------------------------------------------

    @rule(
        function=st.sampled_from(FUNCTIONS),
        timeout_s=st.sampled_from((1, 3, 30)),
        cold=st.booleans(),
        published=st.booleans(),
    )
    def invoke(self, function: str, timeout_s: int, cold: bool, published: bool) -> None:
        version = self.version(function, timeout_s)
        if published:
            version = replace(version, version=PUBLISHED)
        ledger = self.engine.scheduler._ledger
        before, shares = ledger.total, ledger.shares
        lent = self.somebody_can_lend()
        try:
            payload = f'{{"function":"{function}","code":"{self.codes[function]}"}}'
            run = self.within(lambda: self.engine.invoke(version, payload.encode(), cold=cold))
        except ThrottledError:
            assert before == CONCURRENCY or shares.unreserved < CONCURRENCY
        else:
            assert before < CONCURRENCY or lent
            self.runs[run.acceptance.request_id] = (run, version)
        self.let_happen()

    def somebody_can_lend(self) -> bool:
        """It has just been answered, and its runtime has not come back."""
        since_s = self.loop.time() - JUST_ANSWERED_S
        runs = self.engine.scheduler._runs.values()
        return any(run.answered_since(since_s) and not run.given_back for run in runs)

    @precondition(lambda self: self.working)
    @rule(index=st.integers(0, 100), end=st.sampled_from(ENDS))
    def finish_one(self, index: int, end: str) -> None:
        working = list(self.working.values())
        chosen = working[index % len(working)]
        chosen.end = end
        chosen.told.set()
        self.let_happen()

    @precondition(lambda self: self.working)
    @rule()
    def all_answer(self) -> None:
        for working in list(self.working.values()):
            working.told.set()
        self.let_happen()

    @rule(function=st.sampled_from(FUNCTIONS), warm=st.booleans(), undo=st.booleans())
    def save(self, function: str, warm: bool, undo: bool) -> None:
        code = self.codes[function]
        self.codes[function] = max(1, code - 1) if undo else code + 1
        version = self.version(function, 3)
        self.within(lambda: self.engine.scheduler.supersede(version, warm=warm))
        self.let_happen()

    @rule(function=st.sampled_from(FUNCTIONS))
    def remove_function(self, function: str) -> None:
        name = self.version(function, 3).name
        self.within(lambda: self.engine.scheduler.retire(name))
        self.let_happen()

    @rule(function=st.sampled_from(FUNCTIONS), count=st.integers(1, 4))
    def warm(self, function: str, count: int) -> None:
        version = self.version(function, 3)
        self.within(lambda: self.engine.scheduler.warm(version, count))
        self.let_happen()

    @rule(function=st.sampled_from(FUNCTIONS))
    def drain(self, function: str) -> None:
        name = self.version(function, 3).name
        self.within(lambda: self.engine.scheduler.drain(name))
        self.let_happen()

    @rule(function=st.sampled_from(FUNCTIONS))
    def recycle(self, function: str) -> None:
        old, new = self.within(
            lambda: self.engine.scheduler.recycle(lambda _, name: name == function)
        )
        assert len(new) <= len(old)
        self.let_happen()

    @rule(function=st.sampled_from(FUNCTIONS), count=st.integers(0, 2))
    def provision(self, function: str, count: int) -> None:
        version = replace(self.version(function, 3), version=PUBLISHED)
        provisioning = self.engine.scheduler.provisioning

        def change() -> None:
            if count:
                provisioning.put(version, PUBLISHED, count)
            else:
                provisioning.remove(version.name, PUBLISHED)

        with suppress(InvalidParameter):
            self.within(change)
        self.let_happen()

    @precondition(lambda self: self.engine.scheduler.in_progress)
    @rule(index=st.integers(0, 100))
    def stop(self, index: int) -> None:
        running = [run for run, _ in self.runs.values() if not run.finished]
        request_id = running[index % len(running)].acceptance.request_id
        self.within(lambda: self.engine.scheduler.stop(request_id))
        self.let_happen()

    @precondition(lambda self: self.engine.driver.running)
    @rule(index=st.integers(0, 100))
    def lose_container(self, index: int) -> None:
        running = self.engine.driver.running
        self.within(lambda: running[index % len(running)].lose("gone"))
        self.let_happen()

    @precondition(lambda self: self.engine.driver.running)
    @rule(index=st.integers(0, 100))
    def kill_from_outside(self, index: int) -> None:
        running = self.engine.driver.running
        self.within(running[index % len(running)].kill_runtime)
        self.let_happen()

    @rule(start=st.sampled_from(STARTS))
    def next_runtime_starts(self, start: str) -> None:
        self.starts.append(start)

    @rule(making=st.sampled_from(sorted(MAKINGS)))
    def next_container_is(self, making: str) -> None:
        behaviour = replace(MAKINGS[making], programs=(self.program,))
        self.engine.driver.coming.append(behaviour)

    @rule(seconds=st.sampled_from((0.5, 1.0, 3.0, 6.0, 11.0, 100.0)))
    def time_passes(self, seconds: float) -> None:
        self.complete(self.engine.clock.sleep(seconds))
        self.let_happen()

    @rule()
    def recorder_catches_up(self) -> None:
        self.within(self.record)
        self.let_happen()

    # --- what always holds ------------------------------------------------------------------------------

    @invariant()
    def one_invocation_per_environment(self) -> None:
        if not self.engines:
            return
        held = [each.invocation for each in self.engine.environments if each.invocation is not None]
        assert len(held) == len(set(held))
        in_progress = {request_id for request_id, (run, _) in self.runs.items() if not run.finished}
        assert set(held) <= in_progress

    @invariant()
    def leases_are_invocations_in_progress(self) -> None:
        if not self.engines:
            return
        scheduler, journal = self.engine.scheduler, self.engine.journal
        assert scheduler.in_progress == len(journal.unfinished)
        # One that has been answered may lend its own, until its runtime comes back.
        lent = [run for run in scheduler._runs.values() if run.given_back]
        assert all(run.answered_since(-math.inf) for run in lent)
        assert scheduler._ledger.total == scheduler.in_progress - len(lent) <= CONCURRENCY

    @invariant()
    def memory_is_within_the_budget(self) -> None:
        if not self.engines:
            return
        held = self.engine.scheduler._pool.starts._held
        provisioned = [mb for each, mb in held.items() if each.provisioned]
        on_demand = [mb for each, mb in held.items() if not each.provisioned]
        assert sum(on_demand) + sum(provisioned) <= BUDGET_MB or len(on_demand) <= 1
        assert sum(provisioned) <= BUDGET_MB or len(provisioned) == 1
        sizes = [container.spec.memory_mb for container in self.engine.driver.running]
        assert sum(sizes) <= sum(held.values())

    @invariant()
    def nothing_waits_that_could_go_on(self) -> None:
        if not self.engines:
            return
        starts = self.engine.scheduler._pool.starts
        if starts.short_of_memory:
            going = [each for each in self.engine.driver.containers if not each.removed]
            assert going or self.engine.driver.creating, "somebody holds what they wait for"

    @invariant()
    def no_more_is_provisioned_than_asked_for(self) -> None:
        if not self.engines:
            return
        engine = self.engine
        shares = engine.scheduler._ledger.shares
        for found in engine.scheduler.provisioning.all():
            assert shares.provisioned[found.function, found.version] == found.requested
            assert found.available <= found.requested
        kept = Counter(
            each.function
            for each in engine.environments
            if each.initialization_type is InitializationType.PROVISIONED
            and not each.retiring
            and each.state not in (EnvironmentState.RETIRING, EnvironmentState.STOPPED)
        )
        for function, count in kept.items():
            assert count <= shares.provisioned_of(function)

    @invariant()
    def each_runs_once_at_most_and_ends_once(self) -> None:
        if not self.engines:
            return
        assert self.engine.journal.broken == []
        assert set(self.ran.values()) <= {1}
        for request_id, (run, _) in self.runs.items():
            assert run.finished is (request_id in self.engine.journal.reports)

    @invariant()
    def nothing_breaks(self) -> None:
        if not self.engines:
            return
        assert self.errors.messages == []
        assert not self.serving.done()
        assert self.engine.heard(Fault) == []

    # --- the end ----------------------------------------------------------------------------------------

    def teardown(self) -> None:
        logging.getLogger().removeHandler(self.errors)
        try:
            began_s = self.loop.time()
            self.over.set()
            self.loop.run_until_complete(self.serving)
            assert self.loop.time() - began_s <= 10 + 2, "the drain deadline, and removing"
            self.check_ends()
            assert self.errors.messages == []
        finally:
            self.loop.close()

    def check_ends(self) -> None:
        for request_id, (run, _) in self.runs.items():
            outcome = run.record_now.outcome
            assert outcome is not None
            event(outcome.kind)
            if outcome.kind in (OutcomeKind.SUCCESS, OutcomeKind.ERROR):
                assert self.ran[request_id] == 1
            if outcome.kind is OutcomeKind.SUCCESS:
                assert outcome.payload == run.acceptance.payload
            if outcome.kind is OutcomeKind.NOT_STARTED:
                assert self.ran[request_id] == 0

    # --- small things -----------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        return self.engines[0]

    def version(self, function: str, timeout_s: int) -> Version:
        """What the function means now; its timeout is no part of this test's digest."""
        version = a_version(function, code=str(self.codes[function]), memory_mb=MEMORY_MB[function])
        configuration = replace(version.configuration, timeout_s=timeout_s)
        return replace(version, configuration=configuration)

    def record(self) -> None:
        for recorder in self.recorders:
            self.recorded += recorder.take_nowait()

    def within(self, action: Callable[[], Any]) -> Any:
        """Do something on the loop."""

        async def do() -> Any:
            return action()

        return self.complete(do())

    def complete(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def let_happen(self) -> None:
        """Everything that happens without time passing."""
        self.complete(self.loop.settle())


class EagerSchedulerMachine(SchedulerMachine):
    """With tasks that start at once."""

    make_loop = staticmethod(eager_autojump_loop)


MACHINE_SETTINGS = settings(stateful_step_count=30, max_examples=settings().max_examples // 2)

TestScheduler = pytest.mark.filterwarnings("error")(SchedulerMachine.TestCase)
TestScheduler.settings = MACHINE_SETTINGS
if sys.version_info >= (3, 12):
    TestEagerScheduler = EagerSchedulerMachine.TestCase
    TestEagerScheduler.settings = MACHINE_SETTINGS
