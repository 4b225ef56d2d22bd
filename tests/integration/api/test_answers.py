from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.fakes.workbench import ERROR
from tests.integration.api.site import (
    ARN,
    LIMIT,
    error_of,
    raw,
    site,
)


async def test_a_success_is_what_boto3_expects(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        answer = await here.invoke(Payload=b' {"a":  1}')
        run = await here.only_run()

    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["Payload"] == b' {"a":  1}'
    assert "FunctionError" not in answer
    assert "LogResult" not in answer
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-type"] == "application/json"
    assert headers["x-amzn-remapped-content-length"] == "0"
    assert headers["x-amzn-trace-id"].startswith("root=1-")
    assert answer["ResponseMetadata"]["RequestId"] == run.record.request_id
    assert run.record.acceptance.origin == "api"


async def test_an_empty_body_is_delivered_as_an_empty_object(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        assert (await here.invoke())["Payload"] == b"{}"


async def test_a_failed_function_is_a_200_with_the_bytes_it_posted(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        answer = await here.invoke(Payload=b'{"do": "fail"}')

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"] == json.dumps(ERROR).encode()


async def test_a_crash_is_told_in_lambdas_words(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        answer = await here.invoke(Payload=b'{"do": "exit", "code": 3}')

    assert answer["FunctionError"] == "Unhandled"
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert json.loads(answer["Payload"]) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: exit status 3",
    }


async def test_the_log_tail_ends_with_the_report(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        lines = [f"line {number} " + "x" * 80 for number in range(100)]
        answer = await here.invoke(
            LogType="Tail", Payload=json.dumps({"do": "print", "lines": lines}).encode()
        )

    tail = base64.b64decode(answer["LogResult"])
    last = tail.decode().splitlines()
    assert len(tail) == 4096
    assert last[-1].startswith("REPORT RequestId: ")
    assert last[-2].startswith("END RequestId: ")
    assert last[-3] == lines[-1]


async def test_a_short_log_is_all_of_the_tail(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        answer = await here.invoke(LogType="Tail", Payload=b'{"do": "print", "lines": ["hello"]}')

    kinds = [
        line.split()[0] for line in base64.b64decode(answer["LogResult"]).decode().splitlines()
    ]
    assert kinds == ["START", "hello", "END", "REPORT"]


async def test_a_dry_run_runs_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        answer = await here.invoke(InvocationType="DryRun")
        unknown = await here.refusal(FunctionName="nope", InvocationType="DryRun")

        assert here.house.driver.containers == []

    assert (answer["StatusCode"], answer["Payload"]) == (204, b"")
    assert "ExecutedVersion" not in answer
    assert error_of(unknown)[:2] == (404, "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("named", "arn"),
    [
        ({"FunctionName": "orders"}, ARN),
        ({"FunctionName": "orders:$LATEST"}, f"{ARN}:$LATEST"),
        ({"FunctionName": "orders", "Qualifier": "$LATEST"}, f"{ARN}:$LATEST"),
        ({"FunctionName": "123456789012:function:orders"}, ARN),
        ({"FunctionName": ARN}, ARN),
        ({"FunctionName": f"{ARN}:$LATEST", "Qualifier": "$LATEST"}, f"{ARN}:$LATEST"),
    ],
)
async def test_the_handler_sees_the_arn_as_the_caller_named_it(
    tmp_path: Path, named: dict[str, str], arn: str
) -> None:
    async with site(tmp_path) as here:
        answer = await here.invoke(Payload=b'{"do": "headers"}', **named)

    assert json.loads(answer["Payload"])["lambda-runtime-invoked-function-arn"] == arn


async def test_client_context_and_trace_reach_the_runtime(tmp_path: Path) -> None:
    trace = "Root=1-5f84c7a1-1234567890abcdef12345678;Parent=53995c3f42cd8ad8;Sampled=1"
    context = base64.b64encode(json.dumps({"custom": {"a": "é"}}, indent=1).encode()).decode()
    async with site(tmp_path) as here:
        status, headers, body = await raw(
            here,
            b'{"do": "headers"}',
            {"X-Amzn-Trace-Id": trace, "X-Amz-Client-Context": context},
        )

    seen = json.loads(body)
    assert status == 200
    assert seen["lambda-runtime-trace-id"] == trace
    assert json.loads(seen["lambda-runtime-client-context"]) == {"custom": {"a": "é"}}
    assert headers["x-amzn-trace-id"] == "root=1-5f84c7a1-1234567890abcdef12345678;sampled=1"


async def test_six_megabytes_go_in_and_come_out(tmp_path: Path) -> None:
    payload = b'"' + b"x" * (LIMIT - 2) + b'"'
    async with site(tmp_path) as here:
        answer = await here.invoke(Payload=payload)

    assert answer["Payload"] == payload


async def test_a_byte_more_is_refused_after_it_was_read(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        refusal = await here.refusal(Payload=b'"' + b"x" * (LIMIT - 1) + b'"')
        again = await here.invoke()

    assert error_of(refusal) == (
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )
    assert again["StatusCode"] == 200


async def test_a_chunked_body_has_the_same_limit(tmp_path: Path) -> None:
    def chunked(pieces: list[bytes]) -> bytes:
        parts = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
        return b"".join([*parts, b"0\r\n\r\n"])

    head = {"Transfer-Encoding": "chunked"}
    async with site(tmp_path) as here:
        small = await raw(here, chunked([b'{"a"', b": 1}"]), head, length=False)
        large = await raw(here, chunked([b"x" * 1_000_000] * 7), head, length=False)

    assert (small[0], small[2]) == (200, b'{"a": 1}')
    assert large[0] == 413


async def test_too_large_a_response_is_an_outcome(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        fits = await here.invoke(Payload=json.dumps({"do": "answer", "bytes": 6_291_556}).encode())
        over = await here.invoke(Payload=json.dumps({"do": "answer", "bytes": 6_291_557}).encode())

    assert len(fits["Payload"]) == 6_291_556
    assert json.loads(over["Payload"])["errorType"] == "Function.ResponseSizeTooLarge"
