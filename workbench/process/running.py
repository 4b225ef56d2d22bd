"""One runtime process as the workbench sees it: its log pipes and its Runtime API listener."""

from __future__ import annotations

import os
from collections.abc import Callable

from workbench.clock import Clock
from workbench.model.container import LogStream
from workbench.ports import ConnectionFactory, ContainerListener
from workbench.process.connections import RuntimeListener
from workbench.runtime_streams.connection import asks_for_work
from workbench.runtime_streams.log_pipes import LogPipes


class RunningRuntime:
    """Opened before the process is started, closed when its end was told."""

    def __init__(
        self,
        listener: ContainerListener,
        connections: ConnectionFactory,
        *,
        framed: bool,
        clock: Clock,
        measure: Callable[[], None],
    ) -> None:
        """`measure` tells the figures; it is called before a question for work is handed over."""
        self._measure = measure
        self._pipes = LogPipes(listener.on_log, clock=clock)
        self.theirs: list[int] = []
        """The ends the process writes to, in the order it wants them."""
        streams = (LogStream.STDOUT, LogStream.STDERR, LogStream.FRAMED)
        try:
            self._api = RuntimeListener(connections, before=self._before_request)
            for stream in streams if framed else streams[:2]:
                ours, theirs = os.pipe()
                os.set_blocking(ours, False)
                self._pipes.add(stream, ours)
                self.theirs.append(theirs)
        except OSError:
            self.started()
            self._pipes.close()
            raise
        self.address = self._api.address

    def started(self) -> None:
        """The process has its ends; ours are not needed any more."""
        for descriptor in self.theirs:
            os.close(descriptor)
        self.theirs.clear()

    def pause(self) -> None:
        """Take nothing more."""
        self._api.pause()
        self._pipes.pause()

    def resume(self) -> None:
        """Take."""
        self._pipes.resume()
        self._api.resume()

    def take_the_rest(self) -> None:
        """Everything of it is dead: hand over all that it left."""
        self._api.take_the_rest()
        self._pipes.take_the_rest()

    def close(self) -> None:
        """Serve it no more."""
        self._api.close()
        self.started()
        self._pipes.close()

    # --- order ------------------------------------------------------------------------------------------

    def _before_request(self, data: bytes) -> None:
        """What was written to the pipes before the bytes just read goes first."""
        self._pipes.catch_up()
        if asks_for_work(data):
            self._measure()
