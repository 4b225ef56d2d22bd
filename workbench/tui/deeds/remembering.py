"""What the history knows, asked for when it is looked at."""

from __future__ import annotations

from functools import partial

from workbench.errors import StoreError, WorkbenchError
from workbench.model.names import FunctionName, RequestId
from workbench.tui import wording
from workbench.tui.deeds.front import Front
from workbench.tui.desk import Aspect

PAGE = 100
"""Runs asked for at a time."""


class Remembering:
    """Deeds that nobody asks for by a key."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._missing: set[RequestId] = set()
        """Runs the history was asked for in vain."""
        self._asked: RequestId | None = None
        """The one it is being asked for."""

    async def latest(self) -> None:
        """How the last run of every function ended."""
        desk = self._front.desk
        try:
            found = await desk.workbench.invocations.latest()
        except StoreError as error:
            desk.history_error = str(error)
        else:
            desk.book.load_latest(found.values())
        self._front.show(Aspect.FUNCTIONS | Aspect.RUNS)

    async def runs(self, name: FunctionName) -> None:
        """The newest runs of a function."""
        desk = self._front.desk
        if desk.book.loaded(name):
            return
        try:
            found = await desk.workbench.invocations.recent(name, limit=PAGE)
        except StoreError as error:
            desk.history_error = str(error)
        else:
            desk.history_error = None
            desk.book.load(name, found, limit=PAGE)
        self._front.show(Aspect.RUNS | Aspect.RESULT | Aspect.LOGS)

    async def older(self, name: FunctionName) -> None:
        """The next page of them."""
        desk = self._front.desk
        rows = desk.book.rows(name)
        if not rows or desk.book.whole(name) or not desk.book.loaded(name):
            return
        before = rows[-1].accepted_at
        try:
            found = await desk.workbench.invocations.recent(name, limit=PAGE, before=before)
        except StoreError as error:
            desk.history_error = str(error)
        else:
            desk.book.load(name, found, limit=PAGE)
        self._front.show(Aspect.RUNS)

    def want_record(self) -> None:
        """Ask for the shown run if there is more to show of it."""
        shown = self._front.desk.shown()
        if shown is None or shown.live is not None or shown.summary.kind is None:
            return
        request_id = shown.summary.request_id
        complete = shown.record is not None and shown.logs is not None
        if complete or request_id in self._missing or request_id == self._asked:
            return
        self._asked = request_id
        self._front.work(partial(self._record, request_id), group="record", alone=True)

    async def _record(self, request_id: RequestId) -> None:
        desk = self._front.desk
        try:
            found = await desk.workbench.invocations.record(request_id)
        except WorkbenchError as error:
            self._missing.add(request_id)
            self._front.flash(wording.one_line(str(error)), bad=True)
            return
        finally:
            if self._asked == request_id:
                self._asked = None
        desk.book.keep(found.record, found.logs)
        self._front.show(Aspect.RESULT | Aspect.LOGS)
