"""A container engine that is paused, gone and restarted, each for a while: `make outages`.

`workbench serve` is called all the time meanwhile. What must hold is what `test_chaos` asks for, with
outages as long as they are in life. Not part of the suite, which has no minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.private_engine import PrivateEngine, a_private_engine
from tests.e2e.test_chaos import (
    CALLERS,
    FUNCTIONS,
    Chaos,
    Served,
    a_project,
    check_answers,
    check_outcomes,
    history,
)
from tests.e2e.workshop import until
from workbench.clock import SystemClock


async def paused(engine: PrivateEngine, seconds: float) -> None:
    """It is there, and does not answer."""
    engine.pause()
    await SystemClock().sleep(seconds)
    engine.resume()


async def gone(engine: PrivateEngine, seconds: float) -> None:
    """Killed. Its containers live on, without it, until it comes back."""
    await asyncio.to_thread(engine.kill)
    await SystemClock().sleep(seconds)
    await engine.start()


async def restarted(engine: PrivateEngine, seconds: float) -> None:
    """Stopped in good order, which ends its containers."""
    await asyncio.to_thread(engine.stop)
    await SystemClock().sleep(seconds)
    await engine.start()


async def outages(folder: Path, *, seconds: float, say: Callable[[str], None]) -> None:
    """Each kind once. Raises `AssertionError` for what an outage may not do."""
    project = a_project(folder)
    async with a_private_engine() as engine:
        os.environ["DOCKER_HOST"] = engine.address
        say(f"DOCKER_HOST={engine.address} XDG_RUNTIME_DIR={folder}, project {project.root}")
        served = Served(project)
        chaos = Chaos(engine, served, random.Random())
        try:
            await served.start()
            timeout = aiohttp.ClientTimeout(total=seconds + 120)
            async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as g:
                for _ in range(CALLERS):
                    g.create_task(chaos.call(session))
                await until(chaos.quick_was_served)
                for outage in (paused, gone, restarted):
                    await _during(chaos, "before", SystemClock().sleep(10), say)
                    await _during(chaos, outage.__name__, outage(engine, seconds), say)
                await _during(chaos, "after", SystemClock().sleep(20), say)
                chaos.over = True
            exit_code = await served.stop()
        finally:
            served.clear()
        for line in served.said.splitlines():
            say(f"| {line}")

        async def nothing_runs() -> bool:
            return await asyncio.to_thread(engine.containers) == []

        await until(nothing_runs)
        assert exit_code == 0, exit_code
    runs = await history(project)
    kinds = Counter(
        f"{run.record.acceptance.function} {run.record.outcome and run.record.outcome.kind}"
        for run in runs
    )
    say(f"{len(chaos.sent)} sent, {len(chaos.answers)} answered, {len(runs)} accepted: {kinds}")
    check_outcomes(chaos, runs)
    check_answers(chaos, runs)


async def _during(
    chaos: Chaos, what: str, doing: Awaitable[None], say: Callable[[str], None]
) -> None:
    """Tell what callers got while it went on."""
    began_s, first = SystemClock().monotonic(), len(chaos.answers)
    await doing
    got = Counter(
        f"{chaos.sent[answer.number]} {answer.status}{' failed' if answer.failed else ''}"
        for answer in chaos.answers[first:]
    )
    say(f"{what}, {SystemClock().monotonic() - began_s:.0f} s: {dict(sorted(got.items()))}")


def main() -> None:
    parser = argparse.ArgumentParser(description="The container engine goes, and comes back.")
    parser.add_argument("--seconds", type=float, default=60, help="how long each outage takes")
    arguments = parser.parse_args()

    def say(text: str) -> None:
        sys.stdout.write(f"outages: {text}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory(prefix="wb-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        patch.delenv("DOCKER_HOST", raising=False)
        asyncio.run(outages(Path(folder), seconds=arguments.seconds, say=say))
    say(f"{len(FUNCTIONS)} functions: nothing was lost, nothing ran twice")


if __name__ == "__main__":
    main()
