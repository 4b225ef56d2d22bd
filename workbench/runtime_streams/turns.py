"""Time for a server to act upon the last bytes it was given, counted in turns of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TURNS = 8
"""Turns of the loop that an HTTP server needs, at most, to act upon a request whose last byte it was
given: it drops one whose connection ends before that. A runtime may die with its answer sent."""


def after_turns(turns: int, action: Callable[[], None]) -> None:
    """Call `action` when the loop has gone round `turns` times."""
    if turns == 0:
        action()
    else:
        asyncio.get_running_loop().call_soon(after_turns, turns - 1, action)
