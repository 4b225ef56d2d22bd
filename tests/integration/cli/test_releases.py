"""Versions, aliases, provisioned concurrency and undo as a program, with a workbench that runs beside it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.cli.program import APP, Project

SECRET = "hunter2-very-secret"
MANIFEST = f'[environment]\nAPI_KEY = "{SECRET}"\nSTAGE = "dev"\n'
NEW = APP.replace('"answer"', '"reply"')


def save(project: Project, app: str) -> None:
    (project.root / "shop" / "app.py").write_text(app)


def two_versions(project: Project) -> None:
    project.add("shop", app=APP, manifest=MANIFEST)
    assert project.run("publish", "shop", "--description", "the first").text == "1\n"
    save(project, NEW)
    assert project.run("publish", "shop").text == "2\n"


def call(address: str, target: str) -> tuple[Any, str]:
    """The answer, and which version it came from."""
    request = urllib.request.Request(
        f"{address}/2015-03-31/functions/{target}/invocations", data=b"1", method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer), answer.headers["X-Amz-Executed-Version"]


@pytest.mark.slow
def test_versions_are_made_listed_invoked_and_deleted(project: Project) -> None:
    two_versions(project)
    again = project.run("publish", "shop", "--json")
    assert (again.json["version"], again.json["new"]) == ("2", False)
    assert len(again.json["code_sha256"]) == 44
    assert "nothing has changed since version 2" in project.run("publish", "shop").err
    assert project.run("invoke", "shop:1", "-p", "1").json == {"answer": 1}
    assert project.run("invoke", "shop:2", "-p", "1").json == {"reply": 1}
    ran = project.run("invoke", "shop:1", "-p", "1", "--json").json
    assert ran["version"] == "1"
    assert any("Version: 1" in line for line in ran["logs"])

    listed = project.run("versions", "shop")
    assert [line.split()[0] for line in listed.text.splitlines()] == ["VERSION", "1", "2"]
    assert "the first" in listed.text
    shown = project.run("versions", "shop", "--show", "1", "--json").json
    assert (shown["version"], shown["description"]) == ("1", "the first")

    guarded = project.run("publish", "shop", "--code-sha256", "other")
    assert guarded.code == 2
    assert "is different from current CodeSHA256" in guarded.err
    assert project.run("versions", "shop", "--rm", "1").code == 0
    gone = project.run("invoke", "shop:1", "-p", "1")
    assert (gone.code, "Function not found: shop:1" in gone.err) == (2, True)
    assert project.run("undo").err == "Undone: Version 1 of shop deleted.\n"
    assert project.run("invoke", "shop:1", "-p", "1").json == {"answer": 1}
    assert project.run("versions", "shop", "--rm", "$LATEST").code == 2


def test_nothing_that_is_secret_is_kept_in_plain(project: Project) -> None:
    two_versions(project)
    project.run("invoke", "shop:1", "-p", "1")
    shown = [project.run("versions", "shop", "--show", "1"), project.run("changes", "--json")]
    assert all(SECRET.encode() not in each.out for each in shown)
    kept = [path for path in (project.root / ".workbench").rglob("*") if path.is_file()]
    assert (project.root / ".workbench" / "releases.db") in kept
    assert [path for path in kept if SECRET.encode() in path.read_bytes()] == []


def test_aliases_are_made_moved_and_taken_back(project: Project) -> None:
    two_versions(project)
    made = project.run("alias", "create", "shop:live", "1", "--weight", "2=0.25", "--json").json
    assert (made["version"], made["additional_version_weights"]) == ("1", {"2": 0.25})
    assert project.run("alias", "create", "shop:live", "1").code == 2
    assert project.run("alias", "create", "shop:7", "1").code == 2
    assert project.run("alias", "update", "shop:live", "--weight", "9=0.1").code == 2
    assert "is used by live" in project.run("versions", "shop", "--rm", "2").err
    moved = project.run("alias", "update", "shop:live", "2", "--no-weight", "--json").json
    assert (moved["version"], moved["additional_version_weights"]) == ("2", {})
    stale = project.run("alias", "update", "shop:live", "1", "--revision-id", made["revision_id"])
    assert (stale.code, "does not match the latest Revision Id" in stale.err) == (2, True)
    assert project.run("invoke", "shop:live", "-p", "1").json == {"reply": 1}
    assert "moved from 1 and 25% 2 to 2" in project.run("undo").err
    assert project.run("alias", "ls", "shop", "--json").json == [made]
    assert project.run("alias", "rm", "shop:live").code == 0
    assert "has no aliases yet" in project.run("alias", "ls", "shop").err
    assert project.run("changes", "--json").json[0]["kind"] == "delete-alias"


def test_a_running_workbench_follows_what_commands_change(project: Project) -> None:
    two_versions(project)
    project.run("alias", "create", "shop:live", "1")
    with project.serving() as (_, address):
        assert call(address, "shop:live") == ({"answer": 1}, "1")
        project.run("alias", "update", "shop:live", "2")
        assert call(address, "shop:live") == ({"reply": 1}, "2"), "the very next call"
        project.run("alias", "update", "shop:live", "--weight", "1=0.5")
        executed = Counter(call(address, "shop:live")[1] for _ in range(200))
        assert min(executed["1"], executed["2"]) > 50, "by chance less than once in 10^12"
        shown = project.run("alias", "show", "shop:live", "--json").json["traffic"]
        requests = {each["version"]: each["requests"] for each in shown}
        assert requests == {"1": executed["1"] + 1, "2": executed["2"] + 1}
        assert all(each["errors"] == 0 and each["p95_ms"] >= each["p50_ms"] for each in shown)

        asked = project.run("provision", "shop:live", "2")
        assert asked.code == 0
        project.run("alias", "update", "shop:live", "1", "--no-weight")
        assert call(address, "shop:live") == ({"answer": 1}, "1")
        (kept,) = project.run("provision", "--json").json
        assert (kept["qualifier"], kept["version"], kept["requested"]) == ("live", "1", 2)
        assert kept["workbenches"][0]["status"] in ("IN_PROGRESS", "READY")
        assert project.run("provision", "shop:live", "--off").code == 0
    assert project.run("provision", "shop:2", "1").err.startswith("No workbench runs")
    assert "none was provisioned" in project.run("provision", "shop:live", "--off").err


def test_two_processes_publishing_at_once_make_one_version_of_one_state(project: Project) -> None:
    project.add("shop", app=APP, manifest=MANIFEST)
    with ThreadPoolExecutor() as threads:
        for app in (APP, NEW):
            (project.root / "shop" / "app.py").write_text(app)
            said = list(threads.map(lambda _: project.run("publish", "shop", "--json"), range(4)))
            assert [each.code for each in said] == [0] * 4, [each.err for each in said]
            assert len({each.json["version"] for each in said}) == 1
            assert sum(each.json["new"] for each in said) == 1
    assert len(project.run("versions", "shop", "--json").json) == 2
    assert project.run("invoke", "shop:1", "-p", "1").json == {"answer": 1}
