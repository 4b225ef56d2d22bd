"""The run that is shown: what it answered, what it wrote, what it took.

A result is bound to its run: the frame says when, with which event and how it ended. While a newer
answer is awaited the old one stays in sight, dimmed, and says of which run it is.

Without a run there is only a hint. What shows runs is imported and mounted when it is first needed, or
right after the first paint, whichever comes sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from workbench.model.invocation import InvocationRecord, OutcomeKind
from workbench.model.names import RequestId
from workbench.model.report import megabytes
from workbench.tui import wording
from workbench.tui.desk import Desk, Shown
from workbench.tui.ink import ink, signs
from workbench.tui.paint import Piece, cut, facts, facts_that_fit, whole
from workbench.tui.situation import Tab
from workbench.tui.status_code import status_code
from workbench.tui.widgets.box import Column, Row
from workbench.tui.widgets.hint import Hint
from workbench.tui.widgets.pane import Pane
from workbench.tui.widgets.tab_row import Label, TabRow

if TYPE_CHECKING:
    from workbench.tui.widgets.json_view import JsonView
    from workbench.tui.widgets.log_view import LogView
    from workbench.tui.widgets.report_view import ReportView


class Divider(Widget):
    """Between the answer and the log, where both are in sight."""

    DEFAULT_CSS = """
    ResultPane Row > Divider { width: 1; }
    """

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - it is the same all the way down
        return whole([(signs(self).frame.down, ink(self).faint)])


class ResultPane(Pane):
    """See the module."""

    DEFAULT_CSS = """
    ResultPane {
        & > Column { margin: 1; height: 1fr; }
        & TabRow { height: 2; }
        &.-short TabRow { height: 1; }
        & Row { height: 1fr; }
        & Row > * { width: 1fr; }
    }
    """

    def __init__(self, desk: Desk, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._desk = desk
        self.tab = Tab.RESPONSE
        self.beside = False
        """Wide enough for the log beside the rest."""
        self._answer_of: tuple[RequestId | None, bool] = (None, False)
        self._log_of: object = None
        self._bodies: tuple[JsonView, ReportView, LogView] | None = None
        self._report_of: RequestId | None = None
        self._turn = 0

    def compose(self) -> ComposeResult:
        with Column():
            yield TabRow(id="result-tabs")
            with Row():
                yield Hint(id="result-hint")

    def complete(self) -> tuple[JsonView, ReportView, LogView]:
        """What shows runs, mounted."""
        if self._bodies is None:
            from workbench.tui.widgets.json_view import JsonView
            from workbench.tui.widgets.log_view import LogView
            from workbench.tui.widgets.report_view import ReportView

            response, report = JsonView(id="response"), ReportView(id="report")
            divider, logs = Divider(), LogView(id="logs")
            self._bodies = (response, report, logs)
            logs.zone = self._desk.zone
            self.query_one(Row).mount(response, report, divider, logs)
            self._place_bodies(self._desk.shown())
        return self._bodies

    @property
    def tabs(self) -> TabRow:
        return self.query_one(TabRow)

    @property
    def hint(self) -> Hint:
        return self.query_one(Hint)

    @property
    def response(self) -> JsonView:
        return self.complete()[0]

    @property
    def logs(self) -> LogView:
        return self.complete()[2]

    @property
    def report(self) -> ReportView:
        return self.complete()[1]

    @property
    def filtered(self) -> bool:
        """Lines of the log are left out."""
        return self._bodies is not None and self.logs.shown is not None

    def is_response(self, widget: Widget) -> bool:
        """It is what shows the answer."""
        return self._bodies is not None and widget is self.response

    @property
    def body(self) -> Widget:
        """What the chosen tab shows, and gets the focus."""
        if self.hint.display and self.tab is not Tab.LOGS:
            return self.hint
        return {Tab.RESPONSE: self.response, Tab.LOGS: self.logs, Tab.REPORT: self.report}[self.tab]

    @property
    def scroller(self) -> Widget:
        return self.body

    # --- showing --------------------------------------------------------------------------------------------

    def choose(self, tab: Tab) -> None:
        """Show another tab; the focus goes with it if it is in the pane."""
        had_focus = self.focused_within
        self.tab = tab
        self.show(self._turn)
        if had_focus:
            self.screen.set_focus(self.body)

    def step(self, by: int) -> None:
        """The next tab, or the one before."""
        tabs = list(Tab)
        self.choose(tabs[(tabs.index(self.tab) + by) % len(tabs)])

    def show(self, turn: int) -> None:
        """Show the desk's run."""
        self._turn = turn
        shown = self._desk.shown()
        if shown is not None or self._bodies is not None:
            self._show_run(shown)
        self._show_tabs(shown)
        self._place_bodies(shown)
        self._frame(shown)

    def _show_run(self, shown: Shown | None) -> None:
        self._show_answer(shown)
        self._show_log(shown)
        self._show_report(shown)

    def log_grown(self) -> None:
        """The log of the shown run may have more lines."""
        if self._bodies is None and self._desk.shown() is None:
            return
        self._show_log(self._desk.shown())
        self.logs.grown()
        self._show_tabs(self._desk.shown())

    def _show_answer(self, shown: Shown | None) -> None:
        record, stale = (None, False) if shown is None else (shown.record, False)
        if shown is not None and shown.live is not None:
            record, stale = self._desk.previous_answer(shown.summary), True
        key = (None if record is None else record.request_id, stale)
        if key == self._answer_of:
            return
        self._answer_of = key
        outcome = None if record is None else record.outcome
        self.response.load(b"" if outcome is None else outcome.payload, stale=stale)

    def _show_log(self, shown: Shown | None) -> None:
        entries = () if shown is None or shown.logs is None else shown.logs
        if entries is not self._log_of:
            self._log_of = entries
            self.logs.load(entries, growing=shown is not None and shown.live is not None)

    def _show_report(self, shown: Shown | None) -> None:
        from workbench.tui.report_rows import ended_rows, live_rows  # with what shows them

        desk = self._desk
        glyphs = signs(self)
        if shown is None:
            self.report.load((), same=False)
            return
        request_id = shown.summary.request_id
        same, self._report_of = self._report_of == request_id, request_id
        if shown.live is not None:
            rows = live_rows(shown.live, now=desk.clock.now(), glyphs=glyphs)
        elif shown.record is not None:
            digest = shown.record.acceptance.code_digest
            code = desk.workbench.catalog.root / ".workbench" / "code" / digest
            rows = ended_rows(shown.record, glyphs=glyphs, zone=desk.zone, code=code)
        else:
            rows = []
        self.report.load(rows, same=same)

    def _show_tabs(self, shown: Shown | None) -> None:
        drawn = ink(self)
        lines = "" if shown is None or shown.logs is None else wording.number(len(shown.logs))
        labels = [
            Label(Tab.RESPONSE, "Response"),
            Label(Tab.LOGS, "Logs", lines if lines != "0" else ""),
            Label(Tab.REPORT, "Report"),
        ]
        aside: list[Piece] = []
        previous = self._desk.previous_answer(shown.summary) if shown is not None else None
        if shown is not None and shown.live is not None and previous is not None:
            if self.tab is Tab.RESPONSE:
                at = wording.time_of_day(previous.acceptance.accepted_at, self._desk.zone)
                aside = [(f"the answer of {at} ", drawn.warn)]
        elif self.tab is Tab.LOGS or self.beside:
            aside = self._log_aside()
        self.tabs.show(labels, self.tab, aside)

    def _log_aside(self) -> list[Piece]:
        drawn, logs = ink(self), self.logs
        said: list[str | Piece] = []
        if logs.shown is not None:
            sign = "not " if logs.shown.inverted else ""
            pattern = wording.one_line(logs.shown.pattern.pattern)
            said.append((f"only {sign}{pattern}", drawn.warn))
            said.append(f"{wording.number(logs.left_out)} hidden")
        if logs.following and self._desk.shown() is not None and self._desk.in_flight() is not None:
            said.append((f"{signs(self).busy} follow", drawn.accent))
        found = facts(said, signs(self).between, drawn.dim)
        return [*found, (" ", drawn.dim)] if found else []

    def _place_bodies(self, shown: Shown | None) -> None:
        """Which bodies are in sight."""
        waiting = shown is None or (self.tab is Tab.RESPONSE and self._answer_of[0] is None)
        show_left = self.tab is not Tab.LOGS or self.beside
        left = Tab.RESPONSE if self.tab is Tab.LOGS else self.tab
        self.hint.display = waiting and show_left
        if self.hint.display:
            self._show_hint(shown)
        if self._bodies is None and waiting and not self.beside and self.tab is not Tab.LOGS:
            return  # the hint is all there is
        self.response.display = not waiting and show_left and left is Tab.RESPONSE
        self.report.display = not waiting and show_left and left is Tab.REPORT
        self.logs.display = self.tab is Tab.LOGS or self.beside
        self.query_one(Divider).display = self.beside

    def _show_hint(self, shown: Shown | None) -> None:
        drawn, glyphs, desk = ink(self), signs(self), self._desk
        if shown is not None and shown.live is not None:
            spinner = glyphs.spinner[self._turn % len(glyphs.spinner)]
            self.hint.show([[(f"{spinner} ", drawn.accent), ("waiting for the answer", drawn.dim)]])
        elif shown is not None and shown.record is None:
            where = "running in another workbench" if shown.summary.kind is None else "reading"
            self.hint.show([[(where, drawn.dim)]])
        elif desk.selected is None:
            self.hint.show([])
        elif desk.selected in desk.asked:
            self.hint.show([[("it runs as soon as it is ready", drawn.dim)]])
        elif desk.refused():
            self.hint.show([[("no result yet", drawn.dim)]])
        else:
            name = wording.one_line(desk.selected)
            self.hint.show(
                [[("^r", drawn.accent), (f" runs {name} with the event above", drawn.dim)]]
            )

    # --- the frame ------------------------------------------------------------------------------------------

    def _frame(self, shown: Shown | None) -> None:
        drawn, desk = ink(self), self._desk
        title: list[Piece] = [("Result", drawn.strong if self.focused_within else drawn.text)]
        if shown is None:
            self.describe(title)
            return
        found = shown.summary
        when = wording.moment(found.accepted_at, desk.clock.now(), desk.zone).strip()
        event = wording.one_line(found.event) if found.event else ""
        between = signs(self).between
        title.append((f" {between} {when}", drawn.text))
        if event:
            title.append((f" {between} {event}", drawn.text))
        self.describe(title, facts=self._outcome(shown), note=self._path(), cost=self._cost(shown))

    def _outcome(self, shown: Shown) -> list[Piece]:
        drawn, glyphs = ink(self), signs(self)
        newer: list[Piece] = [("newer run in progress  ", drawn.warn)] if shown.newer else []
        if shown.live is not None:
            spinner = glyphs.spinner[self._turn % len(glyphs.spinner)]
            took = wording.seconds(shown.live.elapsed_s(self._desk.clock.now()))
            return [*newer, (f"{spinner} {shown.live.phase} {took}", drawn.accent)]
        kind = shown.summary.kind
        if kind is None:
            return [*newer, ("running elsewhere", drawn.accent)]
        style = drawn.dim if kind is OutcomeKind.STOPPED else drawn.of(kind is OutcomeKind.SUCCESS)
        word = wording.outcome(kind)
        if kind is OutcomeKind.SUCCESS and shown.record is not None and shown.record.outcome:
            word = status_code(shown.record.outcome.payload) or word
        if kind is OutcomeKind.ERROR and shown.summary.error_type:
            word = f"{word} {glyphs.between} {wording.one_line(shown.summary.error_type)}"
        return [*newer, (f"{glyphs.outcome(kind)} {word}", style)]

    def _path(self) -> list[Piece]:
        """Where the cursor is in the response."""
        if self.tab is not Tab.RESPONSE or not self.response.has_focus:
            return []
        path = self.response.path
        room = self.size.width // 2
        if not path or path == ".":
            return []
        return [(cut(path, room, signs(self).cut), ink(self).dim)]

    def _cost(self, shown: Shown) -> list[Piece]:
        record = shown.record
        if record is None or record.measurements is None:
            return []
        drawn = ink(self)
        room = self.size.width - 8 - sum(len(text) + 3 for text, _ in self._path())
        return facts_that_fit(_costs(record), signs(self).between, drawn.dim, room)


def _costs(record: InvocationRecord) -> list[str | Piece]:
    """The most telling first."""
    measured = record.measurements
    assert measured is not None, "called for a measured run"
    parts: list[str | Piece] = [
        wording.milliseconds(measured.duration_ms),
        f"billed {measured.billed_ms} ms",
    ]
    if measured.max_memory_bytes is not None:
        parts.append(f"{megabytes(measured.max_memory_bytes)}/{measured.memory_mb} MB")
    if record.cold is not None:
        init = "" if measured.init_ms is None else f" {wording.milliseconds(measured.init_ms)}"
        parts.append(f"cold{init}" if record.cold else "warm")
    parts += [record.acceptance.version, record.acceptance.code_digest[:8]]
    return parts
