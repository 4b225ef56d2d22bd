"""One history, several processes: what one ran the others see, and what a killed one began has an end."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.programs import (
    RUNTIME,
    containers_by_instance,
    containers_of,
    docker_project,
    wait_named,
    wait_no_containers,
)
from tests.integration.cli.program import Project, interrupt
from workbench.store.instances import live_instances

pytestmark = pytest.mark.docker

APP = """\
import os, time

def handler(event, context):
    print("began", event, flush=True)
    if event == "wait":
        while not os.path.exists("/var/task/go"):
            time.sleep(0.01)
    if event == "fail":
        raise ValueError("no")
    return [event, context.aws_request_id]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = docker_project(tmp_path / "project")
    made.add("orders", app=APP, runtime=RUNTIME, manifest="timeout_s = 900\n")
    return made


class Call:
    """An invocation over HTTP whose answer is taken when it is wanted."""

    def __init__(self, address: str, event: str) -> None:
        self._connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)
        path = "/2015-03-31/functions/orders/invocations"
        self._connection.request("POST", path, body=json.dumps(event))

    def answer(self) -> tuple[str, Any]:
        """Request id and payload."""
        try:
            response = self._connection.getresponse()
            assert response.status == 200
            return response.headers["x-amzn-RequestId"], json.load(response)
        finally:
            self._connection.close()


def invoke(address: str, event: str) -> tuple[str, Any]:
    return Call(address, event).answer()


def history(project: Project) -> dict[str, Any]:
    """All runs by their ids, as another process lists them."""
    found = project.run("history", "--json", "-n", "1000").json
    by_id = {run["request_id"]: run for run in found}
    assert len(by_id) == len(found)
    return by_id


def wait_running(project: Project) -> str:
    """The id of the one run in progress, when its handler is known to have begun."""
    for _ in range(100):  # each look is a process of its own: that is wait enough
        began = [line for line in logs(project) if line["text"] == "began wait"]
        if began:
            return str(began[0]["request_id"])
    raise AssertionError("its log line was never seen")


def logs(project: Project) -> list[Any]:
    printed = project.run("logs", "--json", "-n", "10000").text
    return [json.loads(line) for line in printed.splitlines()]


def let_go(project: Project) -> None:
    """Open the gate that the handler waits at, in every copy of its code."""
    state = project.root / ".workbench"
    for tree in (*state.glob("code/*/app.py"), *state.glob("cells/*/*/app.py")):
        (tree.parent / "go").touch()


def test_another_process_sees_what_serve_ran_and_what_it_runs(project: Project) -> None:
    with project.serving() as (_, address):
        done, answer = invoke(address, "one")
        failed, _ = invoke(address, "fail")
        waiting = Call(address, "wait")
        running = wait_running(project)
        during = history(project)
        (environment,) = (
            each for each in project.run("ps", "--json").json if each["request_id"] is not None
        )
        let_go(project)
        finished, _ = waiting.answer()
        shown = project.run("history", "--show", done[:8], "--json").json
        after = history(project)
        lines = [line["text"] for line in logs(project) if line["request_id"] == done]

    assert answer == ["one", done]
    assert {key: run["outcome"] for key, run in during.items()} == {
        done: "success",
        failed: "error",
        running: None,
    }
    assert (environment["request_id"], environment["state"]) == (running, "busy")
    assert finished == running
    assert after[running]["outcome"] == "success"
    assert (shown["payload"], shown["response"], shown["origin"]) == ("one", ["one", done], "api")
    assert shown["logs"][-4:] == lines
    assert [line.split()[0] for line in lines] == ["START", "began", "END", "REPORT"]


def test_logs_are_followed_across_processes(project: Project) -> None:
    with (
        project.serving() as (_, address),
        project.running("logs", "-f", "--json", "-n", "1000") as following,
    ):
        assert following.stdout is not None
        asked = [invoke(address, f"number {n}")[0] for n in range(3)]
        heard: list[Any] = []
        while sum(line["text"].startswith("REPORT") for line in heard) < 3:
            heard.append(json.loads(following.stdout.readline()))
        code, said = interrupt(following)

    assert (code, "Traceback" in said) == (130, False)
    own = [(line["request_id"], line["text"]) for line in heard if line["stream"] != "platform"]
    assert own == [(rid, f"began number {n}") for n, rid in enumerate(asked)]


