"""Nobody's own folders are touched by the suite: what a fixture of a module sees is nobody's too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workbench.config.locations import cache_folder, keys_folder, runtime_folder

_PRINT = "from workbench.config.locations import *; print(keys_folder(), cache_folder(), runtime_folder())"


@pytest.fixture(scope="module")
def folders_of_a_module() -> tuple[Path, ...]:
    """Where a fixture that is made before any test of its module keeps things."""
    return keys_folder(), cache_folder(), runtime_folder()


@pytest.fixture(scope="module")
def folders_of_a_program() -> tuple[Path, ...]:
    """The same for a program that it starts."""
    said = subprocess.run(
        [sys.executable, "-c", _PRINT], capture_output=True, check=True, text=True
    )
    return tuple(Path(each) for each in said.stdout.split())


def test_keys_and_caches_are_in_nobodys_home(
    folders_of_a_module: tuple[Path, ...],
    folders_of_a_program: tuple[Path, ...],
    nobodys_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    keys, cache, _ = folders_of_a_module

    assert nobodys_home.is_relative_to(tmp_path_factory.getbasetemp())
    assert keys == nobodys_home / ".local/share/workbench/keys"
    assert cache == nobodys_home / ".cache/workbench"
    assert folders_of_a_program == folders_of_a_module
    assert (keys_folder(), cache_folder(), runtime_folder()) == folders_of_a_module
