"""Programs of this machine: run, listened to, and ended with whoever waits for them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from typing import BinaryIO

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
    # A pipe of our own: asyncio's `wait` would wait for the end of a pipe that it made itself.
    out, its_end = os.pipe()
    with os.fdopen(out, "rb") as heard_from:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=its_end,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError):
            return None
        finally:
            os.close(its_end)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(_listen(heard_from, hear))
            try:
                status = await process.wait()
                await asyncio.wait([listening], timeout=_LATE_S)
            except asyncio.CancelledError:
                await _end(process)
                raise
            finally:
                listening.cancel()
        return status


async def _listen(pipe: BinaryIO, hear: Callable[[bytes], None]) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        while block := await reader.read(_BLOCK):
            hear(block)
    finally:
        transport.close()


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
