"""Puts what is worth keeping into the session file, a while after it changed, and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from workbench.tui.desk import Desk
from workbench.tui.session import Session, read_session, session_path, write_session

AFTER_S = 2.0


class SessionKeeper:
    """`describe` says how the screen itself stands: tab, theme, signs."""

    def __init__(self, desk: Desk, root: Path, describe: Callable[[], Session]) -> None:
        self._desk = desk
        self._path = session_path(root)
        self._describe = describe
        self.pending = False
        """Something has changed since it was last written."""

    def restore(self) -> Session:
        """What was kept; drafts and places are put on the desk."""
        session = read_session(self._path)
        desk = self._desk
        for name, draft in session.drafts:
            desk.drafts.put(name, draft)
        desk.remembered = dict(session.open_events)
        names = [function.name for function in desk.functions]
        if session.function in names:
            desk.selected = session.function
        elif names:
            desk.selected = names[0]
        return session

    async def keep(self) -> None:
        """Write it, if something changed. Raises `OSError`."""
        if self.pending:
            self.pending = False
            await asyncio.to_thread(write_session, self._path, self._session())

    def keep_now(self) -> None:
        """The same while everything ends: nobody waits for threads any more. Raises `OSError`."""
        if self.pending:
            self.pending = False
            write_session(self._path, self._session())

    def _session(self) -> Session:
        screen, desk = self._describe(), self._desk
        return Session(
            function=desk.selected,
            open_events={**desk.remembered, **desk.drafts.places()},
            drafts=tuple(desk.drafts.unsaved()),
            tab=screen.tab,
            theme=screen.theme,
            ascii_only=screen.ascii_only,
            welcomed=True,
        )
