"""`warm`, `drain`, `recycle` and `--cold`, given to workbenches that run."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import sqlite3
import stat
import struct
import subprocess
import termios
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.program import COMMAND, Project

BROKEN = "import no_such_thing\n\n\ndef handler(event, context):\n    return 1\n"

WAITING = {"idle", "frozen"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A project that is served, and by whom."""

    project: Project
    address: str
    pid: int

    def environments(self, function: str) -> list[dict[str, Any]]:
        return [
            each for each in self.project.run("ps", "--json").json if each["function"] == function
        ]

    def ids(self, function: str) -> set[str]:
        return {each["environment_id"] for each in self.environments(function)}

    def call(self, function: str, *, cold: str | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.address}/2015-03-31/functions/{function}/invocations",
            data=b"{}",
            headers={} if cold is None else {"X-Workbench-Cold": cold},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def info(self) -> dict[str, Any]:
        """What the workbench says of itself."""
        (file,) = (self.project.root / ".workbench" / "instances").glob("*.json")
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def order(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        """An order as anybody could give it."""
        request = urllib.request.Request(
            f"{self.info()['control']}/{path}", data=body, headers=headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("by-hand")
    project = Project(root)
    for name in ("warmed", "drained", "recycled", "cold", "untouched"):
        project.add(name)
    project.add("broken", app=BROKEN)
    with project.serving() as (process, address):
        yield Served(project=project, address=address, pid=process.pid)


def test_as_many_as_asked_for_are_warmed(served: Served) -> None:
    ended = served.project.run("warm", "warmed", "3")

    assert ended.code == 0
    assert ended.err.strip().endswith(f"workbench serve (process {served.pid}): 3 started.")
    environments = served.environments("warmed")
    assert len(environments) == 3
    assert {each["state"] for each in environments} <= WAITING
    assert all(each["idle_left_s"] > 0 for each in environments)
    assert served.project.run("warm", "warmed", "2", "--json").json == [
        {
            "pid": served.pid,
            "kind": "serve",
            "ready": [],
            "failed": [],
            "not_started": [],
            "error": None,
        }
    ]


def test_a_function_that_cannot_initialise_is_not_warmed(served: Served) -> None:
    ended = served.project.run("warm", "broken")

    assert ended.code == 1
    assert "0 started; cannot initialise: Unable to import module 'app'" in ended.err


def test_what_is_idle_is_drained(served: Served) -> None:
    served.call("drained")
    served.call("untouched")

    ended = served.project.run("drain", "drained", "--json")

    assert ended.code == 0
    assert ended.json == [
        {"pid": served.pid, "kind": "serve", "gone": 1, "finishing": 0, "error": None}
    ]
    going = {each["state"] for each in served.environments("drained")}
    assert going <= {"retiring"}
    assert served.ids("untouched")


def test_environments_of_a_function_are_replaced_and_one_alone(served: Served) -> None:
    served.project.run("warm", "recycled", "2")
    before = served.ids("recycled")

    (reply,) = served.project.run("recycle", "recycled", "--json").json
    after = {
        each["environment_id"]
        for each in served.environments("recycled")
        if each["state"] in WAITING
    }
    assert set(reply["old"]) == before
    assert set(reply["started"]["ready"]) == after
    assert len(after) == 2

    one, other = sorted(after)
    ended = served.project.run("recycle", one[:8])
    assert ended.code == 0
    assert ended.err.strip().endswith("1 replaced; 1 started.")
    left = {
        each["environment_id"]
        for each in served.environments("recycled")
        if each["state"] in WAITING
    }
    assert one not in left
    assert other in left
    assert len(left) == 2


def test_what_is_not_there_is_a_wrong_request(served: Served) -> None:
    for words in (["warm", "nope"], ["drain", "nope"], ["recycle", "nope"]):
        ended = served.project.run(*words)
        assert ended.code == 2
        assert "nope" in ended.err
    gone = served.project.run("recycle", "0" * 8)
    assert gone.code == 2
    assert "No environment that can be replaced begins with 00000000." in gone.err


def test_a_call_gets_an_environment_of_its_own(served: Served) -> None:
    served.call("cold")
    (warm,) = served.ids("cold")

    served.call("cold", cold="true")
    served.call("cold", cold="False")

    runs = served.project.run("history", "cold", "--json").json
    assert [run["cold"] for run in runs] == [False, True, True]
    still = [each for each in served.environments("cold") if each["state"] in WAITING]
    assert [(each["environment_id"], each["invocations"]) for each in still] == [(warm, 2)]


def test_a_header_that_says_neither_is_a_wrong_request(served: Served) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        served.call("cold", cold="maybe")

    assert refused.value.code == 400
    assert refused.value.headers["x-amzn-ErrorType"] == "InvalidParameterValueException"
    assert b"X-Workbench-Cold is true or false" in refused.value.read()


def test_cold_is_an_option_of_invoke_too(served: Served) -> None:
    ended = served.project.run("invoke", "untouched", "--cold", "--json")

    assert (ended.code, ended.json["cold"]) == (0, True)


# --- what can be read -------------------------------------------------------------------------------------


def test_what_happened_by_now_can_be_read_when_that_is_said(served: Served) -> None:
    token = f"Bearer {served.info()['token']}"
    database = served.project.root / ".workbench" / "workbench.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for number in range(1, 6):
            served.call("untouched")
            assert served.order("settle", b"{}", Authorization=token) == (200, {})
            (invocations,) = connection.execute(
                "SELECT max(invocations) FROM environments WHERE function = 'untouched'"
            ).fetchone()
            ended = connection.execute(
                "SELECT request_id FROM invocations WHERE function = 'untouched' AND kind = 'success'"
            ).fetchall()
            if number == 1:
                already = (invocations, len(ended))
            grown = number - 1
            assert (invocations, len(ended)) == (already[0] + grown, already[1] + grown)


def test_a_workbench_that_stands_still_is_not_waited_for(served: Served) -> None:
    os.kill(served.pid, signal.SIGSTOP)
    try:
        ended = served.project.run("history", "--json")
    finally:
        os.kill(served.pid, signal.SIGCONT)

    assert ended.code == 0
    assert "does not answer: its newest may not be shown" in ended.err


# --- who may give orders ----------------------------------------------------------------------------------


def test_only_who_can_show_the_token_is_obeyed(served: Served) -> None:
    body = b'{"function": "untouched"}'
    token = f"Bearer {served.info()['token']}"

    assert served.order("drain", body)[0] == 403
    assert served.order("drain", body, Authorization="Bearer no")[0] == 403
    assert served.order("drain", body, Authorization="Bearer \xe4")[0] == 403
    assert served.order("drain", body, Authorization=token, Origin="http://x.test")[0] == 403
    assert served.order("drain", body, Authorization=token, Host="workbench.test")[0] == 403
    assert served.order("drain", body, Authorization=token)[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("stop", b"{}", 404),
        ("warm", b"", 400),
        ("warm", b"[]", 400),
        ("warm", b"{}", 400),
        ("warm", b'{"function": 3, "count": 1}', 400),
        ("warm", b'{"function": "untouched", "count": true}', 400),
        ("warm", b'{"function": "untouched", "count": 100000}', 400),
        ("warm", b'{"function": "nope", "count": 1}', 404),
        ("drain", b'{"function": "../x"}', 400),
        ("recycle", b'{"environment": ""}', 400),
        ("recycle", b"{" * 100_000, 400),
    ],
)
def test_an_order_that_is_none_is_refused(
    served: Served, path: str, body: bytes, status: int
) -> None:
    code, said = served.order(path, body, Authorization=f"Bearer {served.info()['token']}")

    assert code == status
    assert set(said) == {"error", "message"}


def test_the_token_is_for_this_user_alone(served: Served) -> None:
    folder = served.project.root / ".workbench" / "instances"
    (file,) = folder.glob("*.json")

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


# --- nobody, and the screen -------------------------------------------------------------------------------


def test_with_nobody_there_that_is_said(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add()

    for words in (["warm", "orders"], ["drain", "orders"], ["recycle", "orders"]):
        ended = project.run(*words)
        assert ended.code == 3
        assert "No workbench on this project takes orders: start one" in ended.err
    assert project.run("warm", "orders", "--json").json == []


def test_the_screen_takes_orders_too(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add()
    above, below = pty.openpty()
    fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, "start", "--engine", "process"],
        cwd=project.root,
        stdin=below,
        stdout=below,
        stderr=below,
        start_new_session=True,
    )
    os.close(below)
    try:
        shown = b""
        while b"orders" not in shown:
            assert select.select([above], [], [], 60)[0], f"it shows no function: {shown!r}"
            shown += os.read(above, 65536)
        with project.running("warm", "orders", "2", "--json") as warming:
            _look_on(above, warming)
            assert warming.stdout is not None
            (reply,) = json.load(warming.stdout)
        assert reply["kind"] == "tui"
        assert len(reply["ready"]) == 2
    finally:
        process.kill()
        process.wait()


def _look_on(terminal: int, process: subprocess.Popen[bytes]) -> None:
    """Read what the screen shows, so that it can go on, until another command has ended."""
    while process.poll() is None:
        if select.select([terminal], [], [], 0.1)[0]:
            os.read(terminal, 65536)


# --- tune -------------------------------------------------------------------------------------------------


def test_memory_sizes_cannot_be_compared_without_containers(served: Served) -> None:
    ended = served.project.run("tune", "untouched", "--sizes", "128", "--runs", "1")

    assert (ended.code, ended.out) == (3, b"")
    assert "Memory sizes and the CPU that goes with them need containers" in ended.err


def test_an_event_that_is_not_there_is_a_wrong_request(served: Served) -> None:
    ended = served.project.run("tune", "untouched", "-e", "nope")

    assert ended.code == 2
    assert "nope" in ended.err
