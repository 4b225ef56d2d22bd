from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest

from tests.integration.cli.program import COMMAND, RUNTIME, Project, interrupt, wait_line

# --- replay -----------------------------------------------------------------------------------------------


def test_replay_ends_with_0_when_every_answer_is_as_expected(project: Project) -> None:
    project.event("orders", "fails", {"fail": "no"}, 'error_type = "ValueError"')
    project.event("orders", "works", {"a": 1})

    ended = project.run("replay")

    assert ended.code == 0
    assert re.search(r"✔ +orders +fails +error", ended.text)
    assert re.search(r"✔ +orders +works +success", ended.text)
    assert "2 of 2 as expected" in ended.err


def test_replay_ends_with_1_when_one_is_not(project: Project) -> None:
    project.event("orders", "works", {"a": 1}, '[response]\n"answer.a" = 2')

    ended = project.run("replay", "--junit", "report.xml")

    assert ended.code == 1
    assert "response answer.a: expected 2, found 1." in ended.text
    report = ET.parse(project.root / "report.xml").getroot()
    assert (report.get("tests"), report.get("failures")) == ("1", "1")


def test_replay_in_json_has_every_run(project: Project) -> None:
    project.event("orders", "works", {"a": 1})

    (verdict,) = project.run("replay", "orders", "--json").json

    assert (verdict["function"], verdict["event"], verdict["as_expected"]) == (
        "orders",
        "works",
        True,
    )
    assert verdict["run"]["response"] == {"answer": {"a": 1}}


def test_replay_of_an_unknown_function_is_a_wrong_request(project: Project) -> None:
    assert project.run("replay", "nope").code == 2


def test_a_report_that_cannot_be_written_is_said(project: Project) -> None:
    ended = project.run("replay", "--junit", "no/such/folder.xml")

    assert ended.code == 2
    assert "cannot be written" in ended.err


def test_start_without_a_terminal_replays(project: Project) -> None:
    project.event("orders", "works", {"a": 1})
    project.event("orders", "fails", {"fail": "no"})

    ended = project.run("start", str(project.root))

    assert ended.code == 1
    assert "1 of 2 as expected" in ended.err


def test_start_takes_one_project(project: Project) -> None:
    assert project.run("start", ".", "--project", "orders").code == 2


# --- looking ----------------------------------------------------------------------------------------------


def test_ls_lists_sound_and_broken_functions(project: Project) -> None:
    project.add("broken", manifest="memory_mb = 5\n")

    ended = project.run("ls")
    listed = {each["name"]: each for each in project.run("ls", "--json").json}

    assert ended.code == 0
    assert re.search(
        rf"^orders +{re.escape(RUNTIME)} +app.handler +128 MB +3 s", ended.text, re.MULTILINE
    )
    assert "broken/function.toml:3: error:" in ended.err
    assert listed["orders"]["broken"] is False
    assert listed["broken"]["problems"][0]["line"] == 3


def test_ls_of_an_empty_project_says_how_to_begin(tmp_path: Path) -> None:
    ended = Project(tmp_path).run("ls")

    assert (ended.code, ended.out) == (0, b"")
    assert "workbench init" in ended.err


def test_secrets_are_not_listed(project: Project) -> None:
    project.add("vault", manifest='[environment]\nAPI_TOKEN = "hunter2"\n')

    assert "hunter2" not in project.run("ls", "--json").text


def test_a_run_can_be_looked_up_by_eight_characters(project: Project) -> None:
    run = project.run("invoke", "orders", "-p", '{"a": 1}', "--json").json
    short = run["request_id"][:8]

    shown = project.run("history", "--show", short)
    logs = project.run("logs", "--request", short)
    listed = project.run("runs")

    assert shown.json["payload"] == {"a": 1}
    assert shown.json["logs"] == run["logs"]
    assert [line.split(" ", 3)[3] for line in logs.text.splitlines()] == run["logs"]
    assert listed.text.splitlines()[1].startswith(short)


