"""`workbench serve` over real containers, asked by the real AWS CLI and by boto3."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # it has no types
import pytest
from botocore.config import Config  # type: ignore[import-untyped] # nor this
from botocore.exceptions import ClientError  # type: ignore[import-untyped] # nor this

from tests.e2e.live import AT_GATE
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

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

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
    held = f'{AT_GATE}\ndef handler(event, context):\n    at_gate("gate")\n'
    project.add("held", runtime=RUNTIME, app=held, manifest="timeout_s = 300\n")
    project.add("off", runtime=RUNTIME, manifest="reserved_concurrency = 0\n")
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


def test_the_aws_cli_sends_a_file_byte_for_byte(served: Served) -> None:
    event = served.folder / "event.json"
    event.write_bytes('{ "raw": "grüße \\u20ac" }'.encode())

    answers = [
        served.aws("--function-name", "orders", "--payload", f"{how}://{event}")
        for how in ("file", "fileb")
    ]

    assert [(code, json.loads(payload)) for code, _, payload, _ in answers] == [(0, "grüße €")] * 2


def test_the_aws_cli_names_a_version(served: Served) -> None:
    _, latest, _, _ = served.aws("--function-name", "orders", "--qualifier", "$LATEST")
    code, _, _, said = served.aws("--function-name", "orders", "--qualifier", "7")

    assert latest["ExecutedVersion"] == "$LATEST"
    assert code != 0
    assert "(ResourceNotFoundException)" in said
    assert "function:orders:7" in said


def test_the_aws_cli_is_told_that_a_payload_is_no_json(served: Served) -> None:
    code, _, _, said = served.aws("--function-name", "orders", "--payload", "{not json")

    assert code != 0
    assert "(InvalidRequestContentException)" in said
    assert "Could not parse request body into json" in said


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


def test_boto3_reads_an_answer_as_it_likes(served: Served) -> None:
    text = "x" * 1_000_000
    ask = {"FunctionName": "orders", "Payload": json.dumps({"raw": text})}

    body = served.client.invoke(**ask)["Payload"]
    first, rest = body.read(11), b"".join(body.iter_chunks(65_536))

    assert first + rest == json.dumps(text).encode()


def test_boto3_raises_its_own_exceptions(served: Served) -> None:
    errors = served.client.exceptions

    with pytest.raises(errors.ResourceNotFoundException, match="function:nope"):
        served.invoke(FunctionName="nope")
    with pytest.raises(errors.InvalidRequestContentException, match="Could not parse"):
        served.invoke(Payload=b"{not json")
    with pytest.raises(errors.InvalidParameterValueException, match="later release"):
        served.invoke(InvocationType="Event")


@pytest.mark.parametrize("event", [{"fail": "no"}, {"exit": 3}])
def test_boto3_gets_a_function_error(served: Served, event: dict[str, Any]) -> None:
    answer = served.invoke(Payload=json.dumps(event))

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["ExecutedVersion"] == "$LATEST"
    assert set(json.loads(answer["Payload"])) >= {"errorType", "errorMessage"}


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
    request = (
        b"POST /2015-03-31/functions/held/invocations HTTP/1.1\r\n"
        b"Host: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
    )
    with ExitStack() as stack:
        busy = [
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=90))
            for _ in range(2)
        ]
        for connection in busy:
            connection.sendall(request)
        while True:
            runs = served.project.run("history", "held", "--json").json
            if sum(run["outcome"] is None for run in runs) == 2:
                break
        refusal = served.refusal()
        with pytest.raises(served.client.exceptions.TooManyRequestsException) as refused:
            served.invoke()
        state = served.project.root / ".workbench"
        for code in (*state.glob("code/*/app.py"), *state.glob("cells/*/*/app.py")):
            code.with_name("gate").touch()  # whichever of them is its /var/task
        answers = [connection.recv(65536) for connection in busy]

    assert refusal == (429, "TooManyRequestsException", "Rate Exceeded.")
    assert refused.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


def test_a_function_that_is_switched_off_is_throttled(served: Served) -> None:
    with pytest.raises(served.client.exceptions.TooManyRequestsException) as refused:
        served.invoke(FunctionName="off")
    response = refused.value.response

    assert response["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"


# --- who may ask ------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux says who listens where")
def test_it_listens_on_loopback_alone(served: Served) -> None:
    listening = [
        fields[1]
        for table in ("tcp", "tcp6")
        if (path := Path("/proc/net") / table).exists()
        for fields in map(str.split, path.read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == served.port
    ]

    assert [address.partition(":")[0] for address in listening] == [
        socket.inet_aton("127.0.0.1")[::-1].hex().upper()  # as a little-endian number
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_web_pages_are_refused(served: Served, headers: dict[str, str]) -> None:
    address = f"{served.address}/2015-03-31/functions/orders/invocations"
    request = urllib.request.Request(address, data=b"{}", headers=headers)

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)

    with refused.value as answer:
        assert answer.code == 403
        assert answer.headers["x-amzn-ErrorType"] == "AccessDeniedException"
        assert "Access-Control-Allow-Origin" not in answer.headers
