from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.fakes.clock import EPOCH
from workbench.cli.crash import write_report


def an_error() -> BaseException:
    secret = "hunter2"  # noqa: F841 - a value that must not be in the report
    with pytest.raises(KeyError) as raised:
        dict[str, str]()["missing"]
    return raised.value


def test_a_report_holds_the_traceback_and_no_values(tmp_path: Path) -> None:
    variables = {"XDG_STATE_HOME": str(tmp_path), "SECRET": "hunter2"}

    report = write_report(an_error(), command="invoke", at=EPOCH, variables=variables)

    assert report is not None
    assert report.parent == tmp_path / "workbench"
    text = report.read_text()
    assert "workbench invoke" in text
    assert "KeyError: 'missing'" in text
    assert "an_error" in text
    assert "hunter2" not in text.replace('secret = "hunter2"', "")


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    report = write_report(an_error(), command=None, at=EPOCH, variables={"HOME": str(tmp_path)})

    assert report is not None
    assert report.is_relative_to(tmp_path / ".local/state/workbench")
    assert stat.S_IMODE(report.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("home", ["", "relative", "/proc/nowhere"])
def test_without_a_usable_home_it_goes_to_the_temporary_folder(home: str) -> None:
    report = write_report(an_error(), command="ls", at=EPOCH, variables={"HOME": home})

    assert report is not None
    report.unlink()
