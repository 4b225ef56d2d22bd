"""What functions write, line by line: whose it is, in which order, and nothing of it lost."""

from __future__ import annotations

import re
import resource
from typing import Any

import pytest

from tests.e2e.acting import ACTORS
from tests.e2e.live import Done, Live, told
from workbench.model.container import LogStream
from workbench.model.invocation import LogEntry
from workbench.model.telemetry import LogLine

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

MAIN = ("python3.13", "nodejs22.x", "provided.al2023")
MANIFEST: dict[str, Any] = {"memory_mb": 1769, "timeout_s": 60}
STDOUT, STDERR, FRAMED = LogStream.STDOUT, LogStream.STDERR, LogStream.FRAMED
KEPT_BYTES = 16 * 1024 * 1024


def written(done: Done) -> list[tuple[LogStream, str]]:
    """What the function wrote while it had the event."""
    return [
        (entry.stream, entry.text)
        for entry in done.logs
        if entry.stream is not LogStream.PLATFORM and entry.request_id is not None
    ]


async def remembered(live: Live, done: Done) -> tuple[LogEntry, ...]:
    """Its log as the history has it."""
    return (await live.workbench.invocations.record(done.request_id)).logs


# --- order and belonging -------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", sorted(ACTORS))
async def test_every_line_bears_the_request_it_was_written_for(live: Live, runtime: str) -> None:
    name = await live.own_actor(runtime)

    for _ in range(3):
        done = await live.invoke(name, {"do": "interleave", "lines": 4, "apart_s": 0})

        own = [entry for entry in done.logs if entry.request_id is not None]
        assert {entry.request_id for entry in own} == {done.request_id}
        first, *between, end, report = own
        assert first.text == f"START RequestId: {done.request_id} Version: $LATEST"
        assert sorted(entry.text for entry in between) == [f"line {n}" for n in range(4)]
        assert end.text == f"END RequestId: {done.request_id}"
        assert report.text.startswith(f"REPORT RequestId: {done.request_id}\t")
        assert {entry.environment_id for entry in done.logs} == {done.record.environment_id}


@pytest.mark.parametrize("runtime", MAIN)
async def test_lines_of_both_streams_come_in_the_order_they_were_written(
    live: Live, runtime: str
) -> None:
    event = {"do": "interleave", "lines": 10, "apart_s": 0.03}

    done = await live.invoke(await live.actor(runtime), event)

    assert written(done) == [((STDOUT, STDERR)[n % 2], f"line {n}") for n in range(10)]


@pytest.mark.parametrize("runtime", ["python3.13", "nodejs22.x"])
async def test_lines_written_at_once_keep_their_order_in_each_stream(
    live: Live, runtime: str
) -> None:
    event = {"do": "interleave", "lines": 20_000, "apart_s": 0}

    done = await live.invoke(await live.actor(runtime), event)

    assert done.outcome.ok, done.answer
    for stream, first in ((STDOUT, 0), (STDERR, 1)):
        assert done.texts(stream) == [f"line {n}" for n in range(first, 20_000, 2)]


@pytest.mark.parametrize("runtime", MAIN)
async def test_the_history_has_what_the_caller_had(live: Live, runtime: str) -> None:
    name = await live.own_actor(runtime)

    cold = await live.invoke(name, {"do": "interleave", "lines": 5, "apart_s": 0})
    died = await live.invoke(name, {"do": "exit", "code": 1})
    late = await live.invoke(name, {"do": "fail"})

    for done in (cold, died, late):
        assert await remembered(live, done) == done.logs


async def test_what_init_wrote_is_shown_with_the_first_invocation(live: Live) -> None:
    app = "print('starting')\ndef handler(event, context): print('working')\n"
    name = await live.add({"app.py": app}, **MANIFEST)

    first = await live.invoke(name)
    second = await live.invoke(name)

    init, starting, start, working, *_ = first.logs
    assert init.text.startswith("INIT_START ")
    assert [(e.text, e.request_id) for e in (starting, working)] == [
        ("starting", None),
        ("working", first.request_id),
    ]
    assert start.text.startswith("START ")
    assert second.texts(STDOUT) == ["working"]


