from __future__ import annotations

import json
import re
import signal
import subprocess

import pytest

from tests.integration.cli.program import COMMAND, Project, interrupt, wait_line
from tests.unit.cli.test_values import KEYS


def test_the_response_is_on_stdout_and_nothing_else(project: Project) -> None:
    ended = project.run("invoke", "orders", "--payload", '{"a": 1}')

    assert ended.code == 0
    assert ended.out == b'{"answer": {"a": 1}}'


def test_the_log_is_on_stderr_and_after_the_report_what_the_start_took(project: Project) -> None:
    lines = project.run("invoke", "orders", "-p", '{"print": ["one", "two"]}').err.splitlines()

    kinds = [line.split(" ", 1)[0] for line in lines]
    assert kinds[-7:] == ["START", "asked", "one", "two", "END", "REPORT", "Cold"]
    assert re.fullmatch(
        r"REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t",
        lines[-2],
    )
    took = r"[\d.]+ m?s"
    assert re.fullmatch(
        rf"Cold start: create {took}, start {took}, boot {took}, import {took}", lines[-1]
    )


def test_that_nothing_is_isolated_is_said(project: Project) -> None:
    assert "No isolation" in project.run("invoke", "orders").err


def test_json_is_one_object_with_every_key(project: Project) -> None:
    ended = project.run("invoke", "orders", "-p", '{"a": 1}', "--json")

    assert ended.code == 0
    value = ended.json
    assert list(value) == KEYS
    assert (value["function"], value["version"], value["outcome"]) == (
        "orders",
        "$LATEST",
        "success",
    )
    assert (value["response"], value["error"], value["cold"]) == ({"answer": {"a": 1}}, None, True)
    assert value["duration_ms"] <= value["billed_ms"]
    assert value["init_ms"] > 0
    assert value["memory_mb"] == 128
    assert value["max_memory_mb"] > 0
    assert 'asked for {"a": 1}' in value["logs"]
    assert value["logs"][-1].startswith("REPORT")
    assert "REPORT" not in ended.err


def test_without_a_payload_the_event_is_an_empty_object(project: Project) -> None:
    assert project.run("invoke", "orders").out == b'{"answer": {}}'


def test_a_payload_comes_from_stdin_or_a_file_byte_for_byte(project: Project) -> None:
    (project.root / "event.json").write_text('{"text": "é"}')

    piped = project.run("invoke", "orders", "--payload", "-", "--json", stdin=b'{"n": 1.50}')
    read = project.run("invoke", "orders", "--payload", "@event.json", "--json")

    assert piped.json["response"] == {"answer": {"n": 1.5}}
    assert read.json["response"] == {"answer": {"text": "é"}}
    runs = project.run("history", "--json").json
    assert [run["origin"] for run in runs] == ["cli", "cli"]


def test_a_saved_event_is_sent_and_remembered(project: Project) -> None:
    project.event("orders", "small", {"sku": "A-1"})

    ended = project.run("invoke", "orders", "-e", "small")

    assert json.loads(ended.out) == {"answer": {"sku": "A-1"}}
    assert project.run("history", "--json").json[0]["event"] == "small"


def test_a_client_context_reaches_the_handler(project: Project) -> None:
    context = '{"custom": {"name": "Zoë"}}'

    ended = project.run("invoke", "orders", "-p", '{"context": 1}', "--client-context", context)

    assert json.loads(ended.out) == {"name": "Zoë"}


def test_a_failed_function_ends_with_1_and_lambdas_error_object(project: Project) -> None:
    ended = project.run("invoke", "orders", "-p", '{"fail": "as asked"}')

    assert ended.code == 1
    error = json.loads(ended.out)
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "as asked")


def test_a_failure_in_json_has_its_trace(project: Project) -> None:
    ended = project.run("invoke", "orders", "-p", '{"fail": "as asked"}', "--json")

    assert ended.code == 1
    assert ended.json["response"] is None
    assert ended.json["error"]["type"] == "ValueError"
    assert "app.py" in "".join(ended.json["error"]["trace"])


