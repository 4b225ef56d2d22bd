"""Publishing a layer, killed by SIGKILL before each of its steps, with everything looked at afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.functions import killed_layers

AT_LEAST = {"folder": 60, "zip": 35}
"""Steps there are; fewer would mean that the counting sees nothing."""


@pytest.mark.parametrize("scenario", killed_layers.SCENARIOS)
def test_publishing_a_layer_may_be_killed_at_any_step(scenario: str, tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", killed_layers.__name__, scenario, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert said.returncode == 0, said.stderr
    assert int(said.stdout) >= AT_LEAST[scenario]
