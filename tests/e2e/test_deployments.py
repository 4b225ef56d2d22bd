"""Deployments on the real engine: hooks that report with boto3 from their containers, and an alarm that
puts the traffic back.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.programs import RUNTIME, containers_of, docker_project
from tests.integration.cli.program import Project

pytestmark = pytest.mark.docker

APP = """\
def handler(event, context):
    return context.function_version
"""
BROKEN = """\
def handler(event, context):
    raise ValueError("the new version is broken")
"""

HOOK = """\
import json
import urllib.error
import urllib.request

import boto3
from botocore.exceptions import ClientError


def handler(event, context):
    client = boto3.client("codedeploy")

    def report(execution):
        return client.put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"],
            lifecycleEventHookExecutionId=execution,
            status="Succeeded",
        )

    try:
        report("another's")
    except ClientError as error:
        print("refused:", error.response["Error"]["Code"])
    answer = report(event["LifecycleEventHookExecutionId"])
    print("taken:", answer["lifecycleEventHookExecutionId"] == event["LifecycleEventHookExecutionId"])
    try:
        report(event["LifecycleEventHookExecutionId"])
    except ClientError as error:
        print("refused:", error.response["Error"]["Code"])
"""

STRANGER = """\
import json
import urllib.error
import urllib.request


def handler(event, context):
    request = urllib.request.Request(
        "http://127.0.0.1:9001",
        json.dumps(event).encode(),
        {"X-Amz-Target": "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"},
    )
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["__type"]
"""


def bring_boto3(folder: Path) -> None:
    """The one of the tests, with no more of its data than a hook needs: no network is asked."""
    for name in ("boto3", "botocore", "jmespath", "s3transfer", "dateutil", "urllib3"):
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        source = Path(found.origin).parent

        def left_out(at: str, names: list[str]) -> set[str]:
            if Path(at).name != "data" or "botocore" not in at:
                return {"__pycache__"}
            return {each for each in names if "." not in each and each != "codedeploy"}

        shutil.copytree(source, folder / name, ignore=left_out)
    six = importlib.util.find_spec("six")
    assert six is not None
    assert six.origin is not None
    shutil.copy(six.origin, folder)


def publish_two(project: Project, second: str) -> None:
    """Versions 1 and 2 of `orders`, and an alias that leads to the first."""
    project.run("publish", "orders", timeout_s=900)
    (project.root / "orders" / "app.py").write_text(second)
    assert project.run("publish", "orders", timeout_s=900).text.strip() == "2"
    assert project.run("alias", "create", "orders:live", "1").code == 0


def call(address: str) -> tuple[str, Any]:
    """The executed version of a call of the alias, and its answer."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)
    try:
        connection.request("POST", "/2015-03-31/functions/orders:live/invocations", body=b"{}")
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.headers["X-Amz-Executed-Version"], json.loads(answer.read())
    finally:
        connection.close()


def newest(project: Project) -> dict[str, Any]:
    listed: list[dict[str, Any]] = project.run("deployments", "--json").json
    return listed[0]


@pytest.mark.slow
def test_hooks_report_from_their_containers_with_boto3(tmp_path: Path) -> None:
    project = docker_project(tmp_path / "project")
    project.add("orders", app=APP, runtime=RUNTIME)
    slow = "memory_mb = 512\ntimeout_s = 120\n"  # boto3 is megabytes to import
    bring_boto3(project.add("check", app=HOOK, runtime=RUNTIME, manifest=slow))
    project.add("stranger", app=STRANGER, runtime=RUNTIME)
    publish_two(project, APP + "# two\n")

    ended = project.run(
        *("deploy", "orders", "--alias", "live", "--to", "2", "--strategy", "linear:50%:1s"),
        *("--pre-hook", "check", "--post-hook", "check", "--json"),
        timeout_s=900,
    )

    assert ended.code == 0, ended.err
    assert [event["status"] for event in ended.json["events"]] == ["Succeeded"] * 3
    assert [move["weight"] for move in ended.json["moves"] if "gets" in move["reason"]] == [0.5, 1]
    logs = project.run("logs", "check").text
    assert logs.count("refused: AccessDeniedException") == 2, logs
    assert logs.count("taken: True") == 2
    assert logs.count("refused: LifecycleEventAlreadyCompletedException") == 2, logs
    answer = project.run("alias", "show", "orders:live", "--json").json
    assert (answer["version"], answer["additional_version_weights"]) == ("2", {})

    # Whoever was not asked does not report, though it knows the ids.
    event = {
        "deploymentId": ended.json["id"],
        "lifecycleEventHookExecutionId": "x",
        "status": "Failed",
    }
    told = project.run("invoke", "stranger", "-p", json.dumps(event), timeout_s=900)
    assert told.json == "AccessDeniedException"
    assert containers_of(project) == []


def test_an_alarm_over_the_aliass_own_traffic_puts_it_back(tmp_path: Path) -> None:
    project = docker_project(tmp_path / "project")
    project.add("orders", app=APP, runtime=RUNTIME)
    publish_two(project, BROKEN)

    with project.serving() as (_, address):
        assert call(address) == ("1", "1")
        asked = project.run(
            *("deploy", "orders:live", "--to", "2", "--strategy", "canary:50%:30m"),
            *("--alarm", "error-rate>20%", "--alarm-after", "5", "--detach"),
        )
        assert asked.code == 0, asked.err
        executed: Counter[str] = Counter()
        for _ in range(2000):
            version, answer = call(address)
            executed[version] += 1
            assert version == "1" or answer["errorType"] == "ValueError"
            if executed.total() % 20 == 0 and newest(project)["status"] == "Stopped":
                break
        assert {call(address)[0] for _ in range(20)} == {"1"}

    ended = newest(project)
    assert (ended["status"], ended["error_code"]) == ("Stopped", "ALARM_ACTIVE")
    assert ended["rolled_back"]
    assert ended["why"].startswith("Alarm error-rate>20%: it is 100% over ")
    assert executed["2"] >= 5
    shown = project.run("deployments", "--show", ended["id"], "--json").json
    assert shown["traffic"]["2"]["errors"] == shown["traffic"]["2"]["calls"] == executed["2"]
    assert [change["kind"] for change in project.run("changes", "--json").json[:2]] == ["shift"] * 2
