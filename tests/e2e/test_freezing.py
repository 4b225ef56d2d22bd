"""What a function leaves running when it has answered stands still until its next event, as on AWS."""

from __future__ import annotations

import asyncio
from typing import Any

import docker
import pytest

from tests.e2e.live import Done, Live, told
from tests.e2e.test_misconduct import PRELUDE
from workbench.model.container import LogStream
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.telemetry import EnvironmentChanged, LogLine

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

PYTHON = """
import asyncio, os, threading, time

counted = 0

def count():
    global counted
    while True:
        counted += 1
        os.write(1, f"tick {counted}\\n".encode())
        time.sleep(0.005)

def compute():
    while True:
        sum(range(1000))

async def wait():
    await asyncio.sleep(3600)

LEFT_RUNNING = {
    "counts": count,
    "computes": compute,
    "waits for an event": lambda: threading.Event().wait(3600),
    "has a loop": lambda: asyncio.run(wait()),
    "waits for ever": lambda: threading.Event().wait(),
}

def handler(event, context):
    if event in LEFT_RUNNING:
        threading.Thread(target=LEFT_RUNNING[event], daemon=True).start()
        time.sleep(0.05)
    return {"counted": counted, "at": time.monotonic()}
"""

NODE = """
let counted = 0;
exports.handler = async (event) => {
  if (event === "counts") setInterval(() => counted++, 5);
  if (event === "two") { setTimeout(() => {}, 3600e3); setTimeout(() => {}, 3600e3); }
  if (event === "unimportant") setTimeout(() => {}, 3600e3).unref();
  await new Promise((done) => setTimeout(done, 50));
  return { counted, at: performance.now() / 1000 };
};
"""

SHELL = """
count() { while :; do echo x >>/tmp/counted; sleep 0.01; done; }
while :; do
  ask
  [ "$(cat /tmp/event)" = '"counts"' ] && count &
  sleep 0.05
  respond "{\\"counted\\": $(cat /tmp/counted 2>/dev/null | wc -l), \\"at\\": $(cut -d ' ' -f 1 /proc/uptime)}"
done
"""

KINDS: dict[str, dict[str, Any]] = {
    "python": {"files": {"app.py": PYTHON}, "runtime": "python3.13"},
    "node": {"files": {"app.js": NODE}, "runtime": "nodejs22.x"},
    "shell": {
        "files": {"bootstrap": PRELUDE + SHELL},
        "runtime": "provided.al2023",
        "handler": "any",
    },
}


async def function(live: Live, kind: str, **manifest: Any) -> str:
    return await live.add(**KINDS[kind], memory_mb=1769, timeout_s=60, **manifest)


async def until_frozen(live: Live, name: str, seconds: float = 0.0) -> None:
    await live.until(
        lambda: [each.state for each in live.environments(name)] == [EnvironmentState.FROZEN]
    )
    (environment,) = live.environments(name)
    await live.until_passed(environment.changed_at, seconds)


def notes(done: Done) -> list[str]:
    texts = done.texts(LogStream.PLATFORM)
    return [text.split(": ", 1)[1] for text in texts if text.startswith("Background work was")]


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("python", "a sleep or a wait with a timeout."),
        ("node", "1 timer."),
        ("shell", "a sleep or a wait with a timeout."),
    ],
)
async def test_what_is_left_running_stands_still_and_goes_on(
    live: Live, kind: str, note: str
) -> None:
    name = await function(live, kind)
    before = await live.invoke(name, "counts")
    await until_frozen(live, name, 1.5)
    after = await live.invoke(name)

    passed_s = after.answer["at"] - before.answer["at"]
    assert passed_s > 1.5, "its clock went on"
    assert after.answer["counted"] > before.answer["counted"], "it goes on"
    assert after.answer["counted"] - before.answer["counted"] < 100, "for 1.5 s it did not"
    # Both are seen asleep nearly always, and now and then between two sleeps: running, and a shell also
    # waiting for the process that it has just started, or for one that ends.
    between = {"shell": [[], ["code that was running."]], "python": [["code that was running."]]}
    assert notes(after) in [[note], *between.get(kind, [])]
    assert after.record.environment_id == before.record.environment_id


