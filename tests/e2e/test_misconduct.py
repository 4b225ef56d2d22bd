"""Runtimes that do not keep to the Runtime API, in containers: shell programs that break each rule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.live import Done, Live, done, told
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.telemetry import LogLine

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

PRELUDE = """\
#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
ask() {
  curl -s -D /tmp/headers -o /tmp/event "$api/invocation/next"
  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '[:space:]' | cut -d : -f 2)
}
post() { # PATH BODY [curl options]: status and body of the answer
  local path=$1 body=$2; shift 2
  curl -s -w ' %{http_code}' "$@" --data-binary "$body" "$api/$path"
}
respond() { post "invocation/$id/response" "$1" >/dev/null; }
quoted() { printf '"%s"' "$(printf %s "$1" | sed 's/["\\\\]/\\\\&/g' | tr -d '\\n')"; }
serve() { while :; do ask; respond '"well-behaved"'; done; }
"""


async def behaving(live: Live, body: str, *, timeout_s: int = 20, freeze: bool = True) -> str:
    """A function whose runtime does what `body` says."""
    return await live.add(
        {"bootstrap": PRELUDE + body},
        runtime="provided.al2023",
        handler="any",
        memory_mb=1769,
        timeout_s=timeout_s,
        freeze=freeze,
    )


async def twice(live: Live, body: str) -> tuple[Done, Done]:
    """What the first two invocations come to."""
    name = await behaving(live, body)
    first = await live.invoke(name, "first")
    second = await live.invoke(name, "second")
    assert first.record.environment_id == second.record.environment_id
    return first, second


def refusal(error_type: str, message: str) -> dict[str, str]:
    return {"errorMessage": message, "errorType": error_type}


def not_allowed(state: str, asked: str) -> dict[str, str]:
    return refusal(
        "InvalidStateTransition",
        f"State transition from {state} to {asked} failed for runtime. "
        "Error: State transition is not allowed",
    )


def seen(answer: str) -> tuple[Any, int]:
    """What `post` printed: the body, parsed, and the status."""
    body, _, status = answer.rpartition(" ")
    return json.loads(body), int(status)


# --- taking too much -------------------------------------------------------------------------------------


async def test_fork_bomb_is_a_timeout_and_nobody_else_notices(live: Live) -> None:
    bomb = """
import os
def handler(event, context):
    if event != "bomb":
        return [os.getpid(), len([name for name in os.listdir("/proc") if name.isdigit()])]
    print("begun", flush=True)
    while True:
        try:
            os.fork()
        except OSError:
            pass
"""
    name = await live.add({"app.py": bomb}, memory_mb=1769, timeout_s=4)
    other = await behaving(live, "serve")
    await live.invoke(other)

    going = await live.start(name, "bomb")
    await live.until_printed(going, "begun")
    meanwhile = [await live.invoke(other) for _ in range(3)]
    ended = await done(going)
    after = await live.invoke(name)

    assert [each.answer for each in meanwhile] == ["well-behaved"] * 3
    assert len({each.record.environment_id for each in meanwhile}) == 1
    assert ended.outcome.kind is OutcomeKind.TIMEOUT
    assert after.answer[1] == 2, "the supervisor and the runtime"


# --- asking ---------------------------------------------------------------------------------------------


async def test_asking_again_brings_the_same_event_again(live: Live) -> None:
    first, second = await twice(
        live,
        'while :; do ask; one=$id; ask; two=$id; respond "[\\"$one\\", \\"$two\\", $(cat /tmp/event)]"; done',
    )

    assert first.answer == [first.request_id, first.request_id, "first"]
    assert second.answer == [second.request_id, second.request_id, "second"]


async def test_of_two_questions_at_once_the_newer_is_answered(live: Live) -> None:
    body = """
ask
respond 1
curl -s -w ' %{http_code}' "$api/invocation/next" >/tmp/older &
sleep 0.3
ask &
sleep 0.3
echo both have asked
wait
id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '[:space:]' | cut -d : -f 2)
respond "$(quoted "$(cat /tmp/older)")"
serve
"""
    name = await behaving(live, body, freeze=False)  # it goes on when it has answered
    with live.workbench.subscribe() as feed:
        await live.invoke(name)
        await told(feed, lambda v: isinstance(v, LogLine) and v.entry.text == "both have asked")

    second = await live.invoke(name)

    text, status = seen(second.answer)
    assert (text["errorType"], status) == ("InvalidStateTransition", 403)


async def test_runtime_that_stops_asking_keeps_its_answer_and_its_environment_until_the_deadline(
    live: Live,
) -> None:
    name = await behaving(live, "ask; respond 1; sleep 3600", timeout_s=3)
    await live.start_idle(name, 2)  # nobody waits for a container to be made while time runs

    run = await live.start(name)
    outcome = await run.outcome()
    (environment,) = (e for e in live.environments(name) if e.invocation is not None)
    meanwhile = await live.start(name)
    await meanwhile.outcome()
    ended = await done(run)

    assert outcome.kind is OutcomeKind.SUCCESS
    assert environment.state is EnvironmentState.RESPONDED
    assert ended.outcome is outcome
    assert ended.report["Duration"] == "3000.00 ms"
    assert "Status" not in ended.report
    other = (await done(meanwhile)).record.environment_id
    assert other != ended.record.environment_id


# --- answering --------------------------------------------------------------------------------------------


async def test_second_answer_is_refused_and_the_first_counts(live: Live) -> None:
    body = """
