"""Mixed work for a while, and what is left of it: `make soak`, and a short form in the suite.

Invocations of every fate, saves, forced cold starts and replacements, for as long as it is told. In
between, and at the end, everything is let go of; then there must be as much as there was before:
containers, tasks, threads, file descriptors, listeners, and hardly more memory.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.live import PATIENCE_S, Live, a_live_project
from workbench.clock import SystemClock
from workbench.model.container import LogStream
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName

CALLERS = 4
TIMEOUT_S = 5
"""More than anything but a hang takes, also where a function's share of a busy processor is small."""
MEMORY_MB = 256
SETTINGS = {"stem_cells": {"minimum": 1, "maximum": 2}, "defaults": {"memory_mb": MEMORY_MB}}
PYTHON = """\
import os, time
MARK = {mark}
def handler(event, context):
    print("does", event, flush=True)
    if event == "crash":
        os._exit(3)
    if event == "hang":
        time.sleep(600)
    if event == "fail":
        raise LookupError(event)
    if event == "talk":
        for number in range(2000):
            print("line", number)
    if event == "nap":
        time.sleep(0.05)
    return [MARK, event]
"""
NODE = """\
exports.handler = async (event) => {{
  if (event === "crash") process.exit(3);
  if (event === "hang") return new Promise(() => setInterval(() => {{}}, 1000));
  if (event === "fail") throw new Error(event);
  return [{mark}, event];
}};
"""
FATES = {
    "quick": OutcomeKind.SUCCESS,
    "nap": OutcomeKind.SUCCESS,
    "talk": OutcomeKind.SUCCESS,
    "fail": OutcomeKind.ERROR,
    "crash": OutcomeKind.EXIT,
    "hang": OutcomeKind.TIMEOUT,
}
WEIGHTS = (40, 20, 5, 10, 4, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What this process and its engine hold."""

    containers: int
    tasks: int
    threads: int
    descriptors: int
    listeners: int
    resident_mb: float

    def __str__(self) -> str:
        return (
            f"{self.containers} containers, {self.tasks} tasks, {self.threads} threads, "
            f"{self.descriptors} descriptors, {self.listeners} listeners, {self.resident_mb:.1f} MB"
        )


@dataclass(slots=True)
class Soak:
    """One long while."""

    live: Live
    dice: random.Random
    functions: dict[FunctionName, str] = field(default_factory=dict)
    """Their source, with a place for the mark."""
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    saves: int = 0

    async def begin(self) -> None:
        python = await self.live.add(
            {"app.py": PYTHON.format(mark=0)}, name="soaked-python", timeout_s=TIMEOUT_S
        )
        node = await self.live.add(
            {"app.js": NODE.format(mark=0)},
            name="soaked-node",
            runtime="nodejs22.x",
            timeout_s=TIMEOUT_S,
        )
        self.functions = {python: PYTHON, node: NODE}

    async def work(self, seconds: float) -> None:
        """Do everything at once for that long."""
        clock = SystemClock()
        until_s = clock.monotonic() + seconds
        over: Callable[[], bool] = lambda: clock.monotonic() >= until_s  # noqa: E731 - it is a value
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CALLERS):
                tasks.create_task(self._repeat(self._call, over))
            tasks.create_task(self._repeat(self._meddle, over))

    async def _repeat(self, act: Callable[[], Awaitable[None]], over: Callable[[], bool]) -> None:
        while not over():
            await act()

    async def _call(self) -> None:
        (fate,) = self.dice.choices(list(FATES), WEIGHTS)
        name = self.dice.choice(list(self.functions))
        done = await self.live.invoke(name, fate)
        self.outcomes[done.outcome.kind] += 1
        if done.outcome.kind is not FATES[fate]:
            self.wrong.append(f"{name} {fate}: {done.outcome} {done.texts(LogStream.PLATFORM)}")

    async def _meddle(self) -> None:
        await SystemClock().sleep(self.dice.uniform(0.2, 0.8))
        name = self.dice.choice(list(self.functions))
        if self.dice.random() < 0.7:
            self.saves += 1
            (file,) = (self.live.root / name).glob("app.*")
            text = self.functions[name].format(mark=self.saves)
            await asyncio.to_thread(file.write_text, text)
        else:
            self.live.workbench.environments.drain(name)

    async def settle(self) -> Holdings:
        """Let go of every environment, wait until the cells are as many as there shall be, and look."""
        environments = self.live.workbench.environments
        async with asyncio.timeout(PATIENCE_S):
            while environments.mine():
                for name in self.functions:
                    environments.drain(name)
                await SystemClock().sleep(0.2)  # the last save may start one only now
        async with asyncio.timeout(120):
            before, same = -1, 0
            while same < 5:  # what is made ahead of need is made by and by
                await SystemClock().sleep(0.5)
                count = await asyncio.to_thread(containers, self.live.root)
                before, same = count, same + 1 if count == before else 0
        gc.collect()
        return Holdings(
            containers=before,
            tasks=len(asyncio.all_tasks()),
            threads=threading.active_count(),
            descriptors=len(list(Path("/proc/self/fd").iterdir())),
            listeners=listeners(),
            resident_mb=resident_mb(),
        )


def containers(project: Path) -> int:
    """Of this project, running or not."""
    import docker

    client = docker.from_env()
    try:
        found = client.api.containers(all=True, filters={"label": f"workbench.project={project}"})
        return len(found)
    finally:
        client.close()


def listeners() -> int:
    """Unix and TCP sockets of this process that listen."""
    inodes = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            target = str(each.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = 0
    for line in Path("/proc/self/net/unix").read_text().splitlines()[1:]:
        words = line.split()
        found += words[6] in inodes and int(words[3], 16) & 0x10000 != 0
    for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        found += words[9] in inodes and words[3] == "0A"
    return found


def resident_mb() -> float:
    """What this process holds of the machine's memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def leaks(before: Holdings, after: Holdings, *, grown_mb: float) -> list[str]:
    """What there is more of than there may be."""
    found = [
        f"{name}: {getattr(before, name)} → {getattr(after, name)}"
        for name, slack in (
            ("containers", 0),
            ("tasks", 0),
            ("threads", 4),  # the pools' threads come when they are needed, up to a fixed number
            ("descriptors", 12),  # so do the engine client's connections
            ("listeners", 0),
        )
        if getattr(after, name) > getattr(before, name) + slack
    ]
    if after.resident_mb > before.resident_mb + grown_mb:
        found.append(f"memory: {before.resident_mb:.1f} MB → {after.resident_mb:.1f} MB")
    return found


async def soaked(
    *,
    warm_s: float,
    seconds: float,
    grown_mb: float,
    seed: int,
    say: Callable[[str], None] = lambda text: None,
) -> list[str]:
    """Work for `warm_s`, look, work for `seconds`, look again; what is wrong then."""
    async with a_live_project(SETTINGS, kind="serve") as live:
        soak = Soak(live, random.Random(seed))
        await soak.begin()
        await soak.work(warm_s)
        before = after = await soak.settle()
        say(f"before: {before}")
        part_s, left_s = max(60.0, seconds / 5), seconds
        while left_s > 0:
            await soak.work(min(part_s, left_s))
            left_s -= part_s
            after = await soak.settle()
            say(f"{seconds - max(0.0, left_s):.0f} s: {after}; {soak.saves} saves, {_told(soak)}")
        return [*leaks(before, after, grown_mb=grown_mb), *soak.wrong[:20]]


def _told(soak: Soak) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in soak.outcomes.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Mixed work for a while; fails when anything leaks."
    )
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    tell(f"seed {arguments.seed}")
    wrong = asyncio.run(
        soaked(
            warm_s=min(60.0, arguments.seconds / 5),
            seconds=arguments.seconds,
            grown_mb=24,
            seed=arguments.seed,
            say=tell,
        )
    )
    for line in wrong:
        tell(line)
    tell("something is left or went wrong" if wrong else "nothing is left")
    sys.exit(bool(wrong))


def tell(text: str) -> None:
    sys.stdout.write(f"soak: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
