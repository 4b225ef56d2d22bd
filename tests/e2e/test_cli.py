"""The command line over real containers: what it prints, and what it leaves behind."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests.e2e.programs import RUNTIME, containers_of, docker_project, wait_no_containers
from tests.integration.cli.program import Project, interrupt, wait_line
from tests.unit.cli.test_values import KEYS

pytestmark = pytest.mark.docker

SLEEP = ("invoke", "slow", "-p", '{"sleep": 600}')


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = docker_project(tmp_path / "project")
    made.add("orders", runtime=RUNTIME, manifest="timeout_s = 2\n")
    made.add("slow", runtime=RUNTIME, manifest="timeout_s = 900\n")
    return made


def test_invoke_brings_the_answer_of_a_container(project: Project) -> None:
    ended = project.run("invoke", "orders", "-p", '{"a": 1}', timeout_s=900)

    assert (ended.code, ended.out) == (0, b'{"answer": {"a": 1}}')
    assert 'asked for {"a": 1}' in ended.err
    report, start = ended.err.splitlines()[-2:]
    assert report.startswith("REPORT RequestId: ")
    assert re.fullmatch(r"Cold start: create .+ms, start .+s, boot .+s, import .+s", start)
    assert "No isolation" not in ended.err
    assert containers_of(project) == []


def test_json_has_every_figure_measured(project: Project) -> None:
    value = project.run("invoke", "orders", "-p", '{"a": 1}', "--json", timeout_s=900).json

    assert list(value) == KEYS
    assert (value["outcome"], value["response"], value["cold"]) == (
        "success",
        {"answer": {"a": 1}},
        True,
    )
    assert value["init_ms"] > 0
    split = value["init_split"]
    assert all(split[part] > 0 for part in ("create_ms", "start_ms", "boot_ms", "import_ms"))
    assert value["cpu_ms"] > 0
    assert 0 < value["max_memory_mb"] <= value["memory_mb"]
    assert value["billed_ms"] >= value["duration_ms"]


@pytest.mark.parametrize(
    ("payload", "outcome", "error_type"),
    [
        ('{"fail": "no"}', "error", "ValueError"),
        ('{"exit": 3}', "exit", "Runtime.ExitError"),
        ('{"sleep": 60}', "timeout", "Sandbox.Timedout"),
    ],
)
def test_a_function_that_fails_ends_with_1(
    project: Project, payload: str, outcome: str, error_type: str
) -> None:
    ended = project.run("invoke", "orders", "-p", payload, "--json", timeout_s=900)

    assert (ended.code, ended.json["outcome"]) == (1, outcome)
    assert ended.json["error"]["type"] == error_type


def test_start_without_a_terminal_replays_every_event(project: Project) -> None:
    project.event("orders", "fails", {"fail": "no"}, 'error_type = "ValueError"')
    project.event("orders", "works", {"a": 1}, '[response]\n"answer.a" = 1')

    ended = project.run("start", timeout_s=900)

    assert ended.code == 0, ended.err
    assert len(re.findall("✔ +orders", ended.text)) == 2
    assert containers_of(project) == []


def test_control_c_leaves_no_container(project: Project) -> None:
    with project.running(*SLEEP) as process:
        wait_line(process, "asked for")
        assert len(containers_of(project)) == 1
        code, said = interrupt(process)

    assert (code, containers_of(project)) == (130, [])
    assert "Traceback" not in said


async def test_a_second_control_c_leaves_no_container_either(project: Project) -> None:
    (project.root / "workbench.toml").write_text("[timeouts]\ndrain_s = 600\n")
    with project.running(*SLEEP) as process:
        wait_line(process, "asked for")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        await wait_no_containers(project)


def test_sigterm_leaves_no_container(project: Project) -> None:
    with project.running(*SLEEP) as process:
        wait_line(process, "asked for")
        process.terminate()
        process.communicate(timeout=30)

    assert (process.returncode, containers_of(project)) == (143, [])


def test_after_kill_9_the_next_start_leaves_none(project: Project) -> None:
    with project.running(*SLEEP) as process:
        wait_line(process, "asked for")
        process.kill()
        process.wait(timeout=30)
    ended = project.run("invoke", "orders")

    assert (ended.code, containers_of(project)) == (0, [])
    (killed,) = [run for run in project.run("history", "--json").json if run["function"] == "slow"]
    assert killed["outcome"] == "lost"


def test_ps_shows_the_container_and_down_removes_it(project: Project) -> None:
    with project.running(*SLEEP) as process:
        wait_line(process, "asked for")
        (environment,) = project.run("ps", "--json").json
        assert containers_of(project) == [f"/{environment['container']}"]
        ended = project.run("down")
        process.wait(timeout=30)

    assert ended.code == 0
    assert containers_of(project) == []


def test_a_build_that_fails_is_told_in_the_tools_own_words(project: Project) -> None:
    (project.root / "orders" / "requirements.txt").write_text("no-such-package-here==1.0\n")

    ended = project.run("invoke", "orders", timeout_s=900)

    assert ended.code == 3
    assert "no-such-package-here" in ended.err
    assert "Traceback" not in ended.err


def test_several_workbenches_share_a_project(project: Project) -> None:
    with project.serving() as (_, address):
        ended = project.run("invoke", "orders", "-p", "7")

        assert json.loads(ended.out) == {"answer": 7}
        assert address.startswith("http://127.0.0.1:")
    assert project.run("history", "--json").json[0]["outcome"] == "success"


def test_after_doctor_fix_nothing_keeps_functions_from_running(project: Project) -> None:
    ended = project.run("doctor", "--fix", "--json", timeout_s=900)

    found = {each["subject"]: each["health"] for each in ended.json}
    assert ended.code == 0, ended.err
    assert found["engine"] == found["supervisor"] == found[f"image {RUNTIME}"] == "good"
    assert "bad" not in found.values()
