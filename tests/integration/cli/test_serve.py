from __future__ import annotations

import base64
import json
import signal
import urllib.request

import boto3  # type: ignore[import-untyped] # it has no types
import pytest
from botocore.config import Config  # type: ignore[import-untyped] # nor this

from tests.integration.cli.program import Project, interrupt


def call(address: str, function: str, value: object) -> tuple[dict[str, str], object]:
    request = urllib.request.Request(
        f"{address}/2015-03-31/functions/{function}/invocations",
        data=json.dumps(value).encode(),
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return dict(answer.headers), json.load(answer)


def test_it_answers_invoke_on_the_address_it_prints(project: Project) -> None:
    with project.serving() as (_, address):
        headers, body = call(address, "orders", {"a": 1})

    assert body == {"answer": {"a": 1}}
    assert headers["X-Amz-Executed-Version"] == "$LATEST"


def test_the_address_is_all_there_is_on_stdout(project: Project) -> None:
    with project.serving() as (process, address):
        call(address, "orders", {})
        code, _ = interrupt(process)
        assert process.stdout is not None

    assert code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_being_told_to_stop_is_a_success(project: Project, number: signal.Signals) -> None:
    with project.serving() as (process, address):
        call(address, "orders", {})
        process.send_signal(number)
        out, said = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, b"")
    assert b"Traceback" not in said
    assert project.run("ps", "--json").json == []


def test_boto3_is_served_without_a_container_engine(project: Project) -> None:
    with project.serving() as (_, address):
        client = boto3.client(
            "lambda",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="thing",
            config=Config(retries={"max_attempts": 0}),
        )
        good = client.invoke(FunctionName="orders", Payload=b'{"a": 1}', LogType="Tail")
        failed = client.invoke(FunctionName="orders", Payload=b'{"fail": "no"}')
        crashed = client.invoke(FunctionName="orders", Payload=b'{"exit": 3}')

    assert json.load(good["Payload"]) == {"answer": {"a": 1}}
    assert b'asked for {"a": 1}\nEND RequestId' in base64.b64decode(good["LogResult"])
    assert json.load(failed["Payload"])["errorType"] == "ValueError"
    assert json.load(crashed["Payload"])["errorType"] == "Runtime.ExitError"
    assert {failed["FunctionError"], crashed["FunctionError"]} == {"Unhandled"}


def test_json_tells_the_address_too(project: Project) -> None:
    with project.running("serve", "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["address"].startswith("http://127.0.0.1:")


def test_a_taken_port_is_a_wrong_request(project: Project) -> None:
    with project.serving() as (_, address):
        ended = project.run("serve", "--port", address.rpartition(":")[2])

    assert ended.code == 2
    assert "Choose another one" in ended.err


def test_an_edit_is_served_by_the_next_call(project: Project) -> None:
    with project.serving() as (_, address):
        assert call(address, "orders", {})[1] == {"answer": {}}
        (project.root / "orders" / "app.py").write_text("def handler(e, c): return 'new'")
        answers = {json.dumps(call(address, "orders", {})[1]) for _ in range(50)}

    assert '"new"' in answers


def test_down_stops_it_and_says_so(project: Project) -> None:
    with project.serving() as (process, address):
        call(address, "orders", {})
        ended = project.run("down")
        process.wait(timeout=30)

    assert ended.code == 0
    assert f"Stopping workbench serve at {address} (process {process.pid})" in ended.err
    assert process.returncode == 0
    assert project.run("ps", "--json").json == []


@pytest.mark.slow
def test_down_ends_one_that_does_not_stop(project: Project) -> None:
    (project.root / "workbench.toml").write_text("[timeouts]\ndrain_s = 0\n")
    with project.serving() as (process, _):
        process.send_signal(signal.SIGSTOP)
        ended = project.run("down", "--json", timeout_s=90)
        process.wait(timeout=30)

    assert ended.code == 0
    assert ended.json == {"stopped": [process.pid], "running": []}
    assert "does not stop: ending it" in ended.err


def test_down_with_nothing_running_is_a_success(project: Project) -> None:
    ended = project.run("down")

    assert (ended.code, ended.out) == (0, b"")
