"""Containers that a person starts, replaces and lets go, and a call that gets one of its own."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker
import pytest

from tests.e2e.programs import RUNTIME, containers_of, docker_project
from tests.integration.cli.program import Project, interrupt

pytestmark = pytest.mark.docker


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    project: Project
    address: str

    def environments(self, function: str, *, count: int) -> list[dict[str, Any]]:
        """Those that serve, once there are so many: `ps` learns of them a moment later."""
        for _ in range(60):
            shown = self.project.run("ps", "--json").json
            found = [
                each
                for each in shown
                if each["function"] == function and each["state"] not in ("retiring", "stopped")
            ]
            if len(found) == count:
                break
        return found

    def call(self, function: str, **headers: str) -> Any:
        request = urllib.request.Request(
            f"{self.address}/2015-03-31/functions/{function}/invocations",
            data=b"{}",
            headers=headers,
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    project = docker_project(tmp_path_factory.mktemp("by-hand") / "project")
    for name in ("orders", "cold"):
        project.add(name, runtime=RUNTIME, manifest="memory_mb = 256\n")
    assert project.run("build", timeout_s=900).code == 0
    with project.serving() as (process, address):
        yield Served(project=project, address=address)
        code, _ = interrupt(process)
        assert code == 0
    assert containers_of(project) == []


def test_containers_are_warmed_replaced_and_let_go(served: Served) -> None:
    (warmed,) = served.project.run("warm", "orders", "2", "--json", timeout_s=300).json
    first = served.environments("orders", count=2)
    assert warmed["failed"] == warmed["not_started"] == []
    assert {each["environment_id"] for each in first} == set(warmed["ready"])
    assert {each["state"] for each in first} <= {"idle", "frozen"}  # each freezes when it is told
    names = set(containers_named())
    assert {each["container"] for each in first} <= names

    (recycled,) = served.project.run("recycle", "orders", "--json", timeout_s=300).json
    second = served.environments("orders", count=2)
    assert set(recycled["old"]) == set(warmed["ready"])
    assert {each["environment_id"] for each in second} == set(recycled["started"]["ready"])
    assert len(second) == 2

    assert served.call("orders") == {"answer": {}}
    (drained,) = served.project.run("drain", "orders", "--json", timeout_s=300).json
    assert (drained["gone"], drained["finishing"]) == (2, 0)
    assert served.environments("orders", count=0) == []
    assert served.call("orders") == {"answer": {}}


def test_a_cold_call_gets_a_container_of_its_own(served: Served) -> None:
    served.call("cold")
    (kept,) = served.environments("cold", count=1)

    served.call("cold", **{"X-Workbench-Cold": "true"})

    newest, _ = served.project.run("history", "cold", "--json").json
    assert newest["cold"] is True
    assert newest["init_ms"] > 0
    assert newest["init_split"]["import_ms"] > 0
    shown = served.project.run("history", "--show", newest["request_id"]).json
    assert shown["environment_id"] != kept["environment_id"]
    assert [each["environment_id"] for each in served.environments("cold", count=1)] == [
        kept["environment_id"]
    ]


def containers_named() -> list[str]:
    client = docker.from_env()
    try:
        return [name.lstrip("/") for each in client.api.containers() for name in each["Names"]]
    finally:
        client.close()
