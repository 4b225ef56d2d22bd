"""The samples do what they say: every saved event replayed by the whole program, as in CI."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.programs import containers_of, docker_project
from tests.integration.cli.program import RUNTIME as LOCAL_PYTHON
from tests.integration.cli.program import Ended, Project

SAMPLES = Path(__file__).parents[2] / "sample_functions"
EVENTS = sorted((path.parent.parent.name, path.stem) for path in SAMPLES.glob("*/events/*.json"))


@pytest.fixture(scope="module")
def in_containers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Ended]:
    """One replay of all of them."""
    project = docker_project(a_copy(tmp_path_factory.mktemp("samples")))
    return project, project.run("replay", "--json", "--junit", "report.xml", timeout_s=900)


@pytest.mark.docker
def test_every_event_is_answered_as_expected(in_containers: tuple[Project, Ended]) -> None:
    _, ended = in_containers

    verdicts = ended.json
    assert [(v["function"], v["event"]) for v in verdicts if not v["as_expected"]] == []
    assert sorted((v["function"], v["event"]) for v in verdicts) == EVENTS
    assert ended.code == 0
    assert f"{len(EVENTS)} of {len(EVENTS)} as expected" in ended.err
    assert "No isolation" not in ended.err


@pytest.mark.docker
def test_no_container_is_left(in_containers: tuple[Project, Ended]) -> None:
    project, _ = in_containers

    assert containers_of(project) == []


@pytest.mark.docker
def test_the_junit_report_has_every_event(in_containers: tuple[Project, Ended]) -> None:
    project, _ = in_containers

    report = ET.parse(project.root / "report.xml").getroot()
    cases = [(case.get("classname"), case.get("name")) for case in report.iter("testcase")]
    assert sorted(cases) == EVENTS
    assert (report.get("failures"), report.get("errors")) == ("0", "0")
    assert all(float(case.get("time", "-1")) > 0 for case in report.iter("testcase"))
    assert all(case.find("system-out") is not None for case in report.iter("testcase"))


# --- without containers -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def locally(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One replay of them all; those for another Python than the one that is here are made its."""
    root = a_copy(tmp_path_factory.mktemp("samples"))
    for manifest in root.glob("*/function.toml"):
        manifest.write_text(re.sub(r"python3\.\d+", LOCAL_PYTHON, manifest.read_text()))
    return Project(root).run("replay", "--json", timeout_s=300)


def test_without_containers_the_same_events_get_the_same_verdicts(locally: Ended) -> None:
    wrong = [v for v in locally.json if v["run"] is not None and not v["as_expected"]]

    assert [(v["function"], v["event"], v["mismatches"]) for v in wrong] == []
    assert sorted((v["function"], v["event"]) for v in locally.json) == EVENTS
    ran = {v["function"] for v in locally.json if v["run"] is not None}
    assert ran >= {"hello-python", "memory-hog", "orders", "shell-custom", "slow-lane"}


def test_without_containers_too_much_memory_ends_the_function_and_not_the_machine(
    locally: Ended,
) -> None:
    (hog,) = (verdict(locally, "memory-hog", "too-much"),)

    assert hog["run"]["outcome"] == "out_of_memory"
    assert hog["run"]["error"]["type"] == "Runtime.OutOfMemory"


def test_what_cannot_run_says_which_interpreter_is_missing(tmp_path: Path) -> None:
    project = Project(a_copy(tmp_path))
    missing = "python3.13" if LOCAL_PYTHON == "python3.11" else "python3.11"
    name = "hello-python"
    manifest = project.root / name / "function.toml"
    manifest.write_text(re.sub(r"python3\.\d+", missing, manifest.read_text()))

    ended = project.run("replay", name, "--json", path="/nowhere")

    assert ended.code == 3
    for found in ended.json:
        assert found["run"] is None
        assert f"{missing} needs an interpreter whose version begins with" in found["error"]
        assert "found: nothing. Install one, or start a container engine" in found["error"]
    assert "No isolation" in ended.err


def verdict(replay: Ended, function: str, event: str) -> Any:
    """That of one event."""
    (found,) = (v for v in replay.json if (v["function"], v["event"]) == (function, event))
    return found


def a_copy(folder: Path) -> Path:
    """The samples in a folder of their own, as somebody who has just cloned them has them."""
    copy = folder / "samples"
    shutil.copytree(SAMPLES, copy, ignore=shutil.ignore_patterns(".workbench"))
    return copy
