"""kill -9 before any step of the code store's work: what is left is used, or swept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.functions.killed_code import SCENARIOS

ROOT = Path(__file__).parents[3]
AT_LEAST = {
    "scenario": 10,
    "packaging": 20,
    "publishing": 10,
    "unpacking": 20,
    "uploading": 20,
    "mending": 20,
    "merging": 30,
    "pruning": 15,
}
"""Points; fewer would mean that they are not seen any more."""


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_anywhere_the_store_goes_on(scenario: str, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.integration.functions.killed_code"]
    ended = subprocess.run(
        [*program, scenario, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) >= AT_LEAST[scenario]
