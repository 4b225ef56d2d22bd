"""The samples are sound: a person learns from them, and e2e tests run them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from workbench.config.discovery import ProjectFiles, read_project
from workbench.config.events import EventFiles
from workbench.config.runtimes import load_runtimes, runtimes_folder

ROOT = Path(__file__).parents[2] / "sample_functions"


@pytest.fixture(scope="module")
def samples() -> ProjectFiles:
    return read_project(ROOT, runtimes=load_runtimes(runtimes_folder()))


def test_nothing_is_wrong_with_them(samples: ProjectFiles) -> None:
    events = EventFiles(ROOT, ROOT / ".workbench" / "trash")
    project = samples.project

    assert [str(problem) for problem in project.problems] == []
    for function in project.functions:
        assert [str(p) for p in (*function.problems, *events.problems(function))] == []


def test_every_event_says_what_is_expected_of_it(samples: ProjectFiles) -> None:
    events = EventFiles(ROOT, ROOT / ".workbench" / "trash")

    for function in samples.project.functions:
        found = events.list(function)
        assert len(found) >= 2, function.name
        assert [event.name for event in found if not event.expected] == []


def test_every_runtime_has_one(samples: ProjectFiles) -> None:
    shown = {f.configuration.runtime for f in samples.project.functions if f.configuration}

    assert shown == set(load_runtimes(runtimes_folder()))


def test_they_show_a_failure_of_every_kind_that_is_expected(samples: ProjectFiles) -> None:
    events = EventFiles(ROOT, ROOT / ".workbench" / "trash")
    outcomes = {
        str(events.expectation(function, name).outcome)
        for function in samples.project.functions
        for name in function.events
    }

    assert outcomes >= {"success", "error", "timeout", "out_of_memory"}


def test_they_show_a_masked_secret_and_a_layer_that_wins(samples: ProjectFiles) -> None:
    variables = [
        variable
        for function in samples.project.functions
        if function.configuration is not None
        for variable in function.configuration.variables
    ]

    assert any(variable.secret for variable in variables)
    assert any(variable.overrides for variable in variables)


def test_every_one_says_what_it_is(samples: ProjectFiles) -> None:
    for function in samples.project.functions:
        assert function.configuration is not None
        assert function.configuration.description


def test_lock_files_name_no_registry() -> None:
    for path in ROOT.rglob("package-lock.json"):
        packages = json.loads(path.read_text())["packages"]
        assert not any("resolved" in package for package in packages.values())
        assert all("integrity" in package for name, package in packages.items() if name)


def test_bootstrap_can_be_executed() -> None:
    assert os.access(ROOT / "shell-custom" / "bootstrap", os.X_OK)
