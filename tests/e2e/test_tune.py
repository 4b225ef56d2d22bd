"""`workbench tune` with real limits: more CPU is faster, a failure is said, nothing is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.programs import RUNTIME, containers_of, docker_project
from tests.integration.cli.program import Project, interrupt, wait_line

pytestmark = pytest.mark.docker

BURNS = """\
import os, time


def handler(event, context):
    if int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) < event.get("needs", 0):
        raise ValueError("not with so little")
    time.sleep(event.get("sleep", 0))
    until = time.process_time() + event.get("cpu_s", 0)
    while time.process_time() < until:
        pass
    return os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = docker_project(Path(tmp_path_factory.mktemp("tune")) / "project")
    made.add("burns", app=BURNS, runtime=RUNTIME, manifest="timeout_s = 600\n")
    made.event("burns", "small", {"cpu_s": 0.02, "needs": 200})
    return made


@pytest.mark.slow
def test_each_size_is_measured_and_a_failure_is_no_time(project: Project) -> None:
    words = ("tune", "burns", "-e", "small", "--sizes", "128,256,1769", "--runs", "4")
    ended = project.run(*words, "--json", timeout_s=900)

    assert ended.code == 1, "a size failed"
    value = ended.json
    smallest, small, large = value["sizes"]
    assert [each["memory_mb"] for each in value["sizes"]] == [128, 256, 1769]
    assert (smallest["measured"], smallest["p50_ms"]) == (0, None)
    assert smallest["failures"] == ["ValueError: not with so little"] * 2
    assert [each["measured"] for each in (small, large)] == [4, 4]
    assert [each["failures"] for each in (small, large)] == [[], []]
    assert small["p50_ms"] > large["p50_ms"], "20 ms of CPU time at a seventh of a CPU, and at one"
    assert all(each["init_ms"] > 0 and each["cold_ms"] > 0 for each in (small, large))
    assert all(0 < each["max_memory_mb"] <= each["memory_mb"] for each in (small, large))
    assert all(each["init_split"]["start_ms"] > 0 for each in (small, large))
    assert all(each["per_million_usd"] > 0.2 for each in (small, large))
    assert value["fastest"] == 1769
    assert value["cheapest"] in (256, 1769)
    assert "burns at 128 MB: failed: ValueError: not with so little" in ended.err
    assert "prices of " in ended.err
    assert containers_of(project) == []

    history = project.run("history", "burns", "--json", "-n", "100").json
    runs = [run for run in history if run["event"] == "small"]
    assert sorted(run["memory_mb"] for run in runs) == [128] * 2 + [256] * 5 + [1769] * 5
    assert [run["cold"] for run in reversed(runs)].count(True) == 3, "one environment for each size"


def test_the_table_marks_the_best(project: Project) -> None:
    ended = project.run(
        "tune", "burns", "-p", '{"cpu_s": 0.01}', "--sizes", "1769", "--runs", "2", timeout_s=900
    )

    assert ended.code == 0
    titles, row = ended.text.splitlines()
    assert titles.split() == [
        "MEMORY",
        "CPUS",
        "FIRST",
        "CALL",
        "INIT",
        "P50",
        "P95",
        "PEAK",
        "PER",
        "MILLION",
    ]
    assert row.lstrip().startswith("1769 MB  1.00  ")
    assert row.endswith("fastest, cheapest")


def test_control_c_leaves_nothing(project: Project) -> None:
    payload = json.dumps({"sleep": 600})
    with project.running("tune", "burns", "-p", payload, "--sizes", "512") as process:
        wait_line(process, "first call")
        code, said = interrupt(process)

    assert code == 130
    assert "Traceback" not in said
    assert containers_of(project) == []
