"""`workbench serve` over real containers, asked by the real AWS CLI and by boto3."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # it has no types
import pytest
from botocore.config import Config  # type: ignore[import-untyped] # nor this
from botocore.exceptions import ClientError  # type: ignore[import-untyped] # nor this

from tests.e2e.programs import RUNTIME, docker_project
from tests.integration.cli.program import Project

pytestmark = pytest.mark.docker

LIMIT = 6_291_456
AWS = Path(sys.executable).with_name("aws")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    address: str
    client: Any
    folder: Path
    project: Project

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        answer = self.client.invoke(**({"FunctionName": "orders"} | arguments))
        return {**answer, "Payload": answer["Payload"].read()}

    def refusal(self, **arguments: Any) -> tuple[int, str, str]:
        with pytest.raises(ClientError) as refused:
            self.invoke(**arguments)
        response = refused.value.response
        error = response["Error"]
        return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]

    def aws(self, *words: str) -> tuple[int, Any, bytes, str]:
        """`aws lambda invoke`: exit code, what it printed, the payload it wrote, what it said."""
        written = self.folder / "answer"
        written.write_bytes(b"")
        ended = subprocess.run(
            [AWS, "lambda", "invoke", "--endpoint-url", self.address, *words, written],
            env=os.environ
            | {
                "AWS_ACCESS_KEY_ID": "any",
                "AWS_SECRET_ACCESS_KEY": "thing",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_MAX_ATTEMPTS": "1",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        printed = json.loads(ended.stdout) if ended.stdout.strip() else None
        return ended.returncode, printed, written.read_bytes(), ended.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A project that is served; two invocations at a time."""
    folder = tmp_path_factory.mktemp("endpoint")
    project = docker_project(folder / "project")
    project.add("orders", runtime=RUNTIME, manifest="timeout_s = 30\nmemory_mb = 512\n")
    project.add("quick", runtime=RUNTIME, manifest="timeout_s = 1\n")
    (project.root / "workbench.toml").write_text("[account]\nconcurrency = 2\n")
    assert project.run("build", "orders", timeout_s=900).code == 0
    with project.serving() as (_, address):
        client = boto3.client(
            "lambda",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="thing",
            config=Config(retries={"max_attempts": 0}),
        )
        yield Served(address=address, client=client, folder=folder, project=project)


# --- the AWS CLI ------------------------------------------------------------------------------------------


def test_the_aws_cli_gets_the_functions_answer(served: Served) -> None:
    code, printed, payload, said = served.aws("--function-name", "orders", "--payload", '{"a": 1}')

    assert (code, said) == (0, "")
    assert printed == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads(payload) == {"answer": {"a": 1}}


def test_the_aws_cli_sees_a_function_error_and_its_log(served: Served) -> None:
    code, printed, payload, _ = served.aws(
        *("--function-name", "orders", "--log-type", "Tail", "--payload", '{"fail": "no"}')
    )

    log = base64.b64decode(printed["LogResult"]).decode()
    assert (code, printed["FunctionError"]) == (0, "Unhandled")
    assert json.loads(payload)["errorType"] == "ValueError"
    assert log.startswith("START RequestId: ")
    assert "ValueError: no" in log
    assert log.rstrip("\n").splitlines()[-1].startswith("REPORT RequestId: ")


def test_the_aws_cli_sees_a_timeout(served: Served) -> None:
    _, printed, payload, _ = served.aws("--function-name", "quick", "--payload", '{"sleep": 60}')

    assert printed["FunctionError"] == "Unhandled"
    assert json.loads(payload)["errorType"] == "Sandbox.Timedout"
    assert json.loads(payload)["errorMessage"].endswith("Task timed out after 1.00 seconds")


def test_the_aws_cli_can_run_dry(served: Served) -> None:
    code, printed, payload, _ = served.aws(
        "--function-name", "orders", "--invocation-type", "DryRun"
    )

    assert (code, printed["StatusCode"], payload) == (0, 204, b"")


def test_the_aws_cli_says_what_is_wrong(served: Served) -> None:
    code, _, _, said = served.aws("--function-name", "nope")

    assert code != 0
    assert "(ResourceNotFoundException)" in said
    assert "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nope:$LATEST" in said


# --- boto3 ------------------------------------------------------------------------------------------------


def test_boto3_gets_a_success(served: Served) -> None:
    answer = served.invoke(Payload=b'{"a": 1}', Qualifier="$LATEST")

    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert json.loads(answer["Payload"]) == {"answer": {"a": 1}}
    assert "FunctionError" not in answer


def test_boto3_gets_the_last_4096_bytes_of_the_log(served: Served) -> None:
    payload = json.dumps({"print": ["x" * 100] * 100}).encode()

    answer = served.invoke(Payload=payload, LogType="Tail")

    tail = base64.b64decode(answer["LogResult"])
    assert len(tail) == 4096
    assert b"Max Memory Used: " in tail.splitlines()[-1]


def test_boto3s_client_context_reaches_the_handler(served: Served) -> None:
    context = base64.b64encode(b'{"custom": {"who": "me"}}').decode()

    answer = served.invoke(Payload=b'{"context": 1}', ClientContext=context)

    assert json.loads(answer["Payload"]) == {"who": "me"}


def test_six_megabytes_go_in_and_a_byte_more_does_not(served: Served) -> None:
    fits = b'{"raw": "' + b"x" * (LIMIT - 11) + b'"}'
    assert len(fits) == LIMIT

    answer = served.invoke(Payload=fits)
    refusal = served.refusal(Payload=fits + b" ")

    assert "FunctionError" not in answer
    assert len(answer["Payload"]) > LIMIT - 20
    assert refusal == (
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )


def test_a_throttle_is_a_429(served: Served) -> None:
    body = b'{"sleep": 8}'
    request = (
        b"POST /2015-03-31/functions/orders/invocations HTTP/1.1\r\n"
        b"Host: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    port = int(served.address.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as one,
        socket.create_connection(("127.0.0.1", port), timeout=60) as two,
    ):
        for busy in (one, two):
            busy.sendall(request)
        for _ in range(20):
            runs = served.project.run("history", "--json").json
            if sum(run["outcome"] is None for run in runs) == 2:
                break
        refusal = served.refusal()
        answers = [busy.recv(65536) for busy in (one, two)]

    assert refusal == (429, "TooManyRequestsException", "Rate Exceeded.")
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


def test_an_asynchronous_call_is_refused(served: Served) -> None:
    status, code, message = served.refusal(InvocationType="Event")

    assert (status, code) == (400, "InvalidParameterValueException")
    assert "later release" in message
