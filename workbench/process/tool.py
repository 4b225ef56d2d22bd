"""A package manager, run on this machine to its end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from workbench.model.terminal_text import decode, plain

TAIL_LINES = 60
"""Of a failed tool's output, kept for the error."""
LINE_BYTES = 2000
"""A tool that writes more on one line is cut."""


class ToolFailed(Exception):
    """It ended with another status than 0. `output` is the tail of what it said."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


async def run_tool(
    argv: Sequence[str],
    *,
    cwd: Path,
    variables: Mapping[str, str],
    tell: Callable[[str], None],
) -> None:
    """Run it, telling its lines as they come. Raises `ToolFailed`.

    Cancellation: it is killed, with everything it started that stayed in its group.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=LINE_BYTES,
        )
    except OSError as error:
        raise ToolFailed(f"{argv[0]}: {error.strerror}") from error
    assert process.stdout is not None
    try:
        while raw := await _line(process.stdout):
            if line := plain(decode(raw)).rstrip()[:LINE_BYTES]:
                tail.append(line)
                tell(line)
        status = await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if status:
        raise ToolFailed("\n".join(tail) or f"{argv[0]} ended with status {status}.")


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or a piece of one that is too long; empty at the end."""
    try:
        return await stream.readuntil()
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await stream.readexactly(max(1, long.consumed))
