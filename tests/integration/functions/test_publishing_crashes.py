"""Publishing, killed by SIGKILL before each of its steps, with everything looked at afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.functions import killed_publishing

AT_LEAST = 15
"""Steps there are; fewer would mean that the counting sees nothing."""


@pytest.mark.slow
def test_publishing_may_be_killed_at_any_step(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", killed_publishing.__name__, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert said.returncode == 0, said.stderr
    assert int(said.stdout) >= AT_LEAST
