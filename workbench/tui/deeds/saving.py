"""Saved events: opened, written, copied, deleted, and brought back."""

from __future__ import annotations

import re
from functools import partial

from workbench.errors import EventNotFound, InvalidParameter, WorkbenchError
from workbench.model.names import FunctionName, event_name
from workbench.tui import wording
from workbench.tui.choices import Choice
from workbench.tui.deeds.front import Front
from workbench.tui.desk import Aspect
from workbench.tui.drafts import Draft

_NEW = ""
"""The choice of an event that does not exist yet."""


class Saving:
    """Deeds about events."""

    def __init__(self, front: Front) -> None:
        self._front = front

    # --- opening --------------------------------------------------------------------------------------------

    async def open(self, name: FunctionName, event: str | None) -> None:
        """Show an event in the editor; what was typed before is kept."""
        desk = self._front.desk
        desk.awaited[name] = event
        await self._open(name, event)
        if desk.awaited.get(name) == event:
            del desk.awaited[name]

    async def _open(self, name: FunctionName, event: str | None) -> None:
        """`event`, else what is left, else a new one."""
        function = self._front.desk.find(name)
        others = () if function is None or event is None else function.events
        for wanted in (event, *(each for each in others if each != event)):
            if wanted is not None and await self._read(name, wanted):
                break
        else:
            drafts = self._front.desk.drafts
            drafts.open(name, drafts.get(name, None) or Draft(event=None, saved=None))
        self._front.remember()
        self._front.show(Aspect.EVENT | Aspect.BAR | Aspect.RESULT)

    async def _read(self, name: FunctionName, event: str) -> bool:
        """Open a saved event; False: it is not there, and nothing was typed into it."""
        desk = self._front.desk
        kept = desk.drafts.get(name, event)
        saved: bytes | None
        try:
            saved = await desk.workbench.events.read(name, event)
        except EventNotFound:
            if kept is None or not kept.dirty:
                desk.drafts.drop(name, event)
                return False
            saved = None
        text = None if kept is None else kept.text
        cursor = (0, 0) if kept is None else kept.cursor
        desk.drafts.open(name, Draft(event=event, saved=saved, text=text, cursor=cursor))
        return True

    async def open_usual(self, name: FunctionName) -> None:
        """The one on its way, else the one that was open, else the first, else a new one."""
        await self.open(name, self._usual(name))

    async def follow_disk(self, name: FunctionName) -> None:
        """The event shown may be another on disk by now."""
        desk = self._front.desk
        draft = desk.drafts.current(name)
        if draft.event is None:
            self._front.show(Aspect.EVENT)
            return
        try:
            saved = await desk.workbench.events.read(name, draft.event)
        except EventNotFound:
            await self.open(name, draft.event)
            return
        if saved == draft.saved:
            self._front.show(Aspect.EVENT)
            return
        if draft.dirty and not await self._front.ask(
            f"{wording.one_line(draft.event)} changed on disk, and here.",
            yes="take the file",
            no="keep yours",
        ):
            desk.drafts.put(
                name, Draft(event=draft.event, saved=saved, text=draft.text, cursor=draft.cursor)
            )
        else:
            desk.drafts.put(name, Draft(event=draft.event, saved=saved, cursor=draft.cursor))
            self._front.flash(f"{wording.one_line(draft.event)} was read again")
        self._front.home.event.reload()

    def choose(self) -> None:
        self._front.work(self._choose, group="event")

    def next(self) -> None:
        self._step(1)

    def previous(self) -> None:
        self._step(-1)

    def new(self) -> None:
        name = self._front.desk.selected
        if name is not None:
            self._front.work(partial(self._new, name), group="event")

    async def _new(self, name: FunctionName) -> None:
        await self.open(name, None)
        self._front.home.type()

    async def _choose(self) -> None:
        desk = self._front.desk
        name, function = desk.selected, desk.function
        if name is None or function is None:
            return
        files = await desk.workbench.events.list(name)
        choices = [
            Choice(
                value=each.name,
                group="",
                text=wording.one_line(each.name),
                detail=wording.size(each.size_bytes)
                + (", with expectations" if each.expected else ""),
                hint=wording.one_line(str(each.path)),
            )
            for each in files
        ]
        choices.append(
            Choice(value=_NEW, group="", text="New event", key="^n", hint="Begin a new one.")
        )
        chosen = await self._front.pick(
            f"Events of {name}", choices, placeholder="event", current=desk.drafts.opened(name)
        )
        if chosen is not None:
            await self.open(name, chosen or None)

    def _step(self, by: int) -> None:
        desk = self._front.desk
        name, function = desk.selected, desk.function
        if name is None or function is None or not function.events:
            return
        events = function.events
        current = self._usual(name)
        at = events.index(current) if current in events else -1 if by > 0 else 0
        chosen = events[(at + by) % len(events)]
        desk.awaited[name] = chosen  # the next key may be the one that runs it
        self._front.work(partial(self.open, name, chosen), group="event", alone=True)

    def _usual(self, name: FunctionName) -> str | None:
        desk = self._front.desk
        if name in desk.awaited:
            return desk.awaited[name]
        if desk.drafts.knows(name):
            return desk.drafts.opened(name)
        return desk.remembered.get(name, self._first(name))

    def _first(self, name: FunctionName) -> str | None:
        function = self._front.desk.find(name)
        return function.events[0] if function is not None and function.events else None

    # --- writing --------------------------------------------------------------------------------------------

    def save(self) -> None:
        name = self._front.desk.selected
        if name is not None:
            self._front.work(partial(self._save, name), group="save")

    def save_run(self) -> None:
        shown = self._front.desk.shown()
        if shown is not None:
            self._front.work(self._save_run, group="save")

    def duplicate(self) -> None:
        self._front.work(self._duplicate, group="save")

    def rename(self) -> None:
        self._front.work(self._rename, group="save")

    def delete(self) -> None:
        self._front.work(self._delete, group="save")

    def undo(self) -> None:
        self._front.work(self._undo, group="save")

    def revert(self) -> None:
        desk = self._front.desk
        if desk.selected is not None:
            draft = desk.drafts.current(desk.selected)
            desk.drafts.put(desk.selected, Draft(event=draft.event, saved=draft.saved))
            self._front.home.event.reload()
            self._front.show(Aspect.EVENT)

    async def _save(self, name: FunctionName) -> None:
        desk = self._front.desk
        draft = desk.drafts.current(name)
        event = draft.event
        if event is None:
            event = await self._name(name, "save event as", self._free_name(name, "event"))
            if event is None:
                return
        await desk.workbench.events.save(name, event, draft.payload)
        desk.undoable += 1
        desk.refresh_functions()
        desk.drafts.saved(name, event, draft.payload)
        self._front.home.event.reload()
        self._done(f"saved {wording.one_line(event)}")

    async def _save_run(self) -> None:
        desk = self._front.desk
        shown, name = desk.shown(), desk.selected
        if shown is None or name is None:
            return
        if shown.live is not None:
            payload = shown.live.acceptance.payload
        elif shown.record is not None:
            payload = shown.record.acceptance.payload
        else:
            found = await desk.workbench.invocations.record(shown.summary.request_id)
            payload = found.record.acceptance.payload
        usual = self._free_name(name, shown.summary.event or "event")
        event = await self._name(name, "save this run's event as", usual)
        if event is not None:
            await desk.workbench.events.save(name, event, payload)
            desk.undoable += 1
            desk.refresh_functions()
            await self.open(name, event)
            self._done(f"saved {wording.one_line(event)}")

    async def _duplicate(self) -> None:
        desk = self._front.desk
        name, event = desk.selected, self._event()
        if name is None or event is None:
            return
        copy = await self._name(name, "duplicate as", self._free_name(name, event))
        if copy is not None:
            await desk.workbench.events.duplicate(name, event, copy)
            desk.undoable += 1
            desk.refresh_functions()
            await self.open(name, copy)
            self._done(f"duplicated {wording.one_line(event)}")

    async def _rename(self) -> None:
        desk = self._front.desk
        name, event = desk.selected, self._event()
        if name is None or event is None:
            return
        to = await self._name(name, "rename to", event)
        if to is not None and to != event:
            draft = desk.drafts.current(name)
            await desk.workbench.events.rename(name, event, to)
            desk.undoable += 1
            desk.refresh_functions()
            desk.drafts.drop(name, event)
            desk.drafts.put(
                name, Draft(event=to, saved=draft.saved, text=draft.text, cursor=draft.cursor)
            )
            await self.open(name, to)
            self._done(f"renamed {wording.one_line(event)}")

    async def _delete(self) -> None:
        desk = self._front.desk
        name, event, function = desk.selected, self._event(), desk.function
        if name is None or event is None or function is None:
            return
        at = function.events.index(event) if event in function.events else 0
        await desk.workbench.events.delete(name, event)
        desk.undoable += 1
        desk.refresh_functions()
        desk.drafts.drop(name, event)
        left = [each for each in function.events if each != event]
        await self.open(name, left[min(at, len(left) - 1)] if left else None)
        self._done(f"deleted {wording.one_line(event)}")

    async def _undo(self) -> None:
        desk = self._front.desk
        try:
            what = await desk.workbench.events.undo()
        except WorkbenchError as error:
            desk.undoable = max(0, desk.undoable - 1)
            self._front.flash(f"cannot undo: {error}", bad=True)
            return
        desk.undoable = 0 if what is None else max(0, desk.undoable - 1)
        desk.refresh_functions()
        if what is not None and desk.selected is not None:
            await self._show_again(desk.selected, what.partition(" ")[2])
        self._front.flash("nothing to undo" if what is None else f"undid {wording.one_line(what)}")
        self._front.show()

    async def _show_again(self, name: FunctionName, event: str) -> None:
        """Show an event that may be back; if it is not, see what became of the one shown."""
        try:
            await self._front.desk.workbench.events.read(name, event)
        except WorkbenchError:
            await self.follow_disk(name)
        else:
            await self.open(name, event)

    # --- names ----------------------------------------------------------------------------------------------

    def _event(self) -> str | None:
        desk = self._front.desk
        return None if desk.selected is None else desk.drafts.current(desk.selected).event

    async def _name(self, name: FunctionName, label: str, usual: str) -> str | None:
        """Ask for the name of an event; one that exists is asked about again."""

        def wrong(text: str) -> str | None:
            try:
                event_name(text)
            except InvalidParameter as error:
                return str(error)
            return None

        while True:
            event = await self._front.prompt(label, text=usual, done="save", check=wrong)
            function = self._front.desk.find(name)
            if event is None or function is None or event not in function.events or event == usual:
                return event
            if await self._front.ask(
                f"{wording.one_line(event)} exists already.", yes="write over it", no="another name"
            ):
                return event
            usual = event

    def _free_name(self, name: FunctionName, wish: str) -> str:
        """`refund-2` when there is a refund."""
        function = self._front.desk.find(name)
        taken = set(function.events) if function is not None else set()
        if wish not in taken:
            return wish
        stem = re.sub(r"-\d+$", "", wish)
        number = 2
        while f"{stem}-{number}" in taken:
            number += 1
        return f"{stem}-{number}"

    def _done(self, text: str) -> None:
        self._front.flash(f"{text}   u undo")
        self._front.remember()
        self._front.show()
