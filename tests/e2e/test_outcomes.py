"""How invocations end, and what their callers get: every way that runtimes on this engine can take.

Source of bodies and texts: lambda.md sections 10, 11.3 and 14, as docs/compatibility.md cites them.
"""

from __future__ import annotations

import json
import math
import re
import signal
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.acting import ACTORS
from tests.e2e.live import Done, Live, all_of
from workbench.model.container import LogStream
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

MAIN = ("python3.13", "nodejs22.x", "provided.al2023")
EVERY = sorted(ACTORS)

RESPONSE_LIMIT = 6_291_556
REQUEST_LIMIT = 6_291_456
MIB = 1024 * 1024
MEMORY_MB = 448
"""For those that run out of it; with less, they restart at a crawl."""


def platform_lines(done: Done) -> list[str]:
    """Lambda's own lines, figures left out."""
    rid = done.request_id
    texts = [text.replace(rid, "ID") for text in done.texts(LogStream.PLATFORM)]
    return [text.partition("\t")[0] for text in texts if not text.startswith("INIT_START")]


async def in_each(live: Live, what: list[str], **manifest: Any) -> dict[str, tuple[Done, ...]]:
    """What a function of each runtime does with the same events: side by side, since most of what
    they take is waiting.
    """

    async def one(runtime: str) -> tuple[Done, ...]:
        name = await live.own_actor(runtime, **manifest)
        return tuple([await live.invoke(name, {"do": each}) for each in what])

    return dict(zip(EVERY, await all_of(*map(one, EVERY)), strict=True))


def error_body(done: Done, error_type: str, message: str) -> bytes:
    """The error object as Lambda writes it, byte for byte."""
    text = f"RequestId: {done.request_id} Error: {message}"
    return json.dumps(
        {"errorType": error_type, "errorMessage": text}, separators=(",", ":")
    ).encode()


# --- success ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [None, {}, {"a": {"b": [1, 2.5, True, None]}}, [], "", 'é 😀 \u2028 \\ " \n \x00', -0.5],
    ids=repr,
)
@pytest.mark.parametrize("runtime", MAIN)
async def test_answer_comes_back_as_it_was_given(live: Live, runtime: str, value: Any) -> None:
    if runtime == "provided.al2023":
        # the shell hands back the bytes it was sent
        value = json.loads(json.dumps(value))

    done = await live.invoke(await live.actor(runtime), {"do": "echo", "value": value})

    assert done.outcome.kind is OutcomeKind.SUCCESS
    assert (done.outcome.error_type, done.outcome.function_error) == (None, None)
    assert done.answer == value


@pytest.mark.parametrize("runtime", EVERY)
async def test_success_is_start_end_and_report(live: Live, runtime: str) -> None:
    name = await live.own_actor(runtime)

    first = await live.invoke(name, {"do": "echo", "value": 1})
    again = await live.invoke(name, {"do": "echo", "value": 2})

    for done in (first, again):
        assert platform_lines(done) == [
            "START RequestId: ID Version: $LATEST",
            "END RequestId: ID",
            "REPORT RequestId: ID",
        ]
        assert done.texts(LogStream.PLATFORM)[-1].endswith("\t")
        assert "Status" not in done.report
    assert (first.record.cold, again.record.cold) == (True, False)
    assert first.texts()[0].startswith("INIT_START Runtime Version: ")
    assert [key for key in first.report if key not in again.report] == ["Init Duration"]
    assert first.record.environment_id == again.record.environment_id


@pytest.mark.parametrize("runtime", EVERY)
async def test_report_says_what_was_measured(live: Live, runtime: str) -> None:
    done = await live.invoke(await live.own_actor(runtime), {"do": "echo", "value": 1})

    measured = done.record.measurements
    assert measured is not None
    assert measured.init_ms is not None
    assert measured.max_memory_bytes is not None
    assert done.report == {
        "RequestId": done.request_id,
        "Duration": f"{measured.duration_ms:.2f} ms",
        "Billed Duration": f"{math.ceil(measured.duration_ms + measured.init_ms)} ms",
        "Memory Size": "1024 MB",
        "Max Memory Used": f"{math.ceil(measured.max_memory_bytes / MIB)} MB",
        "Init Duration": f"{measured.init_ms:.2f} ms",
    }
    assert MIB < measured.max_memory_bytes < 200 * MIB


async def test_bytes_that_python_returns_are_the_answer(live: Live) -> None:
    raw = bytes(range(256))
    files = {"app.py": "def handler(event, context):\n    return bytes(range(256))\n"}

    done = await live.invoke(await live.add(files))

    assert done.outcome.payload == raw