ask
respond '"mine"'
post "invocation/$id/response" '"changed my mind"' >/tmp/again
post "invocation/$id/error" '{}' >/tmp/error
ask
respond "[$(quoted "$(cat /tmp/again)"), $(quoted "$(cat /tmp/error)")]"
serve
"""
    first, second = await twice(live, body)

    assert first.answer == "mine"
    for answer in second.answer:
        assert seen(answer) == (not_allowed("ResponseSent", "ResponseSent"), 403)


async def test_answer_to_another_request_is_refused_and_changes_nothing(live: Live) -> None:
    body = """
ask
post "invocation/00000000-0000-0000-0000-000000000000/response" '"not mine"' >/tmp/foreign
post "invocation/$id/response" "$(quoted "$(cat /tmp/foreign)")" >/dev/null
old=$id
ask
post "invocation/$old/response" '"too late"' >/tmp/stale
respond "$(quoted "$(cat /tmp/stale)")"
serve
"""
    first, second = await twice(live, body)

    for answer in (first.answer, second.answer):
        assert seen(answer) == (refusal("InvalidRequestID", "Invalid request ID"), 400)


async def test_answer_sent_with_the_last_breath_counts(live: Live) -> None:
    first, second = await twice(live, "ask; respond '\"farewell\"'; kill -9 $$")

    assert [d.answer for d in (first, second)] == ["farewell", "farewell"]
    assert [d.outcome.kind for d in (first, second)] == [OutcomeKind.SUCCESS] * 2
    assert "Status" not in first.report
    assert "INIT_REPORT" not in " ".join(second.texts())


async def test_error_that_is_no_json_is_passed_on_byte_for_byte(live: Live) -> None:
    first, second = await twice(
        live,
        "while :; do ask; post \"invocation/$id/error\" 'not { json é' "
        "-H 'Lambda-Runtime-Function-Error-Type: Function.Odd' >/dev/null; done",
    )

    for each in (first, second):
        assert each.outcome.kind is OutcomeKind.ERROR
        assert each.outcome.payload == "not { json é".encode()
        assert each.outcome.error_type == "Function.Odd"


async def test_unknown_response_mode_fails_the_invocation(live: Live) -> None:
    body = """
ask
post "invocation/$id/response" '"x"' -H 'Lambda-Runtime-Function-Response-Mode: telepathy' >/tmp/mode
ask
respond "$(quoted "$(cat /tmp/mode)")"
serve
"""
    first, second = await twice(live, body)

    assert first.outcome.kind is OutcomeKind.ERROR
    assert first.answer["errorType"] == "Runtime.InvalidResponseModeHeader"
    assert "telepathy" in first.answer["errorMessage"]
    text, status = seen(second.answer)
    assert (text["errorType"], status) == ("InvalidFunctionResponseMode", 400)


async def test_streamed_answer_arrives_whole(live: Live) -> None:
    body = """
while :; do
  ask
  (printf '"stre'; sleep 0.1; printf 'amed"') | curl -s -o /dev/null -T - -X POST \\
    -H 'Lambda-Runtime-Function-Response-Mode: streaming' "$api/invocation/$id/response"
done
"""
    first, second = await twice(live, body)

    assert (first.answer, second.answer) == ("streamed", "streamed")


async def test_streamed_answer_that_breaks_off_is_an_error(live: Live) -> None:
    body = """
ask
exec 3<>/dev/tcp/127.0.0.1/9001
printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: x\\r\\n' "$id" >&3
printf 'Lambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n' >&3
printf '5\\r\\n"half\\r\\n' >&3
sleep 0.1
exec 3>&- 3<&-
serve
"""
    first, second = await twice(live, body)

    assert first.outcome.kind is OutcomeKind.ERROR
    assert first.outcome.error_type == "Runtime.TruncatedResponse"
    assert second.answer == "well-behaved"


async def test_answer_that_breaks_off_may_be_sent_again(live: Live) -> None:
    body = """
ask
exec 3<>/dev/tcp/127.0.0.1/9001
printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: x\\r\\n' "$id" >&3
printf 'Content-Length: 100\\r\\n\\r\\n"half' >&3
sleep 0.1
exec 3>&- 3<&-
respond '"whole"'
serve
"""
    first, second = await twice(live, body)

    assert (first.answer, second.answer) == ("whole", "well-behaved")


# --- what is not for now, or not for anyone ------------------------------------------------------------------


async def test_init_error_after_the_first_question_is_refused(live: Live) -> None:
    body = """
ask
post "init/error" '{"errorType":"Too.Late","errorMessage":"x"}' >/tmp/late
respond "$(quoted "$(cat /tmp/late)")"
serve
"""
    first, second = await twice(live, body)

    assert seen(first.answer) == (not_allowed("Running", "InitError"), 403)
    assert second.answer == "well-behaved"


async def test_nonsense_on_other_connections_disturbs_nothing(live: Live) -> None:
    body = r"""
ask
for nonsense in 'GET / HTTP/1.1\r\n\r\n' '\x00\xff\xfe\r\n\r\n' 'POST /2018-06-01/runtime/invocation/next HTTP/9\r\n\r\n' \
    'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nContent-Length: -1\r\n\r\n'; do
  exec 3<>/dev/tcp/127.0.0.1/9001
  printf "$nonsense" >&3
  timeout 0.2 cat <&3 >/dev/null
  exec 3>&- 3<&-
done
curl -s "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/elsewhere" >/tmp/lost
respond "$(quoted "$(cat /tmp/lost)")"
serve
"""
    first, second = await twice(live, body)

    assert json.loads(first.answer)["errorType"] == "ResourceNotFound"
    assert second.answer == "well-behaved"