def test_an_unknown_run_is_a_wrong_request(project: Project) -> None:
    assert project.run("history", "--show", "0" * 8).code == 2
    assert project.run("logs", "--request", "short").code == 2


def test_history_is_the_newest_first_and_as_long_as_asked(project: Project) -> None:
    for number in range(3):
        project.run("invoke", "orders", "-p", json.dumps(number))

    runs = project.run("history", "orders", "-n", "2", "--json").json

    assert len(runs) == 2
    assert runs[0]["accepted_at"] > runs[1]["accepted_at"]
    assert project.run("history", "nope").code == 2


def test_logs_are_those_of_one_function_or_of_all(project: Project) -> None:
    project.add("other")
    project.run("invoke", "orders")
    project.run("invoke", "other")

    one = project.run("logs", "other", "--json").text.splitlines()
    both = project.run("logs", "--json").text.splitlines()
    last = project.run("logs", "-n", "1").text

    assert {json.loads(line)["function"] for line in one} == {"other"}
    assert {json.loads(line)["function"] for line in both} == {"orders", "other"}
    assert "REPORT" in last


def test_logs_are_followed_across_processes(project: Project) -> None:
    with project.running("logs", "-f", "--json") as follower:
        assert follower.stdout is not None
        project.run("invoke", "orders", "-p", '{"print": ["hello there"]}')
        for line in follower.stdout:
            if json.loads(line)["text"] == "hello there":
                break
        code, _ = interrupt(follower)

    assert code == 130


def busy_environment(project: Project) -> dict[str, Any]:
    """The only one, once it is told to be at work: others learn of it a moment later."""
    for _ in range(60):
        (environment,) = project.run("ps", "--json").json
        if environment["state"] == "busy":
            break
    return cast("dict[str, Any]", environment)


def test_ps_shows_what_another_workbench_runs(project: Project) -> None:
    project.add("slow", manifest="timeout_s = 900\n")
    with project.running("invoke", "slow", "-p", '{"sleep": 600}') as process:
        wait_line(process, "asked for")
        environment = busy_environment(project)
        shown = project.run("ps")

    assert environment["function"] == "slow"
    assert (environment["invocations"], environment["idle_left_s"]) == (1, None)
    assert environment["age_s"] > 0
    assert environment["init_ms"] > 0
    assert environment["init_split"]["boot_ms"] > 0
    assert environment["max_memory_mb"] > 0
    titles, row = (re.split(r"\s{2,}", line) for line in shown.text.splitlines())
    assert titles == [
        "ENVIRONMENT",
        "FUNCTION",
        "VERSION",
        "STATE",
        "AGE",
        "IDLE LEFT",
        "RUNS",
        "NOW / PEAK / LIMIT",
        "CPU",
        "INIT",
        "CONTAINER",
    ]
    busy = f"busy {environment['request_id'][:8]}"
    assert row[:4] == [environment["environment_id"][:8], "slow", "$LATEST", busy]
    assert row[5:7] == ["-", "1"]
    assert row[7].endswith(" / 128 MB")
    assert row[-1] == environment["origin"] == "plain"
    assert "No isolation" in shown.err


def test_logs_of_nothing_say_so(project: Project) -> None:
    none_yet, unknown = project.run("logs", "orders"), project.run("logs", "ordres")

    assert (none_yet.code, none_yet.out, none_yet.err) == (0, b"", "No logs yet.\n")
    assert unknown.code == 2
    assert "Function not found: ordres. Did you mean orders?" in unknown.err


def test_doctor_looks_and_says(project: Project) -> None:
    ended = project.run("doctor", "--json")

    assert ended.code in (0, 3)
    for finding in ended.json:
        assert finding["subject"]
        assert finding["health"] in ("good", "warning", "bad", "unknown")