@pytest.mark.parametrize("runtime", MAIN)
async def test_largest_answer_and_one_byte_more(live: Live, runtime: str) -> None:
    name = await live.actor(runtime)

    largest = await live.invoke(name, {"do": "size", "bytes": RESPONSE_LIMIT - 2})
    more = await live.invoke(name, {"do": "size", "bytes": RESPONSE_LIMIT - 1})
    after = await live.invoke(name, {"do": "echo", "value": 7})

    assert largest.outcome.kind is OutcomeKind.SUCCESS
    assert len(largest.outcome.payload) == RESPONSE_LIMIT
    assert more.outcome.kind is OutcomeKind.ERROR
    assert more.outcome.payload == (
        b'{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size '
        b'exceeded maximum allowed payload size (6291556 bytes)."}'
    )
    assert after.answer == 7
    assert {d.record.environment_id for d in (largest, more, after)} == {
        largest.record.environment_id
    }


@pytest.mark.parametrize("runtime", MAIN)
async def test_largest_event_arrives(live: Live, runtime: str) -> None:
    frame = b'{"do": "length", "value": "%s"}'
    size = REQUEST_LIMIT - len(frame) + 2
    event = frame % (b"x" * size)
    assert len(event) == REQUEST_LIMIT

    done = await live.invoke(await live.actor(runtime), event)

    assert done.answer == size


# --- the handler fails ----------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", EVERY)
async def test_what_a_handler_raises_is_what_its_caller_gets(live: Live, runtime: str) -> None:
    done = await live.invoke(await live.actor(runtime), {"do": "fail"})

    assert done.outcome.kind is OutcomeKind.ERROR
    assert done.outcome.function_error == "Unhandled"
    assert done.outcome.error_type == done.answer["errorType"] == "LookupError"
    assert done.outcome.error_message == done.answer["errorMessage"] == "there is no é"
    assert platform_lines(done)[-3:] == [
        "START RequestId: ID Version: $LATEST",
        "END RequestId: ID",
        "REPORT RequestId: ID",
    ]
    assert "Status" not in done.report


async def test_python_tells_where_it_failed(live: Live) -> None:
    done = await live.invoke(await live.actor("python3.13"), {"do": "fail"})

    assert done.answer["requestId"] == done.request_id
    (frame,) = done.answer["stackTrace"]
    assert re.fullmatch(r'  File "/var/task/app\.py", line \d+, in handler\n    raise .+\n', frame)


async def test_node_tells_where_it_failed(live: Live) -> None:
    done = await live.invoke(await live.actor("nodejs22.x"), {"do": "fail"})

    first, where, *_ = done.answer["trace"]
    assert first.endswith("there is no é")
    assert where.startswith("    at ")
    assert "/var/task/index.mjs:" in where


@pytest.mark.parametrize("runtime", ["python3.11", "python3.13"])
async def test_result_that_is_no_json_in_python(live: Live, runtime: str) -> None:
    done = await live.invoke(await live.actor(runtime), {"do": "unserialisable"})

    assert done.outcome.kind is OutcomeKind.ERROR
    assert done.outcome.error_type == "Runtime.MarshalError"
    assert done.answer["errorMessage"] == (
        "Unable to marshal response: Object of type set is not JSON serializable"
    )


@pytest.mark.parametrize("runtime", ["nodejs20.x", "nodejs22.x"])
async def test_result_that_is_no_json_in_node(live: Live, runtime: str) -> None:
    done = await live.invoke(await live.actor(runtime), {"do": "unserialisable"})

    assert done.outcome.kind is OutcomeKind.ERROR
    assert done.outcome.error_message == "Unable to stringify response body"


# --- the runtime ends -------------------------------------------------------------------------------------

EXITS = [
    pytest.param(
        {"do": "exit", "code": 0}, "Runtime exited without providing a reason", id="exit 0"
    ),
    pytest.param(
        {"do": "exit", "code": 3}, "Runtime exited with error: exit status 3", id="exit 3"
    ),
    pytest.param(
        {"do": "exit", "code": 255}, "Runtime exited with error: exit status 255", id="exit 255"
    ),
    pytest.param(
        {"do": "signal", "number": int(signal.SIGKILL)},
        "Runtime exited with error: signal: killed",
        id="SIGKILL",
    ),
    pytest.param(
        {"do": "signal", "number": int(signal.SIGTERM)},
        "Runtime exited with error: signal: terminated",
        id="SIGTERM",
    ),
    pytest.param(
        {"do": "segfault"}, "Runtime exited with error: signal: segmentation fault", id="segfault"
    ),
]


