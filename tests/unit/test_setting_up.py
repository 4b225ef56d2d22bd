"""The set-up runs beside the tests that need no engine; the others wait for it, and fail where it has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LEADER = """
import sys
from tests import setting_up

setting_up.COMMAND = (sys.executable, "-c", PROGRAM)
from tests.setting_up import pytest_configure

def pytest_collection_modifyitems(config, items):
    from tests.ordering import dealt
    items[:] = dealt(items, getattr(config, "workerinput", {"workercount": 1})["workercount"])
"""
SETS_UP = """
import os, sys, time
print("Building an image.", flush=True)
print("  step 1", flush=True)
while not os.path.exists("alone"):
    time.sleep(0.01)
open("made", "w").close()
sys.exit(CODE)
"""
TESTS = """
import os
import pytest

def test_alone():
    assert not os.path.exists("made")
    open("alone", "w").close()

@pytest.mark.docker
def test_in_a_container():
    assert os.path.exists("made")
"""


def ran(folder: Path, code: int, *options: str) -> str:
    (folder / "conftest.py").write_text(
        LEADER.replace("PROGRAM", repr(SETS_UP.replace("CODE", str(code))))
    )
    (folder / "test_some.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = docker: x\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:randomly",
            *options,
            "--rootdir",
            folder,
            folder,
        ],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("options", [(), ("-n", "2", "--dist", "worksteal")], ids=["one", "two"])
def test_tests_of_the_engine_wait_for_it_and_no_others(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    said = ran(tmp_path, 0, *options)

    assert "2 passed" in said
    assert "Building an image." in said
    assert "step 1" not in said


def test_a_set_up_that_fails_is_told_and_fails_them(tmp_path: Path) -> None:
    said = ran(tmp_path, 3)

    assert "1 passed, 1 error" in said
    assert "the set-up has failed (exit code 3): see above" in said
    assert "step 1" in said