async def test_lines_from_before_and_after_a_freeze_are_all_there_and_in_order(live: Live) -> None:
    name = await function(live, "python")
    with live.workbench.subscribe() as feed:
        runs = [await live.invoke(name, "counts")]
        for _ in range(3):
            await until_frozen(live, name)
            runs.append(await live.invoke(name))
        heard = [value for value in feed.take_nowait() if isinstance(value, EnvironmentChanged)]

    ticks = [text for run in runs for text in run.texts(LogStream.STDOUT)]
    assert len(ticks) > 3
    assert ticks == [f"tick {number}" for number in range(1, len(ticks) + 1)]
    assert EnvironmentState.FROZEN in {change.state for change in heard}


async def test_where_it_is_switched_off_it_runs_on(live: Live) -> None:
    name = await function(live, "python", freeze=False)
    before = await live.invoke(name, "counts")
    (environment,) = live.environments(name)
    await live.until_passed(environment.changed_at, 1.5)
    after = await live.invoke(name)

    assert [each.state for each in live.environments(name)] == [EnvironmentState.IDLE]
    assert notes(after) == []
    assert len(after.texts(LogStream.STDOUT)) > 10
    assert after.answer["counted"] - before.answer["counted"] > 50


async def test_signal_is_handled_while_the_next_event_is_waited_for(live: Live) -> None:
    """From Python 3.12 on, as on AWS; before, its client waits where no handler runs."""
    code = """
import signal

def rings(number, frame):
    print("rang", flush=True)

signal.signal(signal.SIGALRM, rings)

def handler(event, context):
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    return event
"""
    name = await live.add({"app.py": code}, memory_mb=256, freeze=False)
    with live.workbench.subscribe() as feed:
        first = await live.invoke(name, 1)
        line = await told(
            feed, lambda value: isinstance(value, LogLine) and value.entry.text == "rang"
        )
    again = await live.invoke(name, 2)

    assert isinstance(line, LogLine)
    assert line.entry.request_id is None, "nothing was in progress"
    assert [first.answer, again.answer] == [1, 2]
    assert first.record.environment_id == again.record.environment_id


@pytest.mark.parametrize(
    ("kind", "event", "note"),
    [
        ("python", "computes", "code that was running."),
        ("python", "waits for an event", "a sleep or a wait with a timeout."),
        ("python", "has a loop", "a sleep or a wait with a timeout."),
        ("node", "two", "2 timers."),
        ("python", "waits for ever", None),
        ("python", None, None),
        ("node", "unimportant", None),
        ("node", None, None),
        ("shell", None, None),
    ],
)
async def test_only_what_is_certain_is_said(
    live: Live, kind: str, event: str | None, note: str | None
) -> None:
    name = await function(live, kind)
    await live.invoke(name, event)
    told = []
    for _ in range(3):
        await until_frozen(live, name, 0.3)
        told.append(notes(await live.invoke(name)))

    assert told == [[] if note is None else [note]] * 3


async def test_a_frozen_one_that_is_killed_is_known_to_be_gone(live: Live) -> None:
    name = await function(live, "python")
    before = await live.invoke(name, "counts")
    await until_frozen(live, name)
    (environment,) = live.environments(name)
    client = docker.from_env()
    try:
        await asyncio.to_thread(client.api.kill, environment.container)
    finally:
        client.close()
    await live.until(lambda: live.environments(name) == ())
    after = await live.invoke(name)

    assert after.outcome.kind is OutcomeKind.SUCCESS
    assert after.record.environment_id != before.record.environment_id


async def test_a_runtime_that_was_frozen_dies_on_time_with_its_children(live: Live) -> None:
    app = """
import os, subprocess, time
def handler(event, context):
    if event == "leave":
        subprocess.Popen(["sleep", "3600"])
    if event == "hang":
        time.sleep(3600)
    return len([name for name in os.listdir("/proc") if name.isdigit()])
"""
    name = await live.add({"app.py": app}, memory_mb=1769, timeout_s=2)
    left = await live.invoke(name, "leave")
    await until_frozen(live, name, 0.5)
    late = await live.invoke(name, "hang")
    after = await live.invoke(name)

    assert (left.answer, after.answer) == (3, 2), "with the supervisor and the runtime"
    assert late.outcome.kind is OutcomeKind.TIMEOUT
    assert notes(late) == ["a sleep or a wait with a timeout."]
    assert {each.record.environment_id for each in (late, after)} == {left.record.environment_id}
