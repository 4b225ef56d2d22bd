"""Palette, go-to, jump letters, help, colours, and leaving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from textual.geometry import Offset

from workbench.model.names import FunctionName, RequestId
from workbench.tui import wording
from workbench.tui.actions import ACTIONS, Scope
from workbench.tui.choices import Choice, Target
from workbench.tui.deeds.front import Front
from workbench.tui.help_text import keys_of
from workbench.tui.situation import Pane, Situation, Tab

Place = tuple[str, str, str]
"""What kind of thing, the function it belongs to, and its name."""


class Shell(Front, Protocol):
    """The app, as those deeds see it that concern the screen as a whole."""

    def act(self, action: str) -> None:
        """Do an action by its id."""
        ...

    async def jump_letters(self, targets: list[Target]) -> str | None: ...

    async def show_help(self) -> None: ...

    def toggle_keys(self) -> None: ...

    def available(self) -> list[str]:
        """Names of the themes, ours first."""
        ...

    @property
    def theme_name(self) -> str: ...

    def wear(self, theme: str) -> None:
        """Draw with a theme."""
        ...

    def draw_ascii(self, *, on: bool) -> None: ...

    @property
    def ascii_only(self) -> bool: ...

    def leave(self) -> None:
        """End."""
        ...

    def selection(self) -> str | None:
        """The text that is selected somewhere."""
        ...


class Going:
    """Deeds about the screen as a whole."""

    def __init__(
        self,
        shell: Shell,
        *,
        open_event: Callable[[FunctionName, str], None],
        escape: Callable[[], bool],
        copy_text: Callable[[str], None],
    ) -> None:
        """`escape` goes back one step of what is searched or filtered, and says whether it did."""
        self._shell = shell
        self._open_event = open_event
        self._escape = escape
        self._copy_text = copy_text

    # --- anywhere -------------------------------------------------------------------------------------------

    def palette(self) -> None:
        self._shell.work(partial(self._palette, commands=True), group="overlay", alone=True)

    def goto(self) -> None:
        self._shell.work(partial(self._palette, commands=False), group="overlay", alone=True)

    def jump(self) -> None:
        self._shell.work(self._jump, group="overlay", alone=True)

    def help(self) -> None:
        self._shell.work(self._shell.show_help, group="overlay", alone=True)

    def keys(self) -> None:
        self._shell.toggle_keys()

    async def _palette(self, *, commands: bool) -> None:
        situation = self._shell.situation()
        choices: list[Choice[Place]] = []
        if commands:
            choices += _commands(situation, ascii_only=self._shell.ascii_only)
        choices += self._things()
        title = "Commands" if commands else "Go to"
        hint = "a command, function, event or run" if commands else "a function, event or run"
        chosen = await self._shell.pick(title, choices, placeholder=hint)
        if chosen is None:
            return
        kind, function, name = chosen
        if kind == "command":
            self._shell.act(name)
        elif kind == "function":
            await self._shell.select(FunctionName(name))
            self._shell.home.go(Pane.FUNCTIONS)
        elif kind == "event":
            await self._shell.select(FunctionName(function))
            self._open_event(FunctionName(function), name)
            self._shell.home.go(Pane.EVENT)
        else:
            await self._shell.select(FunctionName(function))
            self._shell.desk.show_run(RequestId(name))
            self._shell.show()
            self._shell.home.go(Pane.RESULT)

    def _things(self) -> Iterator[Choice[Place]]:
        desk = self._shell.desk
        for function in desk.functions:
            configuration = function.configuration
            yield Choice(
                value=("function", function.name, function.name),
                group="functions",
                text=wording.one_line(function.name),
                detail="broken" if configuration is None else configuration.runtime,
                hint=wording.one_line(str(function.folder)),
            )
        for function in desk.functions:
            for event in function.events:
                yield Choice(
                    value=("event", function.name, event),
                    group="events",
                    text=wording.one_line(f"{function.name}/{event}"),
                    hint=f"wb invoke {function.name} -e {wording.one_line(event)}",
                )
        for function in desk.functions:
            for run in desk.rows(function.name)[:50]:
                when = wording.moment(run.accepted_at, desk.clock.now(), desk.zone).strip()
                yield Choice(
                    value=("run", function.name, run.request_id),
                    group="runs",
                    text=wording.one_line(f"{function.name} {run.event or run.origin} {when}"),
                    detail=f"{wording.outcome(run.kind)}  {run.request_id[:8]}",
                    hint=wording.failure(run) or run.request_id,
                )

    async def _jump(self) -> None:
        home = self._shell.home
        targets = [
            Target(pane, home.widget_of(pane).region.offset, 3)
            for pane in Pane
            if home.widget_of(pane).display and home.widget_of(pane).region
        ]
        tabs = home.result.tabs
        if tabs.display and tabs.region:
            for label, start, _ in tabs.spans():
                at = tabs.region.offset + Offset(start - 2, 0)
                targets.append(Target(f"tab {label.id}", at, 2))
        chosen = await self._shell.jump_letters(targets)
        if chosen is None:
            return
        kind, _, tab = chosen.partition(" ")
        if kind == "tab":
            home.see(Tab(tab))
            home.go(Pane.RESULT)
        else:
            home.go(Pane(kind))

    # --- colours --------------------------------------------------------------------------------------------

    def theme(self) -> None:
        self._shell.work(self._theme, group="overlay", alone=True)

    def ascii(self) -> None:
        self._shell.draw_ascii(on=not self._shell.ascii_only)
        self._shell.remember()

    async def _theme(self) -> None:
        before = self._shell.theme_name
        choices = [Choice(value=name, group="", text=name) for name in self._shell.available()]
        chosen = await self._shell.pick(
            "Theme", choices, placeholder="theme", look=self._shell.wear, current=before
        )
        self._shell.wear(chosen or before)
        self._shell.remember()

    # --- back, and out --------------------------------------------------------------------------------------

    def escape(self) -> None:
        """Back one step: out of the text, of the zoom, of what is searched for, of the run."""
        shell, home = self._shell, self._shell.home
        if home.typing:
            home.go(Pane.EVENT)
            shell.show()
        elif home.zoomed:
            home.zoom(on=False)
        elif self._escape():
            shell.show()
        elif home.back():
            return
        elif shell.situation().in_flight:
            shell.act("run.cancel")

    def copy_selection(self) -> None:
        text = self._shell.selection()
        if text:
            self._copy_text(text)
        else:
            self._shell.flash("nothing is selected   ^q quits")

    def quit(self) -> None:
        self._shell.work(self._quit, group="quit", alone=True)

    async def _quit(self) -> None:
        running = self._shell.desk.workbench.invocations.in_progress
        if running:
            what = wording.counted(running, "run")
            if not await self._shell.ask(f"{what} in flight.", yes="stop and quit", no="stay"):
                return
        self._shell.leave()


def _commands(situation: Situation, *, ascii_only: bool) -> Iterator[Choice[Place]]:
    """Everything that means something now; what cannot be done says why."""
    for action in ACTIONS:
        if not action.palette or action.scope is Scope.LIST or not action.applies(situation):
            continue
        refused = action.why_not(situation)
        line = action.cli(situation)
        yield Choice(
            value=("command", "", action.id),
            group="commands",
            text=f"{action.group}: {action.long or action.label[:1].lower() + action.label[1:]}",
            key=keys_of(action, ascii_only=ascii_only),
            hint=refused or action.help,
            more=wording.one_line(line or ""),
            refused=refused is not None,
        )
