"""The terminal front end: puts the parts together, and carries messages between them.

Wiring only. What is true is on the desk, what is done is in `deeds/`, what is seen is in `views/`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.screen import Screen
from textual.timer import Timer

from workbench.clock import Clock, SystemClock
from workbench.errors import DriverError
from workbench.facade.workbench import Workbench
from workbench.model.names import FunctionName
from workbench.model.telemetry import EventsChanged
from workbench.tui.actions import BY_ID
from workbench.tui.asking import AskingApp
from workbench.tui.deeds.remembering import Remembering
from workbench.tui.deeds.table import Deeds
from workbench.tui.desk import Aspect, Desk
from workbench.tui.dressing import DressedApp
from workbench.tui.feed import Heard, hear
from workbench.tui.lending import LendingApp
from workbench.tui.panes.chrome import status_parts, top_parts
from workbench.tui.session import Session
from workbench.tui.session_keeper import AFTER_S, SessionKeeper
from workbench.tui.situation import Pane, Situation, Tab
from workbench.tui.terminal import Terminal, read_terminal
from workbench.tui.views.functions import FunctionsView
from workbench.tui.views.home_screen import HomeScreen
from workbench.tui.widgets.bindings import app_bindings
from workbench.tui.widgets.box import Row
from workbench.tui.widgets.footer import KeyFooter
from workbench.tui.widgets.hint import Hint
from workbench.tui.widgets.line import Line
from workbench.tui.working import WorkingApp

if TYPE_CHECKING:
    from workbench.tui.panes.keys_pane import KeysPane
    from workbench.tui.widgets.report_view import ReportView

_TICK_S = 0.1


class WorkbenchApp(AskingApp, DressedApp, LendingApp, WorkingApp, inherit_bindings=False):
    """The screen of a workbench."""

    CSS_PATH = Path(__file__).parent / "styles" / "workbench.tcss"
    BINDINGS = app_bindings()
    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE = False
    AUTO_FOCUS = None

    def __init__(
        self,
        workbench: Workbench,
        *,
        clock: Clock | None = None,
        terminal: Terminal | None = None,
        zone: tzinfo | None = None,
        painted: Callable[[], object] | None = None,
    ) -> None:
        """`zone` `None` is the machine's own; `terminal` `None` is what the environment says. `painted`
        is called after the first paint.
        """
        super().__init__()
        root = workbench.catalog.root
        self.desk = Desk(
            workbench,
            clock=clock or SystemClock(),
            zone=zone,
            terminal=terminal or read_terminal(os.environ),
            project="." if Path.cwd() == root else str(root),
        )
        self.deeds = Deeds(self)
        self.history = Remembering(self)
        self.keeper = SessionKeeper(self.desk, root, self._session)
        self.terminal = self.desk.terminal
        self.ascii_only = self.terminal.ascii_only
        self._keys: KeysPane | None = None
        """Mounted when it is first asked for."""
        self._keep_timer: Timer | None = None
        self._ticker: Timer | None = None
        self._turn = 0
        self._painted = painted
        self._restored = self.keeper.restore()
        if self._restored.theme in self.available_themes:
            self.dress(self._restored.theme)
        if self._restored.ascii_only is not None:
            self.ascii_only = self._restored.ascii_only

    # --- the screen -----------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield Line(id="top")
        yield KeyFooter(id="footer")
        yield Line(id="status")
        with Row(id="middle"):
            yield FunctionsView(self.desk, id="home")
        yield Hint(id="tiny")

    def get_default_screen(self) -> Screen[None]:
        return HomeScreen(id="_default")

    @property
    def home(self) -> FunctionsView:
        return self.screen_stack[0].query_one(FunctionsView)

    def on_mount(self) -> None:
        session = self._restored
        if session.tab in list(Tab):
            self.home.result.tab = Tab(session.tab)
        self.theme_changed_signal.subscribe(self, lambda _: self.repaint())
        self._ticker = self.set_interval(_TICK_S, self._tick, pause=True)
        self.work(self._listen, group="feed")
        self.show()
        self.home.go(Pane.FUNCTIONS if self.desk.functions else Pane.EVENT)
        if not session.welcomed:
            self.flash("^r runs   ^p does anything   f1 helps")
            self.remember()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first paint, which would wait for what reads, for what shows events and runs, and for
        an engine's client.
        """
        if self._painted is not None:
            self._painted()
        self.work(self.history.latest, group="latest")
        if self.desk.selected is not None:
            self.work(partial(self.select, self.desk.selected), group="select", alone=True)
        self.home.event.complete()
        self.home.result.complete()
        self.desk.workbench.environments.begin()
        self.work(self._make_images, group="images")

    async def _make_images(self) -> None:
        """Before the first run would wait for them. What becomes of it is told by the engine."""
        with contextlib.suppress(DriverError):
            await self.desk.workbench.environments.wait_engine()
            await self.desk.workbench.environments.build_images()
            await self.desk.workbench.environments.stand_by()

    async def _listen(self) -> None:
        with self.desk.workbench.subscribe() as feed:
            self.desk.live.adopt(self.desk.workbench.environments.mine())
            await hear(feed, self.post_message, self.desk.clock)

    def situation(self) -> Situation:
        return self.home.situation()

    def show(self, aspects: Aspect = Aspect.ALL) -> None:
        if not self.is_running or not self.screen_stack:
            return
        self.home.show(aspects, self._turn)
        base = self.screen_stack[0]
        top, status = base.query_one("#top", Line), base.query_one("#status", Line)
        if aspects & Aspect.TOP:
            top.show(*top_parts(self.desk, top))
        status.show(*status_parts(self.desk, status, flash=self.flashed, turn=self._turn))
        situation = self.situation()
        base.query_one(KeyFooter).describe(situation, ascii_only=self.ascii_only)
        if self._keys is not None:
            self._keys.show(situation, ascii_only=self.ascii_only)
        if aspects & Aspect.RESULT:
            self.history.want_record()
        self._beat()

    def repaint(self) -> None:
        self.home.event.repaint()
        self.show()
        super().repaint()

    # --- time -----------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        """The clocks run only while there is one in sight."""
        if self._ticker is not None:
            if self.desk.moving and self.app_focus:
                self._ticker.resume()
            else:
                self._ticker.pause()

    def _tick(self) -> None:
        self._turn += 1
        self.show(Aspect.TICK)

    def on_app_blur(self) -> None:
        self._beat()

    def on_app_focus(self) -> None:
        self.show()

    def flash_changed(self) -> None:
        self.show(Aspect.STATUS)

    # --- what happens ---------------------------------------------------------------------------------------

    def on_heard(self, message: Heard) -> None:
        before = self.desk.selected
        changed = self.desk.hear(message.values, self)
        self.show(changed)
        selected = self.desk.selected
        if selected is not None and selected != before:
            self.work(partial(self.select, selected), group="select", alone=True)
        elif any(
            isinstance(value, EventsChanged) and value.function == selected
            for value in message.values
        ):
            assert selected is not None, "it is the function of a value"
            self.work(partial(self.deeds.saving.follow_disk, selected), group="disk", alone=True)

    def on_functions_view_function_picked(self) -> None:
        if self.desk.selected is not None:
            self.work(partial(self.select, self.desk.selected), group="select", alone=True)

    def on_functions_view_run_picked(self) -> None:
        self.show(Aspect.RUNS | Aspect.RESULT | Aspect.LOGS)
        name = self.desk.selected
        if name is not None and self.home.runs.runs.near_end:
            self.work(partial(self.history.older, name), group="older", alone=True)

    def on_functions_view_event_picked(self, message: FunctionsView.EventPicked) -> None:
        if self.desk.selected is not None:
            chosen = partial(self.deeds.saving.open, self.desk.selected, message.event)
            self.work(chosen, group="event", alone=True)

    def on_functions_view_moved(self) -> None:
        self.show(Aspect.STATUS)

    def on_event_pane_typed(self) -> None:
        self.remember()
        self.show(Aspect.BAR)

    def on_report_view_frame_opened(self, message: ReportView.FrameOpened) -> None:
        self.deeds.texts.open_frame(message.frame)

    def on_line_pressed(self, message: Line.Pressed) -> None:
        self.act(message.action)

    def on_line_resized(self) -> None:
        self.show(Aspect.TOP | Aspect.STATUS | Aspect.BAR)

    async def select(self, name: FunctionName) -> None:
        self.desk.selected = name
        self.show()
        await self.deeds.saving.open_usual(name)
        await self.history.runs(name)
        self.remember()
        self.show()

    # --- actions --------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action != "act":
            return super().check_action(action, parameters)
        if self.screen.is_modal:
            return False
        return BY_ID[str(parameters[0])].here(self.situation())

    def action_act(self, action: str) -> None:
        self.act(action)

    def act(self, action: str) -> None:
        refused = BY_ID[action].why_not(self.situation())
        if refused is not None:
            self.flash(refused)
        else:
            if BY_ID[action].opens:
                self.await_overlay()
            self.deeds.table[action]()
            self.show(Aspect.STATUS)

    # --- the screen as a whole ------------------------------------------------------------------------------

    async def show_help(self) -> None:
        await self.help(self.situation(), ascii_only=self.ascii_only)

    def toggle_keys(self) -> None:
        if self._keys is None:
            from workbench.tui.panes.keys_pane import KeysPane

            self._keys = KeysPane(id="keys")
            self.screen_stack[0].query_one("#middle").mount(self._keys)
        else:
            self._keys.display = not self._keys.display
        self.call_after_refresh(self.show)

    def copy_to_clipboard(self, text: str) -> None:
        self.deeds.texts.copy_text(text)

    def selection(self) -> str | None:
        if self.home.typing:
            return self.home.event.editor.selected_text or None
        return self.screen.get_selected_text()

    # --- the next time --------------------------------------------------------------------------------------

    def _session(self) -> Session:
        usual = self.ascii_only == self.terminal.ascii_only
        return Session(
            tab=self.home.result.tab,
            theme=self.theme,
            ascii_only=None if usual else self.ascii_only,
        )

    def remember(self) -> None:
        self.keeper.pending = True
        if self._keep_timer is None:
            self._keep_timer = self.set_timer(AFTER_S, self._keep)

    def _keep(self) -> None:
        self._keep_timer = None
        self.work(self.keeper.keep, group="session")

    def leave(self) -> None:
        with contextlib.suppress(OSError):  # a convenience, and there is nobody left to tell
            self.keeper.keep_now()
        self.exit()