@pytest.mark.parametrize(("event", "message"), EXITS)
@pytest.mark.parametrize("runtime", MAIN)
async def test_end_of_the_runtime_is_told_in_lambdas_words(
    live: Live, runtime: str, event: dict[str, Any], message: str
) -> None:
    done = await live.invoke(await live.actor(runtime), event)

    assert done.outcome.kind is OutcomeKind.EXIT
    assert done.outcome.payload == error_body(done, "Runtime.ExitError", message)
    assert platform_lines(done)[-4:] == [
        "START RequestId: ID Version: $LATEST",
        f"RequestId: ID Error: {message}\nRuntime.ExitError",
        "END RequestId: ID",
        "REPORT RequestId: ID",
    ]
    assert (done.report["Status"], done.report["Error Type"]) == ("error", "Runtime.ExitError")
    assert "Init Duration" not in done.report or done.record.cold


@pytest.mark.parametrize("runtime", EVERY)
async def test_last_words_of_a_runtime_come_before_its_end(live: Live, runtime: str) -> None:
    done = await live.invoke(await live.actor(runtime), {"do": "exit", "code": 1})

    texts = done.texts()
    assert done.own == ["last words"]
    assert texts.index("last words") < next(
        at for at, text in enumerate(texts) if "Runtime exited" in text
    )


@pytest.mark.parametrize(
    "end", [{"do": "exit", "code": 1}, {"do": "signal", "number": 9}], ids=["exit", "SIGKILL"]
)
@pytest.mark.parametrize("runtime", EVERY)
async def test_crash_forgets_the_module_and_keeps_tmp_in_the_same_container(
    live: Live, runtime: str, end: dict[str, Any]
) -> None:
    name = await live.own_actor(runtime)

    before = [await live.invoke(name, {"do": "remember"}) for _ in range(2)]
    crashed = await live.invoke(name, end)
    after = [await live.invoke(name, {"do": "remember"}) for _ in range(2)]

    assert [d.answer for d in (*before, *after)] == [[1, 1], [2, 2], [1, 3], [2, 4]]
    assert len({d.record.environment_id for d in (*before, crashed, *after)}) == 1
    (environment,) = live.environments(name)
    assert environment.invocations == 5


async def test_start_inside_an_invocation_is_part_of_its_duration(live: Live) -> None:
    slow_start = "import time\ntime.sleep(0.3)\n"
    files = {"app.py": f"{slow_start}import os\ndef handler(e, c):\n    if e: os._exit(1)\n"}
    name = await live.add(files, timeout_s=30, memory_mb=1024)

    crashed = await live.invoke(name, 1)
    after = await live.invoke(name, None)
    warm = await live.invoke(name, None)

    durations = [float(d.report["Duration"].removesuffix(" ms")) for d in (after, warm)]
    assert "Init Duration" in crashed.report
    assert "Init Duration" not in after.report
    assert "Init Duration" not in warm.report
    assert durations[0] > 300 > durations[1]
    assert (after.record.cold, warm.record.cold) == (True, False)
    assert not [text for text in after.texts() if text.startswith("INIT_REPORT")]


async def test_cpu_time_counts_a_start_inside_the_invocation(live: Live) -> None:
    busy_start = "import time\nwhile time.process_time() < 0.4: pass\n"
    files = {"app.py": f"{busy_start}import os\ndef handler(e, c):\n    if e: os._exit(1)\n"}
    name = await live.add(files, timeout_s=30, memory_mb=1769)

    await live.invoke(name, 1)
    after = await live.invoke(name, None)

    measured = after.record.measurements
    assert measured is not None
    assert (measured.cpu_ms or 0) > 300


# --- memory ---------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def out_of_memory(live: Live) -> dict[str, tuple[Done, ...]]:
    """Before, when and after memory ran out. The kernel takes its time to kill."""
    return await in_each(live, ["remember", "fill", "remember"], memory_mb=MEMORY_MB)


@pytest.mark.parametrize("runtime", EVERY)
async def test_out_of_memory_is_told_with_its_peak(
    out_of_memory: dict[str, tuple[Done, ...]], runtime: str
) -> None:
    before, done, after = out_of_memory[runtime]

    assert done.outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert done.outcome.payload == error_body(
        done, "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"
    )
    assert done.report["Max Memory Used"] == f"{MEMORY_MB} MB"
    assert (done.report["Status"], done.report["Error Type"]) == ("error", "Runtime.OutOfMemory")
    assert done.own, "what it wrote before it was killed"
    assert all(text.startswith("holding ") for text in done.own)
    assert (before.answer, after.answer) == ([1, 1], [1, 2])
    assert len({d.record.environment_id for d in (before, done, after)}) == 1