# --- without a container engine -----------------------------------------------------------------------


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The address of an engine that is not there."""
    address = f"unix://{tmp_path}/nobody.sock"
    monkeypatch.setenv("DOCKER_HOST", address)
    return address


def test_doctor_is_content_with_processes_where_any_engine_will_do(
    project: Project, no_engine: str
) -> None:
    project.engine = "auto"

    ended = project.run("doctor", "--json")

    engine = [each for each in ended.json if each["subject"] == "engine"]
    assert ended.code == 0
    assert [each["health"] for each in engine] == ["warning", "warning"]
    assert no_engine in engine[0]["cause"]
    assert "No isolation" in engine[1]["cause"]


def test_doctor_is_not_where_containers_are_asked_for(project: Project, no_engine: str) -> None:
    project.engine = "docker"

    ended = project.run("doctor", "--brief", "--fix")

    assert ended.code == 3
    assert no_engine in ended.text
    assert "✖ engine: none answers" in ended.text


@pytest.mark.parametrize("words", [["invoke", "orders"], ["replay"], ["build"], ["serve"]])
def test_without_its_engine_a_command_ends_with_3_and_the_remedy(
    project: Project, no_engine: str, words: list[str]
) -> None:
    project.event("orders", "works", {})
    project.engine = "docker"

    ended = project.run(*words)

    assert (ended.code, ended.out) == (3, b"")
    assert no_engine in ended.err
    assert "Traceback" not in ended.err


def test_start_without_an_engine_says_so_and_goes_on(project: Project, no_engine: str) -> None:
    project.event("orders", "works", {})
    project.engine = "auto"

    ended = project.run("start")

    assert ended.code == 0
    assert f"DOCKER_HOST names {no_engine}" in ended.err
    assert "No isolation" in ended.err
    assert "1 of 1 as expected" in ended.err


def test_what_needs_no_engine_does_without(project: Project, no_engine: str) -> None:
    project.engine = "docker"

    for words in (["ls"], ["events"], ["history"], ["logs"], ["ps"]):
        ended = project.run(*words)
        assert ended.code == 0, ended.err
        assert no_engine not in ended.err


# --- events -----------------------------------------------------------------------------------------------


def test_an_event_is_saved_from_a_run_with_what_it_answered(project: Project) -> None:
    run = project.run("invoke", "orders", "-p", '{"a":  1}', "--json").json
    short = run["request_id"][:8]

    saved = project.run("events", "orders", "--save", "small", "--run", short, "--expect")

    assert saved.code == 0
    assert project.run("events", "orders", "--show", "small").out == b'{"a":  1}'
    assert "answer" in (project.root / "orders/events/small.expect.toml").read_text()
    assert project.run("replay").code == 0


def test_an_event_is_saved_as_it_is_given(project: Project) -> None:
    saved = project.run("events", "orders", "--save", "it", "-p", "-", stdin=b' {"a": 1}\n')

    assert saved.code == 0
    assert (project.root / "orders/events/it.json").read_bytes() == b' {"a": 1}\n'


def test_what_is_no_json_is_not_saved(project: Project) -> None:
    ended = project.run("events", "orders", "--save", "it", "-p", "{")

    assert ended.code == 2
    assert not (project.root / "orders/events/it.json").exists()


def test_a_deleted_event_comes_back(project: Project) -> None:
    project.event("orders", "small", {"a": 1}, 'outcome = "success"')

    deleted = project.run("events", "orders", "--rm", "small")
    token = deleted.err.split()[-1]
    gone = project.run("events", "--json").json
    undone = project.run("events", "--undo", token)

    assert (deleted.code, gone, undone.code) == (0, [], 0)
    (event,) = project.run("events", "--json").json
    assert (event["name"], event["expected"]) == ("small", True)
    assert project.run("events", "--undo", token).code == 2


@pytest.mark.parametrize(
    "words",
    [
        ["--show", "small"],
        ["orders", "--save", "small"],
        ["orders", "--run", "3f2a1b7c"],
        ["orders", "--save", "small", "-p", "{}", "--expect"],
        ["orders", "--show", "nope"],
        ["orders", "--rm", "../app"],
        ["nope"],
    ],
)
def test_flags_that_make_no_sense_are_wrong(project: Project, words: list[str]) -> None:
    ended = project.run("events", *words)

    assert (ended.code, ended.out) == (2, b"")
    assert ended.err.startswith("workbench: ")


# --- making -----------------------------------------------------------------------------------------------


def test_build_makes_functions_ready(project: Project) -> None:
    project.add("broken", manifest="memory_mb = 5\n")

    sound = project.run("build", "orders")
    both = project.run("build", "--json")

    assert sound.code == 0
    assert both.code == 2
    assert {each["function"]: each["ready"] for each in both.json} == {
        "orders": True,
        "broken": False,
    }


def test_init_makes_a_function_that_can_be_invoked(project: Project) -> None:
    made = project.run("init", "hello", "--runtime", RUNTIME)

    assert made.code == 0
    assert made.text == f"{project.root / 'hello'}\n"
    assert project.run("replay", "hello").code == 0
    assert project.run("init", "hello", "--runtime", RUNTIME).code == 2
    assert project.run("init", "other", "--runtime", "cobol").code == 2


# --- manners ----------------------------------------------------------------------------------------------


def test_a_reader_that_leaves_ends_it_quietly(project: Project) -> None:
    for number in range(30):
        project.event("orders", f"event-{number}", {"text": "x" * 1000})
    command = " ".join([*COMMAND, "events", "--json"])
    script = f"{command} | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"

    ended = subprocess.run(
        ["bash", "-c", f"for n in 1 2 3; do {command}; done | head -c 10; {script}"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stderr == ""
    assert ended.stdout.endswith(("141\n", "0\n"))


def test_a_full_disk_is_said_and_nothing_more(project: Project) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*COMMAND, "ls"], cwd=project.root, stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert ended.returncode == 3
    assert ended.stderr == b"workbench: The output cannot be written: No space left on device.\n"


def test_a_bug_is_one_line_and_a_report(project: Project, tmp_path: Path) -> None:
    code = """
