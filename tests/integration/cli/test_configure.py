"""`workbench configure`, and taking it back, as a process."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.integration.cli.program import RUNTIME, Project
from workbench.config.locations import state_folder


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_a_function_is_configured_shown_and_put_back(project: Project) -> None:
    manifest = project.root / "orders" / "function.toml"
    before = manifest.read_text() + "# end\n"
    manifest.write_text(before)

    edited = project.run("configure", "orders", "memory_mb=512", "environment.API_KEY=hunter2")
    assert (edited.code, edited.text) == (0, "")
    assert "orders: set memory_mb, environment.API_KEY. To take it back" in edited.err
    assert "hunter2" not in edited.err
    assert 'API_KEY = "hunter2"' in manifest.read_text()

    shown = project.run("configure", "orders")
    lines = [line.split() for line in shown.text.splitlines()]
    assert ["memory_mb", "512", "orders/function.toml:3"] in lines
    assert ["environment.API_KEY", "••••••••", "orders/function.toml:7"] in lines
    as_json = project.run("configure", "orders", "--json").json
    assert as_json["configuration"]["memory_mb"] == {
        "value": 512,
        "source": "orders/function.toml:3",
    }
    assert as_json["configuration"]["timeout_s"] == {"value": 3, "source": "default"}
    assert as_json["variables"] == [
        {
            "name": "API_KEY",
            "value": "••••••••",
            "secret": True,
            "source": "orders/function.toml:7",
            "overrides": [],
        }
    ]

    (change,) = project.run("changes", "--json").json
    assert (change["kind"], change["subject"]) == ("configure", "orders")
    assert project.run("undo", "--json").json["summary"] == change["summary"]
    assert manifest.read_text() == before
    assert not any(
        b"hunter2" in path.read_bytes()
        for path in state_folder(project.root).rglob("*")
        if path.is_file()
    )


def test_the_next_invocation_has_it(project: Project) -> None:
    (project.root / "orders" / "app.py").write_text(
        "import os\n\n\ndef handler(event, context):\n"
        '    return os.environ.get("WHAT"), context.memory_limit_in_mb\n'
    )
    project.run("configure", "orders", "memory_mb=256", "environment.WHAT=new = 'one'")
    assert project.run("invoke", "orders").json == ["new = 'one'", "256"]
    project.run("undo")
    assert project.run("invoke", "orders").json == [None, "128"]


def test_programs_are_told_what_was_done(project: Project) -> None:
    words = ("configure", "orders", "timeout_s=9", "freeze=false", "--unset", "handler", "--json")
    assert project.run(*words[:-3], "--json").json == {
        "function": "orders",
        "changed": True,
        "set": ["timeout_s", "freeze"],
        "unset": [],
    }
    again = project.run(*words[:-3], "--json")
    assert again.json["changed"] is False
    assert project.run(*words).json["unset"] == ["handler"]
    assert (project.root / "orders" / "function.toml").read_text() == (
        f'runtime = "{RUNTIME}"\ntimeout_s = 9\nfreeze = false\n'
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nope", "memory_mb=512"), "Function not found: nope"),
        (("orders", "memory_mb"), "is not KEY=VALUE"),
        (("orders", "memory_mb=1", "--unset", "handler"), "memory_mb must be a whole number"),
        (("orders", "timeout_s=1", "timeout_s=2"), "timeout_s is given twice"),
        (("orders", "handler=gone.handler"), "gone"),
        (("orders", "--unset", "timeout_s"), "nothing to unset"),
        (("orders", "--unset", "memory_mb=512"), "Unknown key"),
        (("orders", "environment.PATH\x1b[31m=x"), "cannot be a variable's name"),
        (("orders", "description=\udcff"), "must be UTF-8"),
    ],
)
def test_what_makes_no_sense_is_refused(
    project: Project, words: tuple[str, ...], said: str
) -> None:
    manifest = project.root / "orders" / "function.toml"
    before = manifest.read_bytes()
    refused = project.run("configure", *words)
    assert refused.code == 2
    assert said in refused.err
    assert "\x1b[31m" not in refused.err
    assert manifest.read_bytes() == before
    assert project.run("changes", "--json").json == []


def test_a_running_workbench_takes_it_up(project: Project) -> None:
    (project.root / "orders" / "app.py").write_text(
        'import os\n\n\ndef handler(event, context):\n    return os.environ.get("WHAT")\n'
    )
    with project.serving() as (_, address):
        assert answered(address, until=None) is None
        project.run("configure", "orders", "environment.WHAT=new")
        assert answered(address, until="new") == "new"
        project.run("undo")
        assert answered(address, until=None) is None


def answered(address: str, *, until: str | None) -> str | None:
    """What `orders` answers, once that is it; or at last."""
    answer = None
    for _ in range(200):
        call = Request(f"{address}/2015-03-31/functions/orders/invocations", data=b"{}")
        with urlopen(call, timeout=60) as answering:
            answer = json.load(answering)
        if answer == until:
            break
    return answer
