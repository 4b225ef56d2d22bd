"""Programs of this machine: run, listened to, and ended with whoever waits for them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence

_GRACE_S = 5.0
"""From asking a program to go until it is made to."""
_LATE_S = 0.5
"""What a program that has ended may still say: a daemon that it left behind can hold its output open."""
_BLOCK = 65536


async def run_tool(argv: Sequence[str], hear: Callable[[bytes], None]) -> int | None:
    """Run a program and hand over its output (both streams), cut anywhere; its exit status.

    `None`: there is no such program. A negative status is a signal. Its input is empty.
    Cancellation: the program and what it started are ended, and waited for.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError):
        return None
    assert process.stdout is not None, "it was asked for"
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(_listen(process.stdout, hear))
        try:
            status = await process.wait()
            await asyncio.wait([listening], timeout=_LATE_S)
        except asyncio.CancelledError:
            await _end(process)
            raise
        finally:
            listening.cancel()
    return status


async def _listen(output: asyncio.StreamReader, hear: Callable[[bytes], None]) -> None:
    while block := await output.read(_BLOCK):
        hear(block)


async def tool_output(argv: Sequence[str]) -> str | None:
    """What a program says; `None` when it is not there or does not succeed."""
    heard = bytearray()
    status = await run_tool(argv, heard.extend)
    return heard.decode("utf-8", errors="replace") if status == 0 else None


async def _end(process: asyncio.subprocess.Process) -> None:
    _signal_group(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        _signal_group(process, signal.SIGKILL)
        await process.wait()


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