@pytest.mark.parametrize(
    ("payload", "outcome", "error_type"),
    [
        ('{"exit": 3}', "exit", "Runtime.ExitError"),
        ('{"sleep": 30}', "timeout", "Sandbox.Timedout"),
    ],
)
def test_however_it_fails_it_ends_with_1(
    project: Project, payload: str, outcome: str, error_type: str
) -> None:
    project.add("quick", manifest="timeout_s = 1\n")

    ended = project.run("invoke", "quick", "-p", payload, "--json")

    assert (ended.code, ended.json["outcome"]) == (1, outcome)
    assert ended.json["error"]["type"] == error_type


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "Function not found: nope. Known functions: orders."),
        (["orders:live"], "Function not found: orders:live."),
        (["or ders"], "does not name a function"),
        (["orders", "-e", "nope"], "orders has no saved event named nope."),
        (["orders", "-p", "{"], "Could not parse request body into json"),
        (["orders", "-p", "@nope.json"], "nope.json cannot be read: No such file"),
        (["orders", "--client-context", "[]"], "must be a JSON object"),
        (["orders", "--env", "../x"], "cannot be an environment's name"),
        (["orders", "--project", "nope"], "nope cannot be opened: No such file"),
        (["orders", "--project", "orders/app.py"], "orders/app.py is not a folder"),
    ],
)
def test_a_wrong_request_ends_with_2_and_one_line(
    project: Project, words: list[str], said: str
) -> None:
    ended = project.run("invoke", *words)

    assert (ended.code, ended.out) == (2, b"")
    assert said in ended.err
    assert ended.err.strip().splitlines()[-1].startswith("workbench: ")
    assert "Traceback" not in ended.err


def test_a_broken_function_says_where(project: Project) -> None:
    project.add("broken", manifest="memory = 1\n")

    ended = project.run("invoke", "broken")

    assert ended.code == 2
    assert "function.toml:3" in ended.err


def test_control_c_stops_the_run_and_leaves_nothing(project: Project) -> None:
    project.add("slow", manifest="timeout_s = 900\n")
    with project.running("invoke", "slow", "-p", '{"sleep": 600}') as process:
        wait_line(process, "asked for")
        code, said = interrupt(process)

    assert code == 130
    assert "Traceback" not in said
    (run,) = project.run("history", "--json").json
    assert run["outcome"] == "stopped"
    assert project.run("ps", "--json").json == []


def test_control_c_ends_waiting_for_stdin(project: Project) -> None:
    process = subprocess.Popen(
        [*COMMAND, "invoke", "orders", "--payload", "-", "--engine", "process"],
        cwd=project.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whatever runs these tests in the background may have them ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
    )
    with process:
        assert process.stdin is not None
        process.stdin.write(b" " * 1_000_000)  # more than a pipe holds: it reads
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)  # its stdin stays open: an end would be an answer too
        assert process.stderr is not None
        said = process.stderr.read()

    assert (process.returncode, said) == (130, b"")


def test_logs_come_while_the_function_runs(project: Project) -> None:
    project.add("slow", manifest="timeout_s = 900\n")
    with project.running("invoke", "slow", "-p", '{"sleep": 600}') as process:
        assert wait_line(process, "asked for").startswith("asked for")
        assert process.poll() is None


def test_on_a_terminal_hostile_output_is_harmless(project: Project) -> None:
    hostile = "\x1b]52;c;ZXZpbA==\x07\x1b[31mred\x1b[0m"

    ended = project.on_terminal("invoke", "orders", "-p", json.dumps({"raw": hostile}))

    assert ended.code == 0
    assert b"\x1b]52" not in ended.out
    assert "red" in ended.text
    report, start = ended.text.rstrip().splitlines()[-2:]
    assert report.startswith("\x1b[2mREPORT RequestId: ")
    assert report.endswith(" ms\t\x1b[0m")
    assert start.startswith("Cold start: ")


def test_a_function_that_is_switched_off_is_throttled(project: Project) -> None:
    project.add("off", manifest="reserved_concurrency = 0\n")

    ended = project.run("invoke", "off")

    assert (ended.code, ended.out) == (3, b"")
    assert (
        "workbench: Rate Exceeded. off is switched off: it has reserved_concurrency = 0."
        in ended.err
    )
