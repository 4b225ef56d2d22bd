"""`replay --versions` as a program, on two published versions and `$LATEST`."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.integration.cli.program import Project

APP = """\
import itertools, time

calls = itertools.count()


def handler(event, context):
    if event.get("fail") == {fails}:
        raise ValueError("no, " + context.aws_request_id)
    time.sleep({slow} if event.get("wait") else 0)
    return {{"total": event.get("total", 0) * {factor}, "at": next(calls)}}
"""
OLD = APP.format(fails=2, slow=0.0, factor=1)
NEW = APP.format(fails=1, slow=0.2, factor=2)


@pytest.fixture
def shop(project: Project) -> Project:
    """`shop` with two versions, and the old code in its folder."""
    folder = project.add("shop", app=OLD)
    project.event("shop", "same", {"total": 0})
    project.event("shop", "priced", {"total": 2})
    project.event("shop", "refused", {"fail": 1})
    project.event("shop", "broken", {"fail": 3})
    assert project.run("publish", "shop").text == "1\n"
    (folder / "app.py").write_text(NEW)
    assert project.run("publish", "shop").text == "2\n"
    (folder / "app.py").write_text(OLD)
    return project


def test_events_whose_outcome_response_or_time_changed_are_listed(shop: Project) -> None:
    shop.event("shop", "waits", {"wait": True})
    report = shop.root / "report.xml"

    ended = shop.run(
        "replay", "shop", "--versions", "1,2", "--runs", "5", "--ignore", "at", "--json",
        "--junit", str(report), timeout_s=300,
    )  # fmt: skip

    assert (ended.code, ended.json["a"], ended.json["b"]) == (1, "1", "2")
    events = {each["event"]: each for each in ended.json["events"]}
    assert {name: each["changed"] for name, each in events.items()} == {
        "broken": False,
        "priced": True,
        "refused": True,
        "same": False,
        "waits": False,
    }
    assert events["refused"]["outcome"] == {
        "changed": True,
        "a": {"success": 6},
        "b": {"error": 6},
    }
    assert events["priced"]["response"] == [
        {"path": "total", "change": "changed", "a": 2, "b": 4, "varies": False}
    ]
    assert events["waits"]["timing"]["changed"]
    assert events["waits"]["timing"]["b_ms"] >= 200 > events["waits"]["timing"]["a_ms"]
    suite = ET.parse(report).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "2", "0")


def test_the_same_code_has_no_changes(shop: Project) -> None:
    (shop.root / "shop" / "events" / "priced.json").unlink()
    (shop.root / "shop" / "events" / "refused.json").unlink()

    same = shop.run("replay", "shop", "--versions", "1,$LATEST", "--runs", "5", timeout_s=300)

    assert (same.code, same.out) == (0, b"")
    assert "shop: 1 -> $LATEST: 0 of 2 events changed" in same.err


def test_what_is_wrong_is_refused(project: Project) -> None:
    for words, said in (
        (("--versions", "1,2"), "name it"),
        (("orders", "--versions", "1"), "1 is not A,B"),
        (("orders", "--versions", "1,2", "--runs", "4"), "too few"),
        (("orders", "--versions", "1,2", "--ignore", "a["), "no path"),
        (("orders", "--runs", "9"), "go with --versions"),
        (("orders", "--versions", "1,2"), "Function not found"),
    ):
        ended = project.run("replay", *words)
        assert ended.code == 2
        assert said in ended.err
