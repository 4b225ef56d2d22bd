"""Text to the person's clipboard: a native program, else the terminal itself, else a file.

What is said afterwards is never more than what is known: a program that ended well has copied; a
terminal does not answer, so it was only asked.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from workbench.tui import wording
from workbench.tui.terminal import Terminal

OSC_MOST_BYTES = 74_000
"""Of base64. Source: hterm and tmux cut off there or a little above."""
_PATIENCE_S = 2.0


async def copy(text: str, terminal: Terminal, write: Callable[[str], None] | None) -> str:
    """Copy, and say how: `copied 1.2 KB`. `write` writes to the terminal as it is; `None`: cannot.

    Raises `OSError` when nothing worked.
    """
    raw = text.encode("utf-8", "replace")
    size = wording.size(len(raw))
    if terminal.copier is not None and await _by_program(terminal.copier, raw):
        return f"copied {size} ({terminal.copier[0]})"
    coded = base64.b64encode(raw).decode()
    if write is not None and len(coded) <= OSC_MOST_BYTES:
        write(_sequence(coded, tmux=terminal.tmux))
        return f"asked the terminal to copy {size}"
    path = await asyncio.to_thread(_to_file, raw)
    return f"too large for the terminal: {size} written to {path}"


def _sequence(coded: str, *, tmux: bool) -> str:
    """OSC 52; in tmux also wrapped, since only one of the two gets through, by its settings."""
    plain = f"\x1b]52;c;{coded}\a"
    if not tmux:
        return plain
    return f"{plain}\x1bPtmux;\x1b{plain}\x1b\\"


async def _by_program(argv: tuple[str, ...], raw: bytes) -> bool:
    """Whether it took all of it. Those that stay in the background keep no pipe of ours."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await process.communicate(raw)
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return process.returncode == 0


def _to_file(raw: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix="workbench-", suffix=".txt")
    with os.fdopen(handle, "wb") as file:
        file.write(raw)
    return Path(name)
