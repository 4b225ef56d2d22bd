"""A function in one file: out of one project, and at work in another, in real containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.programs import RUNTIME, docker_project
from tests.integration.cli.program import Project

pytestmark = pytest.mark.docker

SECRET = "hunter2-is-secret"
APP = """\
import os
import shared


def handler(event, context):
    return {"answer": ANSWER, "layer": shared.NAME, "token": os.environ["API_TOKEN"]}


ANSWER = {answer!r}
"""


def write(project: Project, answer: str) -> None:
    folder = project.root / "orders"
    (folder / "events").mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(APP.replace("{answer!r}", repr(answer)))
    (folder / "events" / "small.json").write_text("{}")
    (folder / "function.toml").write_text(
        f'runtime = "{RUNTIME}"\nhandler = "app.handler"\ntimeout_s = 30\n'
        f'layers = ["../common"]\n[environment]\nAPI_TOKEN = "{SECRET}"\n'
    )
    layer = project.root / "common" / "python"
    layer.mkdir(parents=True, exist_ok=True)
    (layer / "shared.py").write_text("NAME = 'common'\n")


@pytest.mark.slow
def test_what_was_exported_runs_in_another_project(tmp_path: Path) -> None:
    project = docker_project(tmp_path / "one")
    write(project, "old")
    assert project.run("publish", "orders").text == "1\n"
    write(project, "new")
    assert project.run("publish", "orders").text == "2\n"
    assert project.run("alias", "create", "orders:live", "2").code == 0
    path = tmp_path / "orders.zip"
    exported = project.run("export", "orders", "-o", str(path), "--json")
    assert exported.json["without_values"] == {
        name: ["API_TOKEN"] for name in ("$LATEST", "1", "2")
    }
    assert SECRET not in exported.err + exported.text

    other = docker_project(tmp_path / "two")
    assert other.run("import", str(path)).text == "orders\n"
    refused = other.run("invoke", "orders:live", "-p", "{}")
    assert refused.code == 2
    assert "API_TOKEN" in refused.err
    assert other.run("undo").code == 0
    values = tmp_path / "values.env"
    values.write_text("API_TOKEN=other\n")
    imported = other.run("import", str(path), "--as", "copy", "--values", str(values), "--json")
    assert imported.json["without_values"] == {"$LATEST": ["API_TOKEN"]}
    for target, answer in (("copy:1", "old"), ("copy:2", "new"), ("copy:live", "new")):
        assert other.run("invoke", target, "-p", "{}").json == {
            "answer": answer,
            "layer": "common",
            "token": "other",
        }
    again = other.run("import", str(path), "--as", "copy")
    assert again.code == 2
    assert "--as NAME" in again.err
