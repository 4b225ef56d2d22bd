"""Importing, and undoing that, killed by SIGKILL before each step, with everything looked at afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.functions import killed_transfer

AT_LEAST = {"import": 40, "undo": 15}
"""Steps there are; fewer would mean that the counting sees nothing."""


@pytest.mark.slow
@pytest.mark.parametrize("what", AT_LEAST)
def test_importing_may_be_killed_at_any_step(what: str, tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", killed_transfer.__name__, tmp_path, what],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert said.returncode == 0, said.stderr
    assert int(said.stdout) >= AT_LEAST[what]
