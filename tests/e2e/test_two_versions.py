"""Two published versions in real containers: what they differ in, and what that does to events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.programs import RUNTIME, docker_project

pytestmark = pytest.mark.docker

APP = """\
def handler(event, context):
    return {{"id": context.aws_request_id, "price": event["amount"] * {factor}}}
"""


def test_what_two_versions_differ_in_and_what_that_does_to_events(tmp_path: Path) -> None:
    shop = docker_project(tmp_path / "project")
    folder = shop.add("shop", runtime=RUNTIME, app=APP.format(factor=1))
    shop.event("shop", "none", {"amount": 0})
    shop.event("shop", "two", {"amount": 2})
    assert shop.run("publish", "shop", timeout_s=900).text == "1\n"
    (folder / "app.py").write_text(APP.format(factor=2))
    with (folder / "function.toml").open("a") as manifest:
        manifest.write("memory_mb = 256\n")
    assert shop.run("publish", "shop", timeout_s=900).text == "2\n"

    found = shop.run("diff", "shop", "1", "2").text
    assert '  -    return {"id": context.aws_request_id, "price": event["amount"] * 1}\n' in found
    assert '  +    return {"id": context.aws_request_id, "price": event["amount"] * 2}\n' in found
    assert "~ memory_mb: 128 -> 256\n" in found
    assert shop.run("diff", "shop").code == 0

    whole = shop.run("replay", "shop", "--versions", "1,2", "--runs", "5", timeout_s=900)
    assert whole.code == 1
    assert "shop: 1 -> 2: 2 of 2 events changed" in whole.err
    assert "--ignore id" in whole.err
    words = ("replay", "shop", "--versions", "1,$LATEST", "--runs", "5", "--ignore", "id", "--json")
    ended = shop.run(*words, timeout_s=900)
    none, two = ended.json["events"]
    assert (ended.code, none["changed"], two["changed"]) == (1, False, True)
    assert two["response"] == [
        {"path": "price", "change": "changed", "a": 2, "b": 4, "varies": False}
    ]
    assert none["outcome"] == {"changed": False, "a": {"success": 6}, "b": {"success": 6}}
    assert none["timing"]["rounds"] == 5
