"""Finding, filtering, and getting about: what changes nothing but what is in sight."""

from __future__ import annotations

from collections.abc import Callable

from workbench.tui import wording
from workbench.tui.deeds.front import Front
from workbench.tui.log_text import filter_of, pattern_of
from workbench.tui.situation import Pane, Tab


class Looking:
    """Deeds about what is in sight."""

    def __init__(self, front: Front) -> None:
        self._front = front

    # --- tabs and panes -------------------------------------------------------------------------------------

    def tab(self, by: int) -> Callable[[], None]:
        """The next tab, or the one before."""
        return lambda: self._front.home.result.step(by)

    def see(self, tab: Tab) -> Callable[[], None]:
        """One tab of the result."""

        def look() -> None:
            self._front.home.see(tab)
            self._front.home.go(Pane.RESULT)
            self._front.remember()

        return look

    def pane(self, by: int) -> Callable[[], None]:
        """The next pane, or the one before."""
        return lambda: self._front.home.step(by)

    def go(self, pane: Pane) -> Callable[[], None]:
        """One pane."""
        return lambda: self._front.home.go(pane)

    def type(self) -> None:
        """Into the event's text."""
        home = self._front.home
        if home.event.editable:
            home.type()
        else:
            self._front.flash("It is too large to type in: f4 opens it in your editor.")

    def zoom(self) -> None:
        home = self._front.home
        home.zoom(on=not home.zoomed)

    # --- finding --------------------------------------------------------------------------------------------

    def find(self) -> None:
        self._front.work(self._ask_find, group="find", alone=True)

    def next(self) -> None:
        self._step(1)

    def previous(self) -> None:
        self._step(-1)

    def filter(self) -> None:
        self._front.work(self._ask_filter, group="find", alone=True)

    def follow(self) -> None:
        logs = self._front.home.result.logs
        logs.follow(on=not logs.following)
        self._front.home.result.log_grown()

    async def _ask_find(self) -> None:
        home = self._front.home
        pane, start = home.at, self._cursor()
        if pane is Pane.EVENT:
            pane = Pane.RESULT

        def search(text: str) -> None:
            self._look_for(text)
            if text:
                self._move(start, 1, quiet=True)

        text = await self._front.prompt("/", text="", done="find", tell=search)
        if text is None:
            self.forget()
        elif text:
            self._tell_matches()

    def _look_for(self, text: str) -> None:
        self._front.desk.wanted = text or None
        logs = self._front.home.result.logs
        logs.pattern = pattern_of(text) if text else None
        logs.refresh()

    def forget(self) -> None:
        """Nothing is searched for any more."""
        self._look_for("")

    def _step(self, by: int) -> None:
        self._move(self._cursor() + by, by, quiet=False)

    def _move(self, start: int, by: int, *, quiet: bool) -> None:
        wanted, home = self._front.desk.wanted, self._front.home
        if not wanted:
            return
        pane, found = home.at, None
        if pane is Pane.FUNCTIONS:
            found = home.functions.names.find(wanted, start, by)
            target = home.functions.names
        elif pane is Pane.RUNS:
            found = home.runs.runs.find(wanted, start, by)
            target = home.runs.runs  # type: ignore[assignment] # any list will do below
        elif home.result.tab is Tab.LOGS:
            found = home.result.logs.find(start, by)
            target = home.result.logs  # type: ignore[assignment]
        elif home.result.tab is Tab.REPORT:
            found = home.result.report.find(wanted, start, by)
            target = home.result.report  # type: ignore[assignment]
        else:
            found = home.result.response.find(pattern_of(wanted, literal=True), start, by)
            target = home.result.response  # type: ignore[assignment]
        if found is not None:
            target.place(found, tell=True)
        elif not quiet:
            self._front.flash(f"nothing here matches {wording.one_line(wanted)}")

    def _cursor(self) -> int:
        home = self._front.home
        if home.at is Pane.FUNCTIONS:
            return home.functions.names.cursor
        if home.at is Pane.RUNS:
            return home.runs.runs.cursor
        return {
            Tab.RESPONSE: home.result.response,
            Tab.LOGS: home.result.logs,
            Tab.REPORT: home.result.report,
        }[home.result.tab].cursor

    def _tell_matches(self) -> None:
        home, wanted = self._front.home, self._front.desk.wanted
        if home.at is Pane.RESULT and home.result.tab is Tab.LOGS:
            count = wording.counted(home.result.logs.matches(), "match", "matches")
            self._front.flash(f"{count}   n next   N previous   & only these   esc clears")
        elif wanted:
            self._front.flash(f"/{wording.one_line(wanted)}   n next   N previous   esc clears")

    async def _ask_filter(self) -> None:
        logs = self._front.home.result.logs
        before = logs.shown
        usual = ""
        if before is not None:
            usual = ("!" if before.inverted else "") + before.pattern.pattern
        text = await self._front.prompt(
            "&", text=usual or self._front.desk.wanted or "", done="only these"
        )
        if text is not None:
            logs.only(filter_of(text))
            self._front.home.result.log_grown()

    def unfilter(self) -> bool:
        """Show all log lines again; whether some were hidden."""
        logs = self._front.home.result.logs
        if logs.shown is None:
            return False
        logs.only(None)
        self._front.home.result.log_grown()
        return True
