"""Projects to play on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.tui import projects


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of eight functions, and the folder one is in."""
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    root = projects.shop(tmp_path)
    monkeypatch.chdir(root)
    return root
