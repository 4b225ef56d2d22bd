"""Ctrl-C and its relatives: the first one stops cleanly, the second one at once. And the terminal's end."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from workbench.cli.exits import Exit

_EXITS = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
    signal.SIGHUP: Exit.TERMINATED,  # its terminal is gone: nobody is left to press anything
}


class Interruption:
    """Whether the command was told to stop, and by what."""

    def __init__(self) -> None:
        self.exit: Exit | None = None


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[Interruption]:
    """While the context is open, a signal to stop cancels the running task, once.

    The cancelled task shuts down as it always does: runs are let finish for a while, containers
    go. A second signal ends the process where it stands; the supervisors in the containers notice
    and take everything down by themselves.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None, "called from a coroutine"
    interruption = Interruption()

    def told(number: signal.Signals) -> None:
        if interruption.exit is not None:
            os._exit(_EXITS[number])
        interruption.exit = _EXITS[number]
        if number is signal.SIGINT:
            say("Stopping. Press Ctrl-C again to stop at once.")
        task.cancel()

    for number in _EXITS:
        loop.add_signal_handler(number, told, number)
    try:
        yield interruption
    finally:
        for number in _EXITS:
            loop.remove_signal_handler(number)


@contextmanager
def ended_with_terminal(terminal: TextIO) -> Iterator[None]:
    """While the context is open, the running task is cancelled when the terminal has gone.

    A terminal that is not the controlling one (tmux, an IDE, `script` killed) goes without SIGHUP,
    and Textual 8.2.8 then reads its end for ever, on a whole CPU. Linux only, for want of epoll.
    """
    task = asyncio.current_task()
    assert task is not None, "called from a coroutine"
    if not hasattr(select, "epoll"):
        yield
        return
    loop = asyncio.get_running_loop()
    with select.epoll() as hangups:
        hangups.register(terminal.fileno(), 0)  # nothing but EPOLLHUP, which is always told

        def gone() -> None:
            loop.remove_reader(hangups.fileno())
            task.cancel()

        loop.add_reader(hangups.fileno(), gone)
        try:
            yield
        finally:
            loop.remove_reader(hangups.fileno())
