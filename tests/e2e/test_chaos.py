"""Whatever dies, and whenever: every invocation that was accepted has one outcome, and nothing stays.

For a while functions are invoked at random, and at random their containers, the container engine and
the workbench itself are killed. `WORKBENCH_CHAOS_SECONDS=600` makes a longer while of it, and
`WORKBENCH_CHAOS_SEED` the same choices again, as far as they are ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.private_engine import IMAGE, PrivateEngine, a_private_engine
from tests.e2e.workshop import until
from tests.integration.cli.program import Project
from workbench.assembly.workbench import open_workbench
from workbench.clock import SystemClock
from workbench.facade.invocations import FinishedRun
from workbench.model.container import LogStream
from workbench.model.invocation import OutcomeKind

pytestmark = pytest.mark.docker

SEED = int(os.environ.get("WORKBENCH_CHAOS_SEED") or random.randrange(1_000_000))
SECONDS = float(os.environ.get("WORKBENCH_CHAOS_SECONDS") or 15)
CALLERS = 4

RUNTIME = """\
#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
  curl -s -D /tmp/headers -o /tmp/event "$api/next" || exit 1
  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '[:space:]' | cut -d : -f 2)
  echo "ran $(cat /tmp/event)"
  %s
  curl -s -o /dev/null --data-binary "@/tmp/event" "$api/$id/response"
