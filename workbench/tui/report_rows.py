"""The report of a run as rows: figures, where it ran, and where it failed.

Only what was measured is shown; what could not be is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path

from workbench.model import report
from workbench.model.invocation import (
    InvocationRecord,
    Measurements,
    Outcome,
    OutcomeKind,
)
from workbench.model.terminal_text import plain, safe
from workbench.tui import wording
from workbench.tui.glyphs import Glyphs
from workbench.tui.live import LiveRun, Phase
from workbench.tui.stack import StackLine, stack_of
from workbench.values import dataclass

Said = tuple[str, str]
"""A text and the name of the ink it is drawn with."""

_BAR_CELLS = 20
_LABEL_CELLS = 13
_MB = 1024 * 1024
_PART_INKS = {
    "container": "dim",
    "claim": "dim",
    "create": "dim",
    "start": "dim",
    "init": "accent",
    "boot": "number",
    "import": "accent",
}
"""Of a cold start: the engine's work, the runtime's, the function's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """One row."""

    label: str = ""
    said: tuple[Said, ...] = ()
    copied: str = ""
    """What copying this row copies; nothing: what it says."""
    frame: StackLine | None = None
    """The stack frame it shows."""
    wide: bool = False
    """It begins at the left, where others have their label."""

    @property
    def text(self) -> str:
        """As it stands in a file."""
        said = "".join(text for text, _ in self.said)
        return said.rstrip() if self.wide else f"{self.label:<{_LABEL_CELLS}}{said}".rstrip()


def ended_rows(
    record: InvocationRecord, *, glyphs: Glyphs, zone: tzinfo | None, code: Path
) -> list[ReportRow]:
    """Of a run that is over. `code` is the folder its code ran from where there is no container."""
    outcome, measured = record.outcome, record.measurements
    rows: list[ReportRow] = []
    if outcome is not None:
        rows += _outcome_rows(outcome, glyphs)
        if not outcome.ok:
            rows += _stack_rows(stack_of(outcome.payload, code))
    if measured is not None:
        rows += _figures(measured, record, glyphs)
    rows.append(ReportRow())
    rows += _identity(record, zone)
    if record.log_bytes_dropped:
        lost = f"{wording.size(record.log_bytes_dropped)} beyond what is kept of one run"
        rows.append(ReportRow(label="logs cut", said=((lost, "warn"),)))
    return rows


def live_rows(run: LiveRun, *, now: datetime, glyphs: Glyphs) -> list[ReportRow]:
    """Of a run in progress: its phases so far."""
    rows = [
        ReportRow(
            label=str(phase),
            said=((wording.milliseconds(took_ms), "text"),),
        )
        for phase, took_ms in run.passed
        if phase is not Phase.QUEUE or took_ms >= 1
    ]
    since = (now - run.since).total_seconds()
    rows.append(
        ReportRow(label=str(run.phase), said=((f"{wording.seconds(since)}{glyphs.cut}", "accent"),))
    )
    if run.deadline is not None:
        left = (run.deadline - now).total_seconds()
        limit = f"{run.acceptance.timeout_s} s, in {wording.seconds(left)}"
        rows.append(ReportRow(label="times out", said=((limit, "dim"),)))
    rows.append(ReportRow())
    rows.append(_request(run.acceptance.request_id))
    return rows


def _outcome_rows(outcome: Outcome, glyphs: Glyphs) -> list[ReportRow]:
    ink = "ok" if outcome.ok else "error"
    if outcome.kind is OutcomeKind.STOPPED:
        ink = "dim"
    sign = f"{glyphs.outcome(outcome.kind)} {wording.outcome(outcome.kind)}"
    rows = [ReportRow(label="outcome", said=((sign, ink),))]
    if outcome.error_type:
        name = wording.one_line(outcome.error_type)
        rows.append(ReportRow(label="error", said=((name, "error"),)))
    message = plain(safe(outcome.error_message or "")).strip()
    for index, line in enumerate(message.split("\n") if message else ()):
        rows.append(
            ReportRow(
                label="" if index else "message",
                said=((line.expandtabs(4), "text"),),
                copied=message,
            )
        )
    return rows


