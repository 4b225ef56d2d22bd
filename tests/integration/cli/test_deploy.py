"""`workbench deploy`, `deployments`: what they say, and processes that are killed meanwhile."""

from __future__ import annotations

import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.program import Project, wait_line

APP = """\
def handler(event, context):
    return context.function_version
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every test has a copy of."""
    made = Project(tmp_path_factory.mktemp("prepared"))
    folder = made.add("orders", app=APP)
    made.run("publish", "orders")
    (folder / "app.py").write_text(APP + "# two\n")
    assert made.run("publish", "orders").text.strip() == "2"
    assert made.run("alias", "create", "orders:live", "1").code == 0
    return made.root


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Project:
    """A function with two versions, and an alias that leads to the first."""
    return Project(shutil.copytree(prepared, tmp_path / "project"))


def alias(project: Project) -> tuple[str, dict[str, float]]:
    shown = project.run("alias", "show", "orders:live", "--json").json
    return shown["version"], shown["additional_version_weights"]


def newest(project: Project) -> dict[str, Any]:
    listed: list[dict[str, Any]] = project.run("deployments", "orders", "--json").json
    return listed[0]


def call(address: str, target: str) -> None:
    request = urllib.request.Request(
        f"{address}/2015-03-31/functions/{target}/invocations", data=b"{}", method="POST"
    )
    urllib.request.urlopen(request, timeout=60).close()


def test_the_traffic_moves_while_one_looks_on(project: Project) -> None:
    ended = project.run("deploy", "orders", "--alias", "live", "--to", "2")

    assert ended.code == 0
    (line,) = ended.text.splitlines()
    assert line.endswith(" Succeeded")
    assert "goes from 1 to 2, CodeDeployDefault.LambdaAllAtOnce" in ended.err
    assert ended.err.count("AllowTraffic: 2 gets 100%.") == 1
    assert alias(project) == ("2", {})
    assert "Succeeded" in project.run("deployments").text

    undone = project.run("undo")
    assert undone.code == 0, undone.err
    assert alias(project) == ("1", {})


def test_a_hook_that_fails_keeps_the_traffic_where_it_is(project: Project) -> None:
    project.add("check", app="def handler(event, context):\n    raise ValueError('no')\n")
    ended = project.run("deploy", "orders:live", "--to", "2", "--pre-hook", "check", "--json")

    assert ended.code == 1
    value = ended.json
    assert (value["status"], value["error_code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert value["why"] == "The hook check failed: ValueError: no"
    assert alias(project) == ("1", {})


def test_killed_it_waits_and_whoever_comes_next_goes_on(project: Project) -> None:
    with project.running(
        "deploy", "orders:live", "--to", "2", "--strategy", "linear:30%:2s"
    ) as one:
        wait_line(one, "2 gets 30%.")
        one.send_signal(signal.SIGKILL)
        one.wait()
    found = newest(project)
    assert found["status"] == "InProgress"
    assert alias(project)[1]["2"] in (0.3, 0.6)
    refused = project.run("undo")
    assert refused.code == 2
    assert f"workbench deploy stop {found['id']}" in refused.err

    with project.serving():  # a workbench that stays takes it over by itself
        while newest(project)["status"] == "InProgress":
            pass
    ended = newest(project)
    assert (ended["id"], ended["status"]) == (found["id"], "Succeeded")
    assert alias(project) == ("2", {})


def deploy(project: Project, *words: str) -> str:
    """Ask for a deployment, and leave it to whoever runs; its id."""
    asked = project.run("deploy", "orders:live", *words, "--detach")
    assert asked.code == 0, asked.err
    return asked.text.strip()


def steps(process: subprocess.Popen[bytes], deployment: str) -> list[str]:
    """What is said of a deployment until its end."""
    said: list[str] = []
    while not said or not said[-1].startswith("End: "):
        line = wait_line(process, deployment).rstrip("\n")
        said.append(line.removeprefix(f"{deployment} orders:live: "))
    return said


def test_who_serves_says_each_step_that_it_takes(project: Project) -> None:
    project.add("check", app="def handler(event, context):\n    raise ValueError('no')\n")
    (project.root / "orders" / "app.py").write_text("def handler(e, c):\n    raise ValueError\n")
    assert project.run("publish", "orders").text.strip() == "3"

    with project.serving() as (process, address):
        refused = steps(process, deploy(project, "--to", "2", "--pre-hook", "check"))
        moved = steps(process, deploy(project, "--to", "2", "--strategy", "linear:50%:1s"))
        alarm = ("--alarm", "error-rate>5%", "--alarm-after", "1")
        failing = deploy(project, "--to", "3", "--strategy", "canary:99%:1h", *alarm)
        wait_line(process, f"{failing} orders:live: AllowTraffic: 3 gets 99%.")
        for _ in range(20):
            call(address, "orders:live")
        alarmed = steps(process, failing)

    assert refused == [
        "Start: 1 to 2, CodeDeployDefault.LambdaAllAtOnce.",
        "BeforeAllowTraffic: check is asked.",
        "End: The hook check failed: ValueError: no",
    ]
    assert moved == [
        "Start: 1 to 2, linear:50%:1s.",
        "BeforeAllowTraffic: There is no hook.",
        "AllowTraffic: 2 gets 50%.",
        "AllowTraffic: 2 gets 100%.",
        "AfterAllowTraffic: There is no hook.",
        "End: It succeeded.",
    ]
    (end,) = alarmed
    assert end.startswith("End: Alarm error-rate>5%: it is 100% over ")
    assert end.endswith(" Rolled back to 2 100%.")


def test_stopping_one_that_nobody_drives_drives_it_to_its_end(project: Project) -> None:
    asked = project.run(
        "deploy", "orders:live", "--to", "2", "--strategy", "canary:10%:1h", "--detach"
    )
    deployment = asked.text.strip()
    assert "No workbench runs on this project that could drive it" in asked.err

    stopped = project.run("deploy", "stop", deployment)
    assert stopped.code == 0
    assert stopped.text.strip() == f"{deployment} Stopped"
    assert alias(project) == ("1", {})
    assert project.run("deploy", "stop", deployment).code == 0, "it has ended: nothing to do"


REFUSED = {
    ("stop",): "deploy stop ID",
    ("orders",): "deploy orders --alias live --to 8",
    ("orders:live", "--to", "1"): "leads to 1 already",
    ("orders:live", "--to", "2", "--strategy", "slowly"): "is no strategy",
    ("stop", "d-ABC123XYZ"): "There is no deployment d-ABC123XYZ",
    ("report", "d-ABC123XYZ", "x", "Fine"): "report Succeeded or Failed",
}


def test_what_cannot_be_done_is_refused_plainly(project: Project) -> None:
    ended = {words: project.run("deploy", *words) for words in REFUSED}

    assert {words: each.code for words, each in ended.items()} == dict.fromkeys(REFUSED, 2)
    assert [words for words, said in REFUSED.items() if said not in ended[words].err] == []
