"""Other programs on the same terminal: the person's editor and pager.

The workbench goes on behind them: its loop keeps running, invocations are answered, only nothing is
drawn. Invariant: the terminal is ours again afterwards, whatever became of the program.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from textual.app import App, SuspendNotSupported

_LINE_FIRST = ("vi", "vim", "nvim", "nano", "emacs", "emacsclient", "kak", "micro", "joe", "ne")
_LINE_BEHIND = ("hx", "helix", "subl", "zed")
_CODE = ("code", "codium", "code-insiders", "cursor")


def editor_argv(editor: tuple[str, ...], path: Path, line: int | None) -> list[str]:
    """How an editor is told to open a file at a line."""
    program = Path(editor[0]).name
    if program in _CODE:
        where = str(path) if line is None else f"{path}:{line}"
        wait = () if {"-w", "--wait"} & set(editor) else ("--wait",)
        return [*editor, *wait, "--goto", where]
    if line is not None and program in _LINE_BEHIND:
        return [*editor, f"{path}:{line}"]
    if line is not None and program in _LINE_FIRST:
        return [*editor, f"+{line}", str(path)]
    return [*editor, str(path)]


class CannotSuspend(Exception):
    """This terminal cannot be lent to another program."""


async def run_on_terminal(app: App[Any], argv: list[str]) -> int:
    """Give the terminal to a program until it ends; its exit status.

    Raises `OSError` when it cannot be started, `CannotSuspend`. Cancellation: waits no longer,
    but takes the terminal back.
    """
    try:
        with app.batch_update(), _deaf_to_interrupts(), app.suspend():
            process = await asyncio.create_subprocess_exec(*argv)
            try:
                return await process.wait()
            except asyncio.CancelledError:
                process.terminate()
                raise
    except SuspendNotSupported as error:
        raise CannotSuspend("This terminal cannot be lent to another program.") from error
    finally:
        app.refresh(layout=True)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C in the other program is meant for it. A handler, not SIG_IGN: that it would inherit."""

    def nothing(_signal: int, _frame: FrameType | None) -> None:
        return None

    before = signal.signal(signal.SIGINT, nothing)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def private_copy(name: str, content: bytes) -> Iterator[Path]:
    """A file of that content that nobody else can read, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path
