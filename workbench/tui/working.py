"""The part of the app that does what waits, and says what became of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from textual.app import App
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from workbench.errors import WorkbenchError
from workbench.tui.panes.chrome import Flash

_FLASH_S = 6.0


class WorkingApp(App[None], inherit_bindings=False):
    """Work outlives the pane it was asked in, never the app."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[BaseException] = []
        """Bugs of ours that were contained, and said."""

        self.flashed: Flash | None = None
        """What just happened, for as long as the status line says it."""
        self._flash_timer: Timer | None = None

    def flash(self, text: str, *, bad: bool = False) -> None:
        self.flashed = Flash(text, bad)
        if self._flash_timer is not None:
            self._flash_timer.stop()
        self._flash_timer = self.set_timer(_FLASH_S, self._unflash)
        self.flash_changed()

    def _unflash(self) -> None:
        self.flashed = None
        self.flash_changed()

    def flash_changed(self) -> None:
        """Say it, or no longer."""
        raise NotImplementedError

    def work(
        self, work: Callable[[], Coroutine[None, None, None]], *, group: str, alone: bool = False
    ) -> None:
        _: Worker[None] = self.run_worker(work, group=group, exclusive=alone, exit_on_error=False)

    def stop_work(self, group: str) -> bool:
        return bool(self.workers.cancel_group(self, group))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        error = event.worker.error
        if event.state is not WorkerState.ERROR or error is None:
            return
        if isinstance(error, WorkbenchError | OSError):
            self.flash(str(error), bad=True)
        else:
            self.faults.append(error)
            self.flash(f"{type(error).__name__}: {error}. This is a bug in workbench.", bad=True)
