"""An event loop of virtual time: when nothing is ready, it jumps to the next timer.

Six hours of waiting cost a millisecond, and what happens is the same on every machine. Time stands
still while a thread works (`to_thread`). Only for tests without real sockets: it would jump past them.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple, cast

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Stuck(RuntimeError):
    """Every task waits, no timer is set: nothing would ever happen again."""


class _Jumping(selectors.SelectSelector):
    """Instead of waiting for the next timer, makes it now."""

    loop: AutojumpLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.loop.threads:
            return super().select(timeout)
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0) or self.loop.tell_settled():
            return ready
        if timeout is not None:
            self.loop.jump(timeout)
            return []
        raise Stuck("Every task waits for something that will not happen.")


class AutojumpLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop but for its time."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._waiting: list[asyncio.Future[None]] = []
        self._timers: list[asyncio.TimerHandle] = []
        self.threads = 0
        """Working now, for whom time stands still."""
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._now_s

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += seconds

    async def settle(self) -> None:
        """Wait until all has happened that can happen without time passing."""
        waiter = self.create_future()
        self._waiting.append(waiter)
        await waiter

    def tell_settled(self) -> bool:
        """Let those in `settle` go on; False: there are none."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
        return bool(waiting)

    @property
    def timers(self) -> list[asyncio.TimerHandle]:
        """Those that will still fire."""
        self._timers = [
            timer for timer in self._timers if not timer.cancelled() and timer.when() > self._now_s
        ]
        return self._timers

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        self._timers.append(timer)
        return timer

    def run_in_executor(
        self, executor: Any, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        working = super().run_in_executor(executor, func, *args)
        self.threads += 1
        working.add_done_callback(self._rest)
        return working

    def _rest(self, _: asyncio.Future[Any]) -> None:
        self.threads -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        self.threads += 1
        await super().shutdown_default_executor()


def eager_autojump_loop() -> AutojumpLoop:
    """The same, running each new task at once up to its first wait, as Textual's loop does."""
    loop = AutojumpLoop()
    factory = getattr(asyncio, "eager_task_factory")  # noqa: B009 - not there before Python 3.12
    loop.set_task_factory(factory)
    return loop


def virtual() -> AutojumpLoop:
    """The running loop, in a test that has one of these."""
    return cast("AutojumpLoop", asyncio.get_running_loop())
