"""Copy, page and edit what is on the screen."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from workbench.model.names import RuntimeName
from workbench.model.terminal_text import plain, safe
from workbench.tui import wording
from workbench.tui.actions import cli_run
from workbench.tui.deeds.front import Front
from workbench.tui.desk import errors_of
from workbench.tui.drafts import Draft
from workbench.tui.handler_file import handler_file
from workbench.tui.log_text import whole_text
from workbench.tui.programs import CannotSuspend, editor_argv, private_copy
from workbench.tui.situation import Pane, Tab
from workbench.tui.stack import StackLine

_RUN_AGAIN = "Set EDITOR to another program."


class Texts:
    """Deeds about texts."""

    def __init__(self, front: Front) -> None:
        self._front = front

    # --- copying --------------------------------------------------------------------------------------------

    def copy(self) -> None:
        """What the cursor is on."""
        self._copy(self._under_cursor())

    def copy_whole(self) -> None:
        """All of the result's tab."""
        self._copy(self._result_text())

    def copy_cli(self) -> None:
        self._copy(cli_run(self._front.situation()) or "")

    def copy_request(self) -> None:
        shown = self._front.desk.shown()
        self._copy("" if shown is None else shown.summary.request_id)

    def copy_text(self, text: str) -> None:
        """A selection."""
        self._copy(text)

    def _copy(self, text: str) -> None:
        if text:
            self._front.work(partial(self._copy_now, text), group="copy")
        else:
            self._front.flash("there is nothing to copy here")

    async def _copy_now(self, text: str) -> None:
        try:
            said = await self._front.copy(text)
        except OSError as error:
            self._front.flash(f"could not be copied: {error}", bad=True)
        else:
            self._front.flash(said)

    def _under_cursor(self) -> str:
        home, desk = self._front.home, self._front.desk
        result = home.result
        if home.at is Pane.FUNCTIONS:
            return desk.selected or ""
        if home.at is Pane.RUNS:
            shown = desk.shown()
            return "" if shown is None else shown.summary.request_id
        if home.at is Pane.NOTICE:
            return "" if home.notice.notice is None else home.notice.notice.text
        if home.at is Pane.EVENT:
            return _text(home.event.draft)
        if result.tab is Tab.LOGS:
            entry = result.logs.entry_at_cursor
            return "" if entry is None else plain(entry.text)
        return result.response.value if result.tab is Tab.RESPONSE else result.report.value

    def _result_text(self) -> str:
        result = self._front.home.result
        if result.tab is Tab.LOGS:
            return whole_text(result.logs.entries)
        return result.response.text if result.tab is Tab.RESPONSE else result.report.text

    # --- other programs -------------------------------------------------------------------------------------

    def pager(self) -> None:
        self._front.work(self._page, group="program")

    def editor(self) -> None:
        if self._front.home.at is Pane.EVENT:
            self._front.work(self._edit_event, group="program")
        else:
            self._front.work(self._edit_copy, group="program")

    def code(self) -> None:
        """The handler, or the place where a broken function is broken."""
        self._front.work(self._edit_code, group="program")

    def open_frame(self, frame: StackLine) -> None:
        """The place a stack frame names."""
        function = self._front.desk.function
        if function is not None and frame.file is not None:
            path = function.folder / frame.file
            self._front.work(partial(self._edit_file, path, frame.line), group="program")

    async def _page(self) -> None:
        pager = self._front.desk.terminal.pager
        if pager is not None:
            name, text = self._shown_text()
            with private_copy(name, safe(text).encode("utf-8", "replace")) as path:
                await self._lend([*pager, str(path)])

    async def _edit_copy(self) -> None:
        editor = self._front.desk.terminal.editor
        if editor is not None:
            name, text = self._shown_text()
            with private_copy(name, text.encode("utf-8", "replace")) as path:
                await self._lend(editor_argv(editor, path, None))

    async def _edit_event(self) -> None:
        """What comes back is what was written, JSON or not; the screen says which."""
        desk, home = self._front.desk, self._front.home
        editor, draft, name = desk.terminal.editor, home.event.draft, desk.selected
        if editor is None or draft is None or name is None:
            return
        line = draft.cursor[0] + 1
        with private_copy(f"{draft.event or 'event'}.json", draft.payload) as path:
            if not await self._lend(editor_argv(editor, path, line if line > 1 else None)):
                return
            payload = await asyncio.to_thread(path.read_bytes)
        if payload == draft.payload:
            return
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError:
            self._front.flash("it is not UTF-8 any more, so nothing was changed", bad=True)
            return
        if not draft.payload.endswith(b"\n"):
            text = text.removesuffix("\n")  # the editor's habit, not the person's wish
        desk.drafts.put(
            name, Draft(event=draft.event, saved=draft.saved, text=text, cursor=draft.cursor)
        )
        home.event.reload()
        self._front.remember()
        self._front.show()
        flaw = home.event.flaw
        if flaw is not None:
            self._front.flash(f"not JSON yet: {flaw}", bad=True)

    async def _edit_code(self) -> None:
        desk = self._front.desk
        function = desk.function
        if function is None:
            return
        notice = self._front.home.notice.notice
        if notice is not None and notice.place is not None:
            await self._edit_file(*notice.place)
            return
        if function.configuration is None or function.broken:
            problem = errors_of(function)[0]
            await self._edit_file(problem.path, problem.line)
            return
        wanted: RuntimeName = function.configuration.runtime
        runtimes = {runtime.name: runtime for runtime in desk.workbench.catalog.runtimes()}
        path = await asyncio.to_thread(handler_file, function, runtimes.get(wanted))
        await self._edit_file(path, None)

    async def _edit_file(self, path: Path, line: int | None) -> None:
        editor = self._front.desk.terminal.editor
        if editor is None:
            self._front.flash(f"No editor was found. {_RUN_AGAIN}", bad=True)
        elif not await asyncio.to_thread(path.exists):
            self._front.flash(f"{wording.one_line(str(path))} is not there any more", bad=True)
        else:
            await self._lend(editor_argv(editor, path, line))

    async def _lend(self, argv: list[str]) -> bool:
        """Whether the program ended well."""
        try:
            status = await self._front.lend_terminal(argv)
        except OSError as error:
            said = f"{argv[0]} could not be started: {error.strerror or error}. {_RUN_AGAIN}"
            self._front.flash(said, bad=True)
            return False
        except CannotSuspend as error:
            self._front.flash(str(error), bad=True)
            return False
        if status:
            self._front.flash(
                f"{argv[0]} ended with status {status}: nothing was changed", bad=True
            )
        return not status

    def _shown_text(self) -> tuple[str, str]:
        """A file name, and what the pane shows."""
        home, desk = self._front.home, self._front.desk
        if home.at is Pane.EVENT:
            draft = home.event.draft
            return f"{'event' if draft is None else draft.event or 'event'}.json", _text(draft)
        if home.at is Pane.NOTICE and home.notice.notice is not None:
            return "notice.txt", home.notice.notice.text
        tab = home.result.tab if home.at is Pane.RESULT else Tab.RESPONSE
        name = desk.selected or "function"
        if tab is Tab.RESPONSE:
            ending = "json" if home.result.response.is_json else "txt"
            return f"{name}-response.{ending}", home.result.response.text
        return f"{name}-{tab}.txt", self._result_text()


def _text(draft: Draft | None) -> str:
    return "" if draft is None else draft.payload.decode("utf-8", errors="replace")