def _figures(measured: Measurements, record: InvocationRecord, glyphs: Glyphs) -> list[ReportRow]:
    rows = [
        ReportRow(
            label="duration",
            said=(
                (f"{measured.duration_ms:.2f} ms", "strong"),
                (f"   billed {measured.billed_ms} ms", "dim"),
            ),
        )
    ]
    rows += _start_rows(measured, record, glyphs)
    if measured.init_ms is not None:
        rows.append(ReportRow(label="init", said=((f"{measured.init_ms:.2f} ms", "text"),)))
    queued = ((f"{measured.queued_ms:.2f} ms", "text"),)
    rows.append(ReportRow(label="queued", said=queued))
    rows.append(ReportRow(label="memory", said=_memory(measured, glyphs)))
    cpu = "unknown" if measured.cpu_ms is None else f"{measured.cpu_ms:.1f} ms"
    rows.append(ReportRow(label="cpu", said=((cpu, "dim" if measured.cpu_ms is None else "text"),)))
    return rows


def _start_rows(
    measured: Measurements, record: InvocationRecord, glyphs: Glyphs
) -> list[ReportRow]:
    """Cold or warm; of a cold start a waterfall: each part begins where the one before it ended."""
    parts = report.cold_start(measured)
    if not record.cold or not parts:
        start = "unknown" if record.cold is None else "cold" if record.cold else "warm"
        sign = f"{glyphs.cold} " if record.cold else ""
        ink = "number" if record.cold else "text"
        return [ReportRow(label="start", said=((f"{sign}{start}", ink),))]
    total_ms = sum(took_ms for _, took_ms in parts)
    rows = [
        ReportRow(
            label="start",
            said=((f"{glyphs.cold} cold", "number"), (f"   {total_ms:.2f} ms in all", "dim")),
        )
    ]
    passed_ms, whole_ms = 0.0, total_ms or 1.0
    for name, took_ms in parts:
        begin = min(round(passed_ms / whole_ms * _BAR_CELLS), _BAR_CELLS - 1)
        passed_ms += took_ms
        cells = max(1, round(passed_ms / whole_ms * _BAR_CELLS) - begin)
        rows.append(
            ReportRow(
                label=f"  {name}",
                said=(
                    (" " * begin, "text"),
                    (glyphs.full * cells, _PART_INKS[name]),
                    (" " * (_BAR_CELLS - begin - cells), "text"),
                    (f"  {took_ms:8.2f} ms", "text"),
                ),
                copied=f"{took_ms:.2f} ms",
            )
        )
    return rows


def _memory(measured: Measurements, glyphs: Glyphs) -> tuple[Said, ...]:
    peak = measured.max_memory_bytes
    if peak is None:
        return (("peak unknown", "dim"), (f" of {measured.memory_mb} MB", "dim"))
    share = min(1.0, peak / (measured.memory_mb * _MB))
    full = max(1, round(share * _BAR_CELLS))
    ink = "error" if share > 0.95 else "warn" if share > 0.85 else "accent"
    return (
        (glyphs.full * full, ink),
        (glyphs.empty * (_BAR_CELLS - full), "faint"),
        (f"  {report.megabytes(peak)} MB", "strong"),
        (f" of {measured.memory_mb} MB, {share:.0%}", "dim"),
    )


def _identity(record: InvocationRecord, zone: tzinfo | None) -> list[ReportRow]:
    accepted = record.acceptance
    at = f"{accepted.accepted_at.astimezone(zone):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    code = accepted.code_digest[:12]
    rows = [
        _request(accepted.request_id),
        ReportRow(
            label="version",
            said=((accepted.version, "text"), (f"   code {code}", "dim")),
        ),
    ]
    if record.environment_id is not None:
        said = ((record.environment_id, "text"),)
        rows.append(ReportRow(label="environment", said=said))
    rows.append(ReportRow(label="accepted", said=((at, "text"),)))
    timeout = f"{accepted.timeout_s} s"
    rows.append(ReportRow(label="timeout", said=((timeout, "text"),)))
    event = wording.one_line(accepted.event) if accepted.event else "none"
    event_said = ((event, "text"), (f"   {wording.size(len(accepted.payload))}", "dim"))
    rows.append(ReportRow(label="event", said=event_said))
    rows.append(ReportRow(label="asked by", said=((str(accepted.origin), "text"),)))
    return rows


def _request(request_id: str) -> ReportRow:
    return ReportRow(label="request", said=((request_id, "text"),), copied=request_id)


def _stack_rows(stack: Sequence[StackLine]) -> list[ReportRow]:
    if not stack:
        return []
    rows = [ReportRow()]
    rows += [
        ReportRow(
            said=((line.text, "text" if line.own else "dim"),),
            copied=line.text.strip(),
            frame=line if line.file is not None else None,
            wide=True,
        )
        for line in stack
    ]
    return [*rows, ReportRow()]
