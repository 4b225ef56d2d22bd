from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.program import Project


@pytest.fixture
def project(project_folder: Path) -> Project:
    """A project of one function."""
    made = Project(project_folder)
    made.add()
    return made
