"""A container that is nobody's yet: who listens to it, and who answers it."""

from __future__ import annotations

import asyncio
from typing import cast

from workbench.model.container import Figures, Interrupted, LogStream, RuntimeExit


class Nobody:
    """A `ports.ContainerListener` to whom what a container says means nothing."""

    def on_created(self) -> None:
        """Nobody waits for it."""

    def on_log(self, stream: LogStream, at_us: int, chunk: bytes) -> None:
        """A runtime that has nothing to do has nothing to say."""

    def on_figures(self, figures: Figures) -> None:
        """Nobody asked."""

    def on_interrupted(self, work: Interrupted) -> None:
        """Nothing of anybody's is frozen."""

    def on_exit(self, ended: RuntimeExit) -> None:
        """Nothing runs in it."""

    def on_lost(self, why: str) -> None:
        """Nobody misses it."""


class _Abort(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


def nobody() -> asyncio.Protocol:
    """Serves a connection out of it, and whoever connects to a channel after the supervisor did."""
    return _Abort()