async def test_what_a_thread_writes_between_invocations_is_nobodys(live: Live) -> None:
    app = """
import os, threading, time

written = 0

def count():
    global written
    while written < 200:
        os.write(1, b"tick %d\\n" % written)
        written += 1
        time.sleep(0.01)

def handler(event, context):
    if event == "begin":
        threading.Thread(target=count, daemon=True).start()
    os.write(1, event.encode() + b"\\n")
"""
    name = await live.add({"app.py": app}, **MANIFEST, freeze=False)

    with live.workbench.subscribe(capacity=100_000) as feed:
        begun = await live.invoke(name, "begin")
        await told(feed, lambda v: isinstance(v, LogLine) and v.entry.text == "tick 50")
        again = await live.invoke(name, "again")
        await told(feed, lambda v: isinstance(v, LogLine) and v.entry.text == "tick 199")
    entries = await live.workbench.invocations.log_lines(name, back=1000)

    ticks = [entry for entry in entries if entry.text.startswith("tick")]
    assert [entry.text for entry in ticks] == [f"tick {n}" for n in range(200)]
    owner = None
    for entry in entries:
        if entry.text.startswith("START"):
            owner = entry.request_id
        assert entry.request_id == owner, entry.text
        if entry.text.startswith("REPORT"):
            owner = None
    assert None in {entry.request_id for entry in ticks}
    assert begun.texts(STDOUT)[0] in ("begin", "tick 0")
    assert "again" in again.texts(STDOUT)


async def test_child_that_writes_after_the_answer_disturbs_no_other_invocation(live: Live) -> None:
    app = """
import subprocess
def handler(event, context):
    if event == "leave":
        subprocess.Popen(["sh", "-c", "while [ ! -e /tmp/now ]; do sleep 0.01; done; echo late"])
    if event == "now":
        open("/tmp/now", "w").close()
    print(event, flush=True)
"""
    for _ in range(5):
        # not frozen, or the child may be before it has written
        name = await live.add({"app.py": app}, **MANIFEST, freeze=False)
        left = await live.invoke(name, "leave")
        with live.workbench.subscribe() as feed:
            now = await live.invoke(name, "now")
            if now.record.environment_id == left.record.environment_id:
                late = await told(feed, lambda v: isinstance(v, LogLine) and v.entry.text == "late")
                break
    else:
        pytest.fail("another environment was ready sooner each time")
    after = await live.invoke(name, "after")

    assert isinstance(late, LogLine)
    assert left.own == ["leave"]
    assert after.own == ["after"]


# --- one entry or several ------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", ["python3.11", "python3.13"])
async def test_python_traceback_is_one_entry(live: Live, runtime: str) -> None:
    done = await live.invoke(await live.actor(runtime), {"do": "fail"})

    (entry,) = (entry for entry in done.logs if entry.stream is FRAMED)
    assert re.fullmatch(
        "\\[ERROR\\] LookupError: there is no é\n"
        "Traceback \\(most recent call last\\):\n"
        '\u00a0\u00a0File "/var/task/app.py", line \\d+, in handler\n'
        "\u00a0\u00a0\u00a0\u00a0raise LookupError\\(.*\\)",
        entry.text,
    )
    assert (entry.level, entry.request_id) == ("ERROR", done.request_id)