import sys
from workbench.cli import main as program
import workbench.cli.commands.ls as ls
async def run(arguments, output):
    raise KeyError("surprise")
ls.run = run
sys.exit(program.main(["ls"]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (3, "")
    (line,) = ended.stderr.splitlines()
    assert "KeyError: 'surprise'" in line
    (report,) = (tmp_path / "workbench").iterdir()
    assert str(report) in line
    assert "Traceback" in report.read_text()


def test_no_command_and_no_terminal_asks_which(project: Project) -> None:
    ended = project.run()

    assert ended.code == 2
    assert "say which command" in ended.err


def test_a_table_on_a_terminal_has_colours_unless_they_are_unwanted(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    coloured = project.on_terminal("ls")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = project.on_terminal("ls")

    assert b"\x1b[" in coloured.out
    assert b"\x1b[" not in plain.out
    assert "orders" in plain.text


def test_a_second_control_c_ends_it_at_once(project: Project) -> None:
    (project.root / "workbench.toml").write_text("[timeouts]\ndrain_s = 600\n")
    project.add("slow", manifest="timeout_s = 900\n")
    with project.serving() as (process, address):
        port = int(address.rpartition(":")[2])
        body = b'{"sleep": 600}'
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(
                b"POST /2015-03-31/functions/slow/invocations HTTP/1.1\r\n"
                b"Host: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            for _ in range(30):
                if '"busy"' in project.run("ps", "--json").text:
                    break
            process.send_signal(signal.SIGINT)
            wait_line(process, "Stopping")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=10) == 130


def test_the_screen_ends_with_its_terminal(project: Project) -> None:
    above, below = pty.openpty()
    fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, "start", "--engine", "process"],
        cwd=project.root,
        stdin=below,
        stdout=below,
        stderr=below,
        start_new_session=True,  # and so without a controlling terminal: nobody sends SIGHUP
    )
    os.close(below)
    try:
        shown = b""
        while b"orders" not in shown:
            assert select.select([above], [], [], 60)[0], f"it shows no function: {shown!r}"
            shown += os.read(above, 65536)
        os.close(above)
        process.wait(timeout=60)
    finally:
        process.kill()

    assert b"Traceback" not in shown
    assert project.run("ps", "--json").json == []


def test_a_screen_that_nobody_would_see_is_not_opened(project: Project) -> None:
    project.event("orders", "works", {"a": 1})
    above, below = pty.openpty()
    ended = subprocess.run(
        [*COMMAND, "start", "--engine", "process"],
        cwd=project.root,
        stdin=below,
        stdout=below,
        stderr=subprocess.PIPE,  # which Textual draws on
        timeout=60,
        check=False,
    )
    os.close(below)
    os.close(above)

    assert ended.returncode == 0
    assert b"1 of 1 as expected" in ended.stderr


# --- concurrency ------------------------------------------------------------------------------------------


def test_concurrency_shows_who_may_have_how_much(project: Project) -> None:
    project.add("off", manifest="reserved_concurrency = 0\n")
    project.add("much", manifest="reserved_concurrency = 7\n")
    (project.root / "workbench.toml").write_text(
        "[account]\nconcurrency = 12\n[engine]\nmemory_budget_mb = 2048\n"
    )

    told = project.run("concurrency")
    value = project.run("concurrency", "--json").json

    assert told.code == 0
    assert "Limit 12, unreserved 12, in use 0" in told.text
    assert "Containers may use 2,048 MB together" in told.text
    assert re.search(r"off +0 \(off\) +0 +0", told.text)
    refusal = (
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [6]."
    )
    assert f"much: not reserved: {refusal}" in told.err
    assert (value["limit"], value["unreserved"], value["memory_budget_mb"]) == (12, 12, 2048)
    assert {each["function"]: each["not_reserved"] for each in value["functions"]} == {
        "much": refusal,
        "off": None,
        "orders": None,
    }


def test_a_limit_that_does_not_fit_is_told_by_the_doctor_and_at_the_start(project: Project) -> None:
    (project.root / "workbench.toml").write_text(
        "[account]\nconcurrency = 100\n[engine]\nmemory_budget_mb = 1280\n"
    )
    excess = (
        "100 invocations at a time would need 12,800 MB even of the smallest function. Containers "
        "may use 1,280 MB (memory_budget_mb in [engine]), which is room for 10 of them; the others "
        "wait for memory."
    )

    examined = project.run("doctor", "--brief", "--json").json
    with project.running("serve", "--port", "0") as serving:
        told = wait_line(serving, "workbench.toml")
        interrupt(serving)

    (finding,) = [each for each in examined if each["subject"] == "concurrency"]
    assert (finding["health"], finding["cause"]) == ("warning", excess)
    assert finding["detail"].startswith("100 at a time, 100 of them unreserved; 1,280 MB")
    assert told.endswith(f"workbench.toml:2: warning: {excess}\n")


def test_lambdas_own_limit_is_no_warning_whatever_the_memory(project: Project) -> None:
    (project.root / "workbench.toml").write_text("[engine]\nmemory_budget_mb = 1280\n")

    examined = project.run("doctor", "--json").json
    brief = project.run("doctor", "--brief", "--json").json

    (finding,) = [each for each in examined if each["subject"] == "concurrency"]
    assert (finding["health"], finding["cause"]) == ("good", None)
    assert finding["detail"] == (
        "1,000 at a time, 1,000 of them unreserved; 1,280 MB for containers, room for 10 of the "
        "smallest function; whoever finds none waits for it"
    )
    assert {each["health"] for each in brief} <= {"warning", "bad"}
    assert "concurrency" not in {each["subject"] for each in brief}


def test_concurrency_counts_what_runs_elsewhere(project: Project) -> None:
    with project.running("invoke", "orders", "-p", '{"sleep": 30}') as busy:
        while not (in_use := project.run("concurrency", "--json").json["in_use"]):
            assert busy.poll() is None
        interrupt(busy)
    assert in_use == 1