done
"""
FUNCTIONS = {
    "quick": ("", 60, OutcomeKind.SUCCESS),
    "slow": ("sleep 0.5", 60, OutcomeKind.SUCCESS),
    "crashing": ("exit 3", 60, OutcomeKind.EXIT),
    "hanging": ("sleep 600", 1, OutcomeKind.TIMEOUT),
}
"""By name: what it does, its timeout, and how its invocations end when nobody meddles."""

MEDDLED = {OutcomeKind.LOST, OutcomeKind.NOT_STARTED, OutcomeKind.EXIT, OutcomeKind.INIT_ERROR}
"""How they may end otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a caller got."""

    number: int
    status: int
    request_id: str
    failed: bool
    body: bytes


@dataclass(slots=True)
class Served:
    """`workbench serve`, as often as it is killed."""

    project: Project
    address: str = ""
    there: asyncio.Event = field(default_factory=asyncio.Event)
    said: str = ""
    """All that it had written to stderr when it ended."""
    _serving: AbstractContextManager[tuple[subprocess.Popen[bytes], str]] | None = None
    _process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        await asyncio.to_thread(self._start)
        self.there.set()

    def _start(self) -> None:
        self._serving = self.project.serving()
        self._process, self.address = self._serving.__enter__()

    async def kill(self) -> None:
        self.there.clear()
        await asyncio.to_thread(self._end, signal.SIGKILL)

    async def stop(self) -> int:
        """As Ctrl-C does. Its exit code."""
        return await asyncio.to_thread(self._end, signal.SIGINT)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        assert self._serving is not None
        self._process.send_signal(number)
        self.said += self._process.communicate(timeout=60)[1].decode()
        self._serving.__exit__(None, None, None)
        return self._process.returncode

    def clear(self) -> None:
        if self._serving is not None:
            self._serving.__exit__(None, None, None)


@dataclass(slots=True)
class Chaos:
    """Who calls, who kills, and what callers got."""

    engine: PrivateEngine
    served: Served
    dice: random.Random
    over: bool = False
    sent: dict[int, str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)

    async def call(self, session: aiohttp.ClientSession) -> None:
        """One caller: asks, takes what comes, asks again."""
        clock = SystemClock()
        while not self.over:
            await self.served.there.wait()
            number, function = len(self.sent) + 1, self.dice.choice(list(FUNCTIONS))
            self.sent[number] = function
            url = f"{self.served.address}/2015-03-31/functions/{function}/invocations"
            with suppress(aiohttp.ClientError):  # killed: whether it was accepted we cannot know
                async with session.post(url, data=b"[%d]" % number) as answer:
                    self.answers.append(
                        Answer(
                            number=number,
                            status=answer.status,
                            request_id=answer.headers["x-amzn-RequestId"],
                            failed="X-Amz-Function-Error" in answer.headers,
                            body=await answer.read(),
                        )
                    )
            await clock.sleep(self.dice.uniform(0, 0.1))

    async def meddle(self) -> None:
        """Kill, until time is up and everything has had its turn; not before it was seen to work."""
        await until(self.quick_was_served)
        clock = SystemClock()
        ends_s = clock.monotonic() + SECONDS
        deeds: list[Callable[[], Awaitable[None]]] = [
            *[self.kill_container] * 4,
            self.kill_engine,
            self.restart_engine,
            self.kill_workbench,
            self.kill_both,
        ]
        turn: list[Callable[[], Awaitable[None]]] = []
        while len(self.did) < len(set(deeds)) or clock.monotonic() < ends_s:
            turn = turn or self.dice.sample(deeds, len(deeds))
            await clock.sleep(self.dice.uniform(0.1, 1.2))
            deed = turn.pop()
            await deed()
            self.did[deed.__name__] += 1

    async def quick_was_served(self) -> bool:
        return any(
            self.sent[answer.number] == "quick" and answer.status == 200 and not answer.failed
            for answer in self.answers
        )

    async def kill_container(self) -> None:
        running = await asyncio.to_thread(
            self.engine.ask, lambda api: [each["Id"] for each in api.containers()]
        )
        if running:
            victim = self.dice.choice(running)
            with suppress(Exception):  # it has gone by itself meanwhile
                await asyncio.to_thread(self.engine.ask, lambda api: api.kill(victim))

    async def kill_engine(self) -> None:
        await asyncio.to_thread(self.engine.kill)
        await SystemClock().sleep(self.dice.uniform(0, 1))
        await self.engine.start()

    async def restart_engine(self) -> None:
        await asyncio.to_thread(self.engine.stop)
        await self.engine.start()

    async def kill_workbench(self) -> None:
        await self.served.kill()
        await self.served.start()

    async def kill_both(self) -> None:
        await asyncio.to_thread(self.engine.kill)
        await self.served.kill()
        await self.engine.start()
        await self.served.start()


@pytest.mark.slow
async def test_every_accepted_invocation_has_one_outcome_whatever_dies(
    tmp_path: Path, socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"WORKBENCH_CHAOS_SEED={SEED}")  # noqa: T201 - shown when it fails
    project = a_project(tmp_path)
    async with a_private_engine() as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_folder))
        served = Served(project)
        chaos = Chaos(engine, served, random.Random(SEED))
        try:
            await served.start()
            timeout = aiohttp.ClientTimeout(total=120)  # an answer must come, or the connection go
            async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as g:
                for _ in range(CALLERS):
                    g.create_task(chaos.call(session))
                await chaos.meddle()
                chaos.over = True
            exit_code = await served.stop()
        finally:
            served.clear()
        last = await asyncio.to_thread(project.run, "invoke", "quick", "-p", "[0]")

        async def nothing_runs() -> bool:
            return await asyncio.to_thread(engine.containers) == []

        await until(nothing_runs)
    runs = await history(project)

    print(f"{len(chaos.sent)} sent, {len(runs)} accepted, {dict(chaos.did)}")  # noqa: T201
    assert (exit_code, last.code) == (0, 0), last.err
    check_outcomes(chaos, runs)
    check_answers(chaos, runs)
    assert [path.name for path in (socket_folder / "workbench").iterdir()] == []
    for left in ("instances", "journal"):
        assert list((project.root / ".workbench" / left).iterdir()) == []
    with socket.socket() as attempt, pytest.raises(ConnectionRefusedError):
        attempt.connect(("127.0.0.1", int(served.address.rpartition(":")[2])))


def a_project(folder: Path, *, image: str | None = IMAGE) -> Project:
    """All of `FUNCTIONS`. image: `None`: the one of their runtime."""
    root = folder / "project"
    for name, (deed, timeout_s, _) in FUNCTIONS.items():
        (root / name).mkdir(parents=True)
        bootstrap = root / name / "bootstrap"
        bootstrap.write_text(RUNTIME % deed)
        bootstrap.chmod(0o755)
        (root / name / "function.toml").write_text(
            f'runtime = "provided.al2023"\ntimeout_s = {timeout_s}\n'
            + ("" if image is None else f'image = "{image}"\n')
        )
    return Project(root, engine="docker")


async def history(project: Project) -> list[FinishedRun]:
    """All there is, as a workbench that starts now finds it."""
    async with open_workbench(project.root, hold_engine=True) as workbench:
        runs = await workbench.invocations.recent(limit=100_000)
        return [await workbench.invocations.record(run.request_id) for run in runs]


def number_of(run: FinishedRun) -> int:
    (number,) = json.loads(run.record.acceptance.payload)
    return int(number)


def check_outcomes(chaos: Chaos, runs: list[FinishedRun]) -> None:
    """Each was accepted once, ran at most once, and ended in a way that can be."""
    assert len({run.record.request_id for run in runs}) == len(runs)
    numbers = Counter(number_of(run) for run in runs)
    assert set(numbers.values()) == {1}, "no request became two invocations"
    assert set(numbers) <= {0, *chaos.sent}
    kinds: Counter[tuple[str, OutcomeKind]] = Counter()
    for run in runs:
        acceptance, outcome = run.record.acceptance, run.record.outcome
        assert outcome is not None, "whoever was accepted has an outcome"
        kinds[acceptance.function, outcome.kind] += 1
        *_, usual = FUNCTIONS[acceptance.function]
        assert outcome.kind in {usual, *MEDDLED}, (acceptance.function, outcome)
        own = [entry.text for entry in run.logs if entry.stream is not LogStream.PLATFORM]
        ran = [text for text in own if text.startswith("ran ")]
        assert ran in ([], [f"ran [{number_of(run)}]"]), "no event was handed out twice"
        if outcome.kind is OutcomeKind.SUCCESS:
            assert ran, "no line of it is missing"
        if outcome.kind is OutcomeKind.NOT_STARTED:
            assert not ran
    assert kinds["quick", OutcomeKind.SUCCESS] > 1, kinds  # before it began, and at its end


def check_answers(chaos: Chaos, runs: list[FinishedRun]) -> None:
    """What callers were told is what the history says."""
    by_id = {str(run.record.request_id): run for run in runs}
    by_number = {number_of(run): run for run in runs}
    for answer in chaos.answers:
        found = by_id.get(answer.request_id)
        if answer.status == 200:
            assert found is not None, "whoever was answered is in the history"
            outcome = found.record.outcome
            assert outcome is not None
            assert number_of(found) == answer.number
            assert outcome.payload == answer.body
            assert outcome.ok is not answer.failed
        else:
            assert answer.status in (429, 500), answer
            refused = by_number.get(answer.number)
            if refused is not None:
                assert refused.record.outcome is not None
                assert refused.record.outcome.kind is OutcomeKind.NOT_STARTED
