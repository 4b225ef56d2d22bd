"""Programs of this machine: heard, and ended with whoever waits for them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from workbench.docker.tools import run_tool, tool_output


async def test_both_streams_are_heard_and_the_status_told() -> None:
    heard = bytearray()

    status = await run_tool(("sh", "-c", "echo out; echo err >&2; exit 3"), heard.extend)

    assert status == 3
    assert sorted(heard.decode().split()) == ["err", "out"]


async def test_program_has_no_input() -> None:
    assert await tool_output(("cat",)) == ""


async def test_program_that_is_not_there_is_none() -> None:
    assert await run_tool(("surely-not-installed",), lambda _: None) is None
    assert await tool_output(("surely-not-installed",)) is None


async def test_output_of_a_failure_is_not_taken() -> None:
    assert await tool_output(("sh", "-c", "echo half; exit 1")) is None


async def test_signal_is_a_negative_status() -> None:
    assert await run_tool(("sh", "-c", "kill -9 $$"), lambda _: None) == -9


async def test_cancelling_ends_the_program_and_what_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $$ $! >{pids}; echo ready; wait"
    ready = asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run_tool(("sh", "-c", script), lambda _: ready.set()))
        await ready.wait()
        running.cancel()

    for pid in pids.read_text().split():
        assert not _lives(int(pid))


def _lives(pid: int) -> bool:
    """Not even as a zombie for long: its new parent reaps it."""
    until = time.monotonic() + 5  # noqa: TID251 - the kernel does not tell
    while time.monotonic() < until:  # noqa: TID251 - see above
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return False
        if state == "Z":
            return False
    return True


@pytest.mark.both_loops
async def test_a_daemon_left_behind_with_its_output_open_is_not_waited_for() -> None:
    heard = bytearray()
    async with asyncio.timeout(10):
        status = await run_tool(("sh", "-c", "sleep 60 & echo $!"), heard.extend)

    assert status == 0
    os.kill(int(heard), signal.SIGKILL)  # it lives: only its output was let go of
