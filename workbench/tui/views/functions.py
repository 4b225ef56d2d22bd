"""View 1: functions, their runs, the event, the result. Home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from workbench.tui.desk import Aspect, Desk
from workbench.tui.notices import Notice, notice_of
from workbench.tui.panes.event_pane import EventPane
from workbench.tui.panes.functions_pane import FunctionsPane
from workbench.tui.panes.notice_pane import NoticePane
from workbench.tui.panes.result_pane import ResultPane
from workbench.tui.panes.run_bar import bar_parts
from workbench.tui.panes.runs_pane import RunsPane
from workbench.tui.room import CHROME_ROWS, LEGEND_CELLS, in_sight, list_rows, notice_rows, room_for
from workbench.tui.situation import Pane, Situation, Tab
from workbench.tui.widgets.box import Column, Row
from workbench.tui.widgets.line import Line
from workbench.tui.widgets.tab_row import TabRow
from workbench.tui.widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from workbench.tui.panes.empty_pane import EmptyPane

_ORDER = (Pane.FUNCTIONS, Pane.RUNS, Pane.EVENT, Pane.NOTICE, Pane.RESULT)
_SHORT_PAYLOAD = 200
"""Characters of a payload that a command line may carry."""


class FunctionsView(Widget):
    """See the module."""

    BLANK = True  # its panes cover it
    DEFAULT_CSS = """
    FunctionsView {
        layout: vertical;
        height: 1fr;
        & #body { height: 1fr; }
        & #left { width: 34; }
        & #right { width: 1fr; }
        & RunsPane { height: 1fr; }
        & EventPane { height: 5fr; }
        & ResultPane { height: 6fr; }
        & NoticePane { height: 5; }
    }
    """

    class Moved(Message):
        """The focus is elsewhere, or something on the screen was chosen."""

    def __init__(self, desk: Desk, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._desk = desk
        self._at = Pane.FUNCTIONS
        self._turn = 0
        self._notice_key: str | None = None
        self._empty: EmptyPane | None = None
        self.single = False
        """One pane at a time."""
        self.zoomed = False
        self.functions = FunctionsPane(id="functions")
        self.runs = RunsPane(id="runs")
        self.event = EventPane(desk, id="event")
        self.bar = Line(id="bar")
        self.notice = NoticePane(id="notice")
        self.result = ResultPane(desk, id="result")

    def compose(self) -> ComposeResult:
        with Row(id="body"):
            with Column(id="left"):
                yield self.functions
                yield self.runs
            with Column(id="right"):
                yield self.event
                yield self.bar
                yield self.notice
                yield self.result

    def on_mount(self) -> None:
        self.functions.names.tell = self._function_moved
        self.runs.runs.tell = self._run_moved

    # --- parts ----------------------------------------------------------------------------------------------

    def widget_of(self, pane: Pane) -> Widget:
        """The pane itself."""
        return {
            Pane.FUNCTIONS: self.functions,
            Pane.RUNS: self.runs,
            Pane.EVENT: self.event,
            Pane.NOTICE: self.notice,
            Pane.RESULT: self.result,
        }[pane]

    def _focus_target(self, pane: Pane) -> Widget:
        """What gets the focus when a pane does."""
        return {
            Pane.FUNCTIONS: self.functions.names,
            Pane.RUNS: self.runs.runs if self.runs.runs.display else self.runs.hint,
            Pane.EVENT: self.event,
            Pane.NOTICE: self.notice.view,
            Pane.RESULT: self.result.body,
        }[pane]

    # --- where one is ---------------------------------------------------------------------------------------

    @property
    def at(self) -> Pane:
        """The pane that has the focus, or had it last."""
        focused = self.screen.focused
        for pane in _ORDER:
            widget = self.widget_of(pane)
            if focused is not None and (focused is widget or widget in focused.ancestors):
                self._at = pane
        return self._at

    def go(self, pane: Pane) -> None:
        """Give a pane the focus."""
        self._lay_out(pane)
        self.screen.set_focus(self._focus_target(pane))

    def type(self) -> None:
        """Put the cursor into the event's text."""
        self.go(Pane.EVENT)
        self.screen.set_focus(self.event.editor)

    def step(self, by: int) -> None:
        """The next pane, or the one before."""
        panes = [pane for pane in _ORDER if pane is not Pane.NOTICE or self.notice.notice]
        at = panes.index(self.at) if self.at in panes else 0
        self.go(panes[(at + by) % len(panes)])

    def back(self) -> bool:
        """Where panes are shown one at a time, to the one that leads here; whether there was one."""
        if not self.single:
            return False
        at = self.at
        if at in (Pane.RESULT, Pane.NOTICE):
            self.go(Pane.EVENT)
        elif at is Pane.EVENT:
            self.go(Pane.FUNCTIONS)
        else:
            return False
        return True

    def zoom(self, *, on: bool) -> None:
        """Let the pane in use have all the room."""
        self.zoomed = on
        self._lay_out()

    @property
    def typing(self) -> bool:
        return self.event.typing

    def situation(self) -> Situation:
        """Here and now."""
        desk, function = self._desk, self._desk.function
        draft, shown = self.event.draft, self._desk.shown()
        flaw = self.event.flaw
        text = "" if draft is None else (draft.shown or "")
        engine = desk.engine
        return Situation(
            pane=self.at if function is not None else Pane.FUNCTIONS,
            typing=self.typing,
            tab=self.result.tab,
            project=desk.project,
            function=desk.selected,
            cannot_run=None if function is None else desk.cannot_run(function),
            engine_down=None if engine.ready else engine.cause,
            event=None if draft is None else draft.event,
            events=0 if function is None else len(function.events),
            dirty=draft is not None and draft.dirty,
            flaw=None if flaw is None else str(flaw),
            payload=text if 0 < len(text) <= _SHORT_PAYLOAD else None,
            run=None if shown is None else shown.summary.request_id,
            run_event=None if shown is None else shown.summary.event,
            running=shown is not None and shown.live is not None,
            in_flight=bool(len(desk.live) or desk.asked),
            undoable=desk.undoable > 0,
            notice=self.notice.notice is not None,
            editor=desk.terminal.editor is not None,
            pager=desk.terminal.pager is not None,
            zoomed=self.zoomed,
            found=self.searching,
            filtered=self.result.filtered,
        )

    @property
    def searching(self) -> bool:
        """Something is being searched for."""
        return self._desk.wanted is not None

    # --- showing --------------------------------------------------------------------------------------------

    def show(self, aspects: Aspect, turn: int) -> None:
        """Show what has changed."""
        self._turn = turn
        self._show_empty()
        if aspects & Aspect.FUNCTIONS:
            self.functions.show(self._desk)
        if aspects & Aspect.RUNS:
            self.runs.show(self._desk, turn)
        if aspects & Aspect.EVENT:
            self.event.show()
        if aspects & Aspect.NOTICE:
            self._show_notice()
        if aspects & Aspect.RESULT:
            self.result.show(turn)
        if aspects & Aspect.LOGS:
            self.result.log_grown()
        if aspects & Aspect.BAR:
            left, right = bar_parts(self._desk, self.bar, turn)
            self.bar.show(left, right)

    def _show_empty(self) -> None:
        """In place of everything while there is no function; mounted the first time."""
        empty = not self._desk.functions
        if self._empty is None:
            if not empty:
                return
            from workbench.tui.panes.empty_pane import EmptyPane

            self._empty = EmptyPane(self._desk, id="empty")
            self.mount(self._empty, before=0)
        self._empty.display = empty
        self.query_one("#body").display = not empty
        if empty and self._empty.is_mounted:
            self._empty.show()

    def _show_notice(self) -> None:
        notice: Notice | None = notice_of(self._desk)
        had, had_focus = self._notice_key, self.notice.focused_within
        self._notice_key = None if notice is None else notice.key
        self.notice.show(notice, self._turn)
        if (had is None) is not (notice is None) or had != self._notice_key:
            self._lay_out()
            if notice is None and had_focus:
                self.go(Pane.EVENT)

    def _lay_out(self, at: Pane | None = None) -> None:
        """Give every pane its place, as there is room; `at` is the one in use, or about to be."""
        width, height = self.size
        if not width or not height:  # before the first layout, which then has nothing to correct
            width, height = self.app.size.width, self.app.size.height - CHROME_ROWS
        room = room_for(width, height + CHROME_ROWS)
        self.single = room.single
        notice = self.notice.notice is not None
        sight = in_sight(room, at or self.at, zoomed=self.zoomed, notice=notice)
        for pane in Pane:
            self.widget_of(pane).display = pane in sight
        left = bool(sight & {Pane.FUNCTIONS, Pane.RUNS})
        right = bool(sight - {Pane.FUNCTIONS, Pane.RUNS})
        self.query_one("#left").display = left
        self.query_one("#right").display = right
        self.query_one("#left").styles.width = room.left if right else "1fr"
        self.bar.display = bool(sight & {Pane.EVENT, Pane.RESULT}) and not self.zoomed
        count = len(self._desk.functions)
        alone = Pane.RUNS not in sight
        self.functions.styles.height = "1fr" if alone else list_rows(room, count, height)
        self.functions.set_class(not room.tall or room.left < LEGEND_CELLS, "-bare")
        self.event.set_class(not room.tall, "-bare")
        self.result.set_class(not room.tall, "-short")
        if self.result.beside is not room.beside:
            self.result.beside = room.beside
            self.result.show(self._turn)
        if notice:
            inner = width - (room.left if left else 0)
            wanted = self.notice.height_for(inner)
            whole = self.zoomed or sight == {Pane.NOTICE}
            self.notice.styles.height = "1fr" if whole else notice_rows(wanted, height)

    def on_resize(self) -> None:
        self._lay_out()
        self.call_after_refresh(self.show, Aspect.ALL, self._turn)

    # --- what is done on it -----------------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        self._reframe()
        self.post_message(self.Moved())

    def on_descendant_blur(self) -> None:
        self._reframe()

    def _reframe(self) -> None:
        """The titles say which pane has the focus."""
        self.functions.show(self._desk)
        self.runs.show(self._desk, self._turn)
        self.event.frame()
        self.result.show(self._turn)

    def _function_moved(self, item: int) -> None:
        name = self.functions.names.name_at(item)
        if name is not None:
            self._desk.selected = name
            self.post_message(self.FunctionPicked())

    def _run_moved(self, item: int) -> None:
        request_id = self.runs.runs.run_at(item)
        if request_id is not None:
            self._desk.show_run(request_id)
            self.post_message(self.RunPicked())

    def on_virtual_list_moved(self, event: VirtualList.Moved) -> None:
        if self.result.is_response(event.list):
            self.result.show(self._turn)

    def on_virtual_list_opened(self, event: VirtualList.Opened) -> None:
        if event.list is self.functions.names:
            self.go(Pane.EVENT)
        elif event.list is self.runs.runs:
            self.go(Pane.RESULT)

    class FunctionPicked(Message):
        """Another function is selected."""

    class RunPicked(Message):
        """Another run is to be shown."""

    class EventPicked(Message):
        """Another event is to be shown; `None` is the new one."""

        def __init__(self, event: str | None) -> None:
            super().__init__()
            self.event = event

    def on_tab_row_chosen(self, event: TabRow.Chosen) -> None:
        if event.row is self.result.tabs:
            self.see(Tab(event.chosen))
            self.go(Pane.RESULT)
        else:
            self.post_message(self.EventPicked(event.chosen or None))

    def see(self, tab: Tab) -> None:
        """Show a tab of the result."""
        self.result.choose(tab)