@pytest.mark.parametrize("runtime", MAIN)
async def test_child_that_is_killed_for_memory_does_not_end_the_handler(
    live: Live, runtime: str
) -> None:
    name = await live.own_actor(runtime, memory_mb=MEMORY_MB)

    done = await live.invoke(name, {"do": "fill in a child"})
    ended = await live.invoke(name, {"do": "exit", "code": 1})

    assert done.outcome.kind is OutcomeKind.SUCCESS
    assert done.answer == -signal.SIGKILL
    assert int(done.report["Max Memory Used"].removesuffix(" MB")) > MEMORY_MB * 0.8
    # that a child was killed earlier does not make this a lack of memory
    assert ended.outcome.error_type == "Runtime.ExitError"


# --- time -----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def timed_out(live: Live) -> dict[str, tuple[Done, ...]]:
    """A first invocation whose time was up."""
    return await in_each(live, ["sleep"], timeout_s=3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reset_by_timeout(live: Live) -> dict[str, tuple[Done, ...]]:
    """Before, when and after the time of one was up."""
    return await in_each(live, ["remember", "sleep", "remember"], timeout_s=4)


@pytest.mark.parametrize("runtime", EVERY)
async def test_timeout_is_told_in_body_log_and_report(
    timed_out: dict[str, tuple[Done, ...]], runtime: str
) -> None:
    done, *_ = timed_out[runtime]

    assert done.outcome.kind is OutcomeKind.TIMEOUT
    assert done.outcome.payload == error_body(
        done, "Sandbox.Timedout", "Task timed out after 3.00 seconds"
    )
    assert done.own == ["sleeping"]
    *_, start, own, end, report, classic = done.texts()
    assert start == f"START RequestId: {done.request_id} Version: $LATEST"
    assert own == "sleeping"
    assert end == f"END RequestId: {done.request_id}"
    assert report.startswith(f"REPORT RequestId: {done.request_id}\tDuration: 3000.00 ms\t")
    assert report.endswith("\tStatus: timeout")
    stamp, rid, said = classic.split(" ", 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert (rid, said) == (done.request_id, "Task timed out after 3.00 seconds\n")
    init_ms = float(done.report["Init Duration"].removesuffix(" ms"))
    billed_ms = int(done.report["Billed Duration"].removesuffix(" ms"))
    # rounded up from both together; the Init Duration that is printed is rounded to 0.01 ms
    assert 3000 + init_ms - 0.005 <= billed_ms < 3000 + init_ms + 1.005


@pytest.mark.parametrize("runtime", EVERY)
async def test_timeout_forgets_the_module_and_keeps_tmp_in_the_same_container(
    reset_by_timeout: dict[str, tuple[Done, ...]], runtime: str
) -> None:
    before, late, after = reset_by_timeout[runtime]

    assert late.outcome.kind is OutcomeKind.TIMEOUT
    assert (before.answer, after.answer) == ([1, 1], [1, 2])
    assert len({d.record.environment_id for d in (before, late, after)}) == 1


@pytest.mark.parametrize("runtime", MAIN)
async def test_process_that_ignores_polite_signals_is_ended_on_time(
    live: Live, runtime: str
) -> None:
    name = await live.own_actor(runtime, timeout_s=2)

    done = await live.invoke(name, {"do": "ignore"})

    assert done.outcome.kind is OutcomeKind.TIMEOUT
    assert set(done.own) == {"still here"}
    (environment,) = live.environments(name)
    assert environment.state is EnvironmentState.RESET


# --- what a runtime leaves behind -------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", MAIN)
async def test_child_outlives_its_invocation_and_not_its_runtime(live: Live, runtime: str) -> None:
    name = await live.own_actor(runtime)

    await live.invoke(name, {"do": "leave a child"})
    with_child = await live.invoke(name, {"do": "processes"})
    await live.invoke(name, {"do": "exit", "code": 1})
    without = await live.invoke(name, {"do": "processes"})

    assert "sh" in with_child.answer or "sleep" in with_child.answer
    assert not {"sh", "sleep"} & set(without.answer)


@pytest.mark.parametrize("runtime", MAIN)
async def test_handler_that_closes_its_output_still_answers(live: Live, runtime: str) -> None:
    name = await live.own_actor(runtime)

    closed = await live.invoke(name, {"do": "close stdout"})
    after = await live.invoke(name, {"do": "echo", "value": "still there"})

    assert closed.answer == "closed"
    assert after.answer == "still there"
    assert platform_lines(after)[-2:] == ["END RequestId: ID", "REPORT RequestId: ID"]
