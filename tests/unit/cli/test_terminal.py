from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.cli.streams import Stream, output
from workbench.cli.commands.doctor import _text
from workbench.cli.terminal import examine_terminal
from workbench.model.doctor import Finding, Health


@pytest.fixture(autouse=True)
def _window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "36")
    monkeypatch.setenv("TERM", "xterm-256color")


def the_finding(**changes: object) -> Finding:
    out, _, _ = output(terminal=True)
    (finding,) = examine_terminal(replace(out, **changes))  # type: ignore[arg-type] # real fields
    return finding


def test_without_a_terminal_there_is_nothing_to_say() -> None:
    assert examine_terminal(output()[0]) == ()


def test_a_good_terminal_is_described() -> None:
    finding = the_finding()

    assert finding.health is Health.GOOD
    assert finding.detail == "xterm-256color, 120 × 36, utf8"


def test_a_small_window_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "20")

    finding = the_finding()

    assert finding.health is Health.WARNING
    assert finding.cause == "The terminal UI needs 80 × 24."


def test_another_encoding_is_a_warning() -> None:
    stream = Stream(terminal=True)
    stream.reconfigure(encoding="latin-1")

    finding = the_finding(stdout=stream)

    assert finding.health is Health.WARNING
    assert finding.remedy is not None
    assert "UTF-8" in finding.remedy


def test_missing_colours_are_told_and_are_well() -> None:
    finding = the_finding(stdout_styled=False)

    assert finding.health is Health.GOOD
    assert finding.cause is not None


def test_a_finding_is_told_with_its_cause_and_its_remedy() -> None:
    finding = Finding(
        subject="disk", health=Health.BAD, detail="1 MB free", cause="It is full.", remedy="Clean."
    )

    assert _text(finding, styled=False) == "✖ disk: 1 MB free\n    It is full.\n    Clean."
    assert _text(finding, styled=True).startswith("\x1b[31m✖\x1b[0m disk")


def test_a_good_finding_is_one_line() -> None:
    finding = Finding(subject="disk", health=Health.GOOD, detail="9 GB free")

    assert _text(finding, styled=False) == "✔ disk: 9 GB free"
