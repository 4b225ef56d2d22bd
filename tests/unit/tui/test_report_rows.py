from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.tui.values import a_record, after, an_acceptance
from workbench.model.invocation import (
    NO_SPLIT,
    InitSplit,
    InvocationRecord,
    Measurements,
    OutcomeKind,
)
from workbench.tui.glyphs import UNICODE
from workbench.tui.live import LiveRun, Phase
from workbench.tui.report_rows import ReportRow, ended_rows, live_rows


def rows_of(record: InvocationRecord) -> list[ReportRow]:
    return ended_rows(record, glyphs=UNICODE, zone=UTC, code=Path("/code"))


def said(rows: list[ReportRow], label: str) -> str:
    return next("".join(text for text, _ in row.said) for row in rows if row.label == label)


def test_a_cold_start_says_what_it_was_made_of() -> None:
    rows = rows_of(a_record(cold=True))

    assert said(rows, "init") == "174.20 ms"
    assert said(rows, "start") == "❄ cold   388.20 ms in all"
    assert [row.text for row in rows if row.label.startswith("  ")] == [
        "  create     █                        11.50 ms",
        "  start       ██████████             202.50 ms",
        "  boot                  ███           61.00 ms",
        "  import                   ██████    113.20 ms",
    ]


def test_a_start_from_before_its_parts_were_measured_has_the_two_that_were() -> None:
    record = a_record(cold=True)
    assert record.measurements is not None
    rows = rows_of(replace(record, measurements=replace(record.measurements, split=NO_SPLIT)))

    assert [row.text for row in rows if row.label.startswith("  ")] == [
        "  container  ███████████             214.00 ms",
        "  init                  █████████    174.20 ms",
    ]


def test_a_container_that_stood_ready_was_claimed() -> None:
    record = a_record(cold=True)
    assert record.measurements is not None
    split = InitSplit(claim_ms=4.0, boot_ms=1.0, import_ms=15.0)
    rows = rows_of(replace(record, measurements=replace(record.measurements, split=split)))

    assert [row.text for row in rows if row.label.startswith("  ")] == [
        "  claim      ████                      4.00 ms",
        "  boot           █                     1.00 ms",
        "  import          ███████████████     15.00 ms",
    ]


def test_a_cold_start_of_which_nothing_was_measured_is_only_cold() -> None:
    record = a_record(cold=True)
    rows = rows_of(replace(record, measurements=Measurements(duration_ms=1.0)))

    assert said(rows, "start") == "❄ cold"
    assert [row.text for row in rows if row.label.startswith("  ")] == []


@given(st.lists(st.floats(0, 1e6), min_size=4, max_size=4))
@example([0.0, 0.0, 0.0, 2.225073858507e-311])
def test_the_waterfall_stays_in_its_place(parts: list[float]) -> None:
    create, start, boot, imported = parts
    split = InitSplit(create_ms=create, start_ms=start, boot_ms=boot, import_ms=imported)
    record = a_record(cold=True)
    rows = rows_of(replace(record, measurements=Measurements(split=split)))

    bars = ["".join(text for text, _ in row.said[:3]) for row in rows if row.label[:2] == "  "]
    assert [len(bar) for bar in bars] == [20] * 4
    assert all("█" in bar for bar in bars)


def test_a_warm_one_has_nothing_to_say_of_that() -> None:
    labels = [row.label for row in rows_of(a_record())]

    assert "init" not in labels
    assert [label for label in labels if label.startswith("  ")] == []
    assert said(rows_of(a_record()), "start") == "warm"


def test_memory_is_drawn_in_proportion() -> None:
    assert said(rows_of(a_record()), "memory") == "██████████░░░░░░░░░░  64 MB of 128 MB, 50%"


def test_what_was_not_measured_is_unknown() -> None:
    rows = rows_of(a_record(peak=None, cold=None))

    assert said(rows, "memory") == "peak unknown of 128 MB"
    assert said(rows, "cpu") == "unknown"
    assert said(rows, "start") == "unknown"


@pytest.mark.parametrize("peak", [1, 500 * 1024 * 1024])
def test_the_bar_keeps_its_length(peak: int) -> None:
    bar = said(rows_of(a_record(peak=peak)), "memory").split("  ")[0]

    assert len(bar) == 20


def test_a_failure_shows_its_stack_before_its_figures() -> None:
    payload = b'{"stackTrace": ["  File \\"/var/task/app.py\\", line 12, in handler"]}'
    record = a_record(
        kind=OutcomeKind.ERROR, payload=payload, error_type="KeyError", message="no\nsku"
    )
    rows = rows_of(record)

    texts = [row.text for row in rows]
    frame = next(row for row in rows if row.frame is not None)
    assert said(rows, "error") == "KeyError"
    assert texts.index(frame.text) < [row.label for row in rows].index("duration")
    assert "             sku" in texts  # the message's second line


def test_logs_beyond_what_is_kept_are_counted() -> None:
    record = a_record()
    dropped = InvocationRecord(
        acceptance=record.acceptance, outcome=record.outcome, log_bytes_dropped=2_000_000
    )

    assert said(rows_of(dropped), "logs cut") == "2.0 MB beyond what is kept of one run"


def test_a_run_in_progress_shows_its_phases_and_its_deadline() -> None:
    run = LiveRun(
        acceptance=an_acceptance(1),
        phase=Phase.HANDLER,
        since=after(2),
        passed=((Phase.QUEUE, 0.2), (Phase.CONTAINER, 214.0), (Phase.INIT, 174.0)),
        deadline=after(5),
    )

    rows = live_rows(run, now=after(3.4), glyphs=UNICODE)

    assert [row.label for row in rows[:4]] == ["container", "init", "handler", "times out"]
    assert said(rows, "handler") == "1.4 s…"
    assert said(rows, "times out") == "3 s, in 1.6 s"