@pytest.mark.parametrize("runtime", ["nodejs20.x", "nodejs22.x"])
async def test_node_stack_is_one_entry(live: Live, runtime: str) -> None:
    done = await live.invoke(await live.actor(runtime), {"do": "fail"})

    (entry,) = (entry for entry in done.logs if entry.stream is FRAMED)
    stamp, rid, level, said = entry.text.split("\t", 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert (rid, level) == (done.request_id, "ERROR")
    assert said.startswith('Invoke Error \t{"errorType":"LookupError"')
    assert '"stack":[' in said
    assert (entry.level, entry.request_id) == ("ERROR", done.request_id)


async def test_python_log_record_is_one_entry_and_printed_lines_are_several(live: Live) -> None:
    app = """
import logging
def handler(event, context):
    print("first\\nsecond")
    logging.warning("first\\nsecond")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("it failed")
"""
    done = await live.invoke(await live.add({"app.py": app}, **MANIFEST))

    assert done.texts(STDOUT) == ["first", "second"]
    warning, exception = done.texts(FRAMED)
    assert re.fullmatch(rf"\[WARNING\]\t[\d:T.-]+Z\t{done.request_id}\tfirst\nsecond", warning), (
        warning
    )
    assert exception.split("\t")[3].startswith("it failed\nTraceback (most recent call last):\n")
    assert exception.endswith("ZeroDivisionError: division by zero")


async def test_node_console_is_one_entry_for_each_call(live: Live) -> None:
    index = """
export const handler = async () => {
  console.log("first\\nsecond");
  console.error({ a: 1 });
  process.stdout.write("raw\\n");
};
"""
    name = await live.add({"index.mjs": index}, runtime="nodejs22.x", handler="index.handler")
    done = await live.invoke(name)

    log, error = (entry for entry in done.logs if entry.stream is FRAMED)
    assert log.text.split("\t", 1)[1] == f"{done.request_id}\tINFO\tfirst\nsecond"
    assert error.text.split("\t", 1)[1] == f"{done.request_id}\tERROR\t{{ a: 1 }}"
    assert (log.level, error.level) == ("INFO", "ERROR")
    assert done.texts(STDOUT) == ["raw"]


# --- odd text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", MAIN)
async def test_line_without_an_end_is_a_line(live: Live, runtime: str) -> None:
    name = await live.actor(runtime)

    half = await live.invoke(name, {"do": "print", "text": "half"})
    rest = await live.invoke(name, {"do": "print", "text": "rest"})

    assert (half.own, rest.own) == (["half"], ["rest"])


async def test_text_is_safe_for_a_terminal_and_loses_no_words(live: Live) -> None:
    text = (
        "\x1b[31mred\x1b[0m \x1b]52;c;ZXZpbA==\x07plain \x1b[2Jcleared\n"
        "over\rwritten\r\n\x00nul\x07bell\n\u202eturned\n"
    )
    name = await live.actor("python3.13")

    done = await live.invoke(name, {"do": "print", "text": text})

    assert done.own == [
        "\x1b[31mred\x1b[0m plain cleared",
        "over\nwritten",
        "nulbell",
        "turned",
    ]


async def test_bytes_that_are_no_text_do_not_break_the_line(live: Live) -> None:
    app = "import os\ndef handler(e, c): os.write(1, b'caf\\xe9 \\xf0\\x9f\\x98\\x80\\n\\xff\\n')\n"

    done = await live.invoke(await live.add({"app.py": app}, **MANIFEST))

    assert done.texts(STDOUT) == ["caf\ufffd \U0001f600", "\ufffd"]


async def test_endless_line_is_cut_and_nothing_of_it_is_lost(live: Live) -> None:
    app = "def handler(event, context): print('é' * 500_000, end='', flush=True)\n"

    done = await live.invoke(await live.add({"app.py": app}, **MANIFEST))

    pieces = done.texts(STDOUT)
    assert "".join(pieces) == "é" * 500_000
    assert max(len(piece.encode()) for piece in pieces) <= 262_144
    assert len(pieces) == 4


# --- much ---------------------------------------------------------------------------------------------------


async def test_hundred_megabytes_are_kept_as_far_as_they_fit_and_the_rest_is_counted(
    live: Live,
) -> None:
    app = """
import os
def handler(event, context):
    for block in range(1000):
        lines = [b"%08d" % (block * 100 + n) + b"." * 991 for n in range(100)]
        piece = b"\\n".join(lines) + b"\\n"
        while piece:
            piece = piece[os.write(1, piece):]
    return "written"
"""
    name = await live.add({"app.py": app}, **MANIFEST)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = await live.invoke(name)
    more_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib

    kept = done.texts(STDOUT)
    assert done.answer == "written"
    assert more_kib < 64 * 1024, (
        "of which what is kept is 16 MiB, and what waits for the disk as much"
    )
    assert kept == [f"{n:08d}" + "." * 991 for n in range(len(kept))]
    assert KEPT_BYTES - 2000 < 1000 * len(kept) <= KEPT_BYTES
    assert 1000 * len(kept) + done.record.log_bytes_dropped == 100_000_000
    assert [text.split(" ")[0] for text in done.texts()[-2:]] == ["END", "REPORT"]
    history = await remembered(live, done)
    assert len(history) == done.record.log_lines == len(done.logs)
    assert history[-1].text == done.texts()[-1]