def test_two_workbenches_serve_one_project_and_go_without_the_other(project: Project) -> None:
    with ExitStack() as stack:
        (one, first), (_, second) = (stack.enter_context(project.serving()) for _ in range(2))
        answered: dict[str, Any] = {}
        for number in range(6):
            calls = [Call(address, f"{number}") for address in (first, second)]
            answered |= dict(call.answer() for call in calls)
        environments = project.run("ps", "--json").json
        served = {f"/{each['container']}" for each in environments}
        both = asyncio.run(wait_named(project, served))
        names = {info.instance for info in live_instances(project.root / ".workbench")}
        code, _ = interrupt(one)
        left = containers_by_instance(project)
        again, _ = invoke(second, "again")
        code_of_third = project.run("invoke", "orders", "-p", '"third"').code
        still = containers_by_instance(project)
        found = history(project)

    assert set(both) == names
    assert len(names) == 2
    assert (code, code_of_third) == (0, 0)
    (living,) = left
    theirs = served & set(both[living])  # beside those that stand ready, which come and go
    assert theirs
    assert theirs <= set(left[living])
    assert theirs <= set(still[living]), "who starts or ends leaves the others' alone"
    assert set(still) == {living}
    assert len(answered) == 12
    assert {*answered, again} < set(found)
    assert Counter(run["outcome"] for run in found.values()) == {"success": 14}


def test_edit_is_served_by_every_workbench_of_the_project(project: Project) -> None:
    with ExitStack() as stack:
        (_, first), (_, second) = (stack.enter_context(project.serving()) for _ in range(2))
        before = [invoke(address, "a")[1][0] for address in (first, second)]
        edited = APP.replace("[event, ", "[event.upper(), ")
        (project.root / "orders" / "app.py").write_text(edited)
        after = [invoke(address, "a")[1][0] for address in (first, second)]

    assert (before, after) == (["a", "a"], ["A", "A"])


@pytest.mark.slow
async def test_killed_run_has_its_outcome_after_the_next_start(project: Project) -> None:
    state = project.root / ".workbench"
    with ExitStack() as stack:
        killed, address = stack.enter_context(project.serving())
        _, other = stack.enter_context(project.serving())
        done, _ = invoke(address, "done")
        kept, _ = invoke(other, "kept")
        waiting = Call(address, "wait")
        running = wait_running(project)
        before = containers_by_instance(project)
        killed.send_signal(signal.SIGKILL)
        killed.wait(timeout=60)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            waiting.answer()

        next_start = project.run("invoke", "orders", "-p", '"next"')

        found = history(project)
        (shown,) = (project.run("history", "--show", running, "--json").json,)
        again, _ = invoke(other, "again")
        after = containers_by_instance(project)
        alive = {info.instance for info in live_instances(state)}

    assert next_start.code == 0
    assert {found[rid]["outcome"] for rid in (done, kept)} == {"success"}
    assert found[running]["outcome"] == "lost"
    assert found[running]["error_message"].endswith("The workbench was killed while it ran.")
    assert "began wait" in shown["logs"], "what it had said is kept"
    (living,) = alive
    assert len(before) == 2
    assert set(after) == alive
    assert set(before[living]) <= set(after[living])
    await wait_no_containers(project)
    last = history(project)
    assert last[again]["outcome"] == "success"
    assert None not in {run["outcome"] for run in last.values()}


async def test_every_outcome_is_given_once_when_two_start_at_the_same_moment(
    project: Project,
) -> None:
    """Both find the dead one; one of them puts its things away."""
    with project.serving() as (killed, address):
        waiting = Call(address, "wait")
        running = wait_running(project)
        killed.send_signal(signal.SIGKILL)
        killed.wait(timeout=60)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            waiting.answer()
    with ExitStack() as stack:
        starting = [
            stack.enter_context(project.running("invoke", "orders", "-p", f'"{n}"'))
            for n in range(2)
        ]
        ended = [process.communicate(timeout=120) for process in starting]
    assert [process.returncode for process in starting] == [0, 0], ended
    await wait_no_containers(project)

    assert Counter(run["outcome"] for run in history(project).values()) == {
        "lost": 1,
        "success": 2,
    }
    assert history(project)[running]["outcome"] == "lost"
    assert containers_of(project) == []
    assert list((project.root / ".workbench" / "instances").iterdir()) == []
    assert list((project.root / ".workbench" / "journal").iterdir()) == []
