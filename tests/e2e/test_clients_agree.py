"""Our own runtime clients, in plain processes, answer and log as AWS's own do in containers.

The oracle is AWS's client itself, run side by side on the same handlers. What may differ is taken
out first: where files are, when it was, and the frames of the client.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import quirks
from tests.e2e.live import all_of
from tests.e2e.workshop import a_docker_stage
from tests.integration.conformance.stage import Done, Stage
from tests.integration.test_process_clients import a_process_stage
from workbench.model.container import LogStream
from workbench.model.invocation import OutcomeKind

pytestmark = [pytest.mark.docker, pytest.mark.slow]

_CLIENT = r"(?:process_client|/var/runtime/|node:internal|node:events|new Promise|readFileSync)"
_SAME = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"/[\w./-]*?/lib/python3", "<lib>/python3"),
    (r'<frozen importlib\._bootstrap(_external)?>(\\?", line) \d+', r"<frozen>\2"),
    (r'(<lib>/python3[^"\\]*\\?", line) \d+', r"\1"),
    # frames of the client: in JSON texts, in texts inside JSON texts, and as they are
    (rf'(?<=\[)"    at [^"]*{_CLIENT}[^"]*",?', ""),
    (rf',?"    at [^"]*{_CLIENT}[^"]*"', ""),
    (rf'\\n    at [^"\\]*{_CLIENT}[^"\\]*', ""),
    (rf"\n    at [^\n]*{_CLIENT}[^\n]*", ""),
    (r'"  File \\"[^"]*(awslambdaric|process_client)[^"]*\\"[^"]*",? ?', ""),
    (r"\n\xa0\xa0File \"[^\"]*(awslambdaric|process_client)[^\n]*(\n\xa0{4}[^\n]*)?", ""),
    (r" \[as \w+\]", ""),
    (r"(LAMBDA_WARNING: Unhandled exception)\..*", r"\1"),
    (r"- \S*(process_client|client/index)\.mjs", "- <client>"),
)  # fmt: skip


AT_ONCE = 4
"""Handlers tried side by side: some of them only end when their time is up."""


@dataclass(frozen=True, slots=True)
class Both:
    """One runtime's functions, run by AWS's client and by ours."""

    theirs: Stage
    ours: Stage

    async def differ(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """What came of one invocation, there and here; empty where they agree."""
        ended = await all_of(*(stage.invoke(*args, **kwargs) for stage in (self.theirs, self.ours)))
        there, here = (
            told(done, stage) for done, stage in zip(ended, (self.theirs, self.ours), strict=True)
        )
        return [] if there == here else [there, here]


def told(done: Done, stage: Stage) -> dict[str, Any]:
    """An invocation, without what may differ."""
    logs = [
        (entry.stream.value, entry.level, same(entry.text, done, stage))
        for entry in done.logs
        if entry.stream is LogStream.FRAMED
        or (entry.stream is LogStream.STDOUT and done.outcome.kind is OutcomeKind.SUCCESS)
    ]
    return {
        "kind": done.outcome.kind,
        "type": done.outcome.error_type,
        "body": same(done.outcome.payload.decode(errors="backslashreplace"), done, stage),
        "logs": logs,
    }


def same(text: str, done: Done, stage: Stage) -> str:
    text = text.replace(done.record.request_id, "<id>")
    text = re.sub(re.escape(str(stage.folder)) + "/[0-9a-f]{16}", "/var/task", text)
    for pattern, replacement in _SAME:
        text = re.sub(pattern, replacement, text)
    return text


@asynccontextmanager
async def both(name: str, cache: Path) -> AsyncIterator[Both]:
    async with a_process_stage(name) as ours, a_docker_stage(name, cache) as theirs:
        yield Both(theirs, ours)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps the supervisor for all tests of a session."""
    return tmp_path_factory.mktemp("cache")


LANGUAGES = {
    "python3.11": (quirks.PYTHON, quirks.PYTHON_WARM, quirks.PYTHON_COLD, "quirks.event_of"),
    "nodejs20.x": (quirks.NODE, quirks.NODE_WARM, quirks.NODE_COLD, "quirks.eventOf"),
}


@pytest.mark.parametrize("name", LANGUAGES)
async def test_answers_errors_and_records_agree(name: str, cache: Path) -> None:
    files, warm, _, events = LANGUAGES[name]
    cases = [(handler, json.dumps(event).encode()) for handler, event in warm]
    cases += [(events, payload) for payload in quirks.EVENTS]
    async with both(name, cache) as clients:
        different = {case: seen for case in cases if (seen := await clients.differ(files, *case))}

    assert not different


@pytest.mark.parametrize("name", LANGUAGES)
async def test_loading_and_ending_agree(name: str, cache: Path) -> None:
    files, _, cold, _ = LANGUAGES[name]
    places = asyncio.Semaphore(AT_ONCE)

    async def seen(clients: Both, handler: str) -> list[dict[str, Any]]:
        async with places:
            return await clients.differ(files, handler, timeout_s=6)

    async with both(name, cache) as clients:
        different = await all_of(*(seen(clients, handler) for handler in cold))

    assert {handler: each for handler, each in zip(cold, different, strict=True) if each} == {}


@pytest.mark.parametrize("name", LANGUAGES)
async def test_contexts_agree(name: str, cache: Path) -> None:
    files = LANGUAGES[name][0]
    async with both(name, cache) as clients:
        different = {
            context: seen
            for context in quirks.CONTEXTS
            if (seen := await clients.differ(files, "quirks.about", client_context=context))
        }

    assert not different


@pytest.mark.parametrize(
    "variables",
    [{"AWS_LAMBDA_LOG_LEVEL": "ERROR"}, {"AWS_LAMBDA_LOG_FORMAT": "JSON"}],
    ids=["level", "format"],
)
@pytest.mark.parametrize("name", LANGUAGES)
async def test_log_settings_agree(name: str, variables: dict[str, str], cache: Path) -> None:
    files, warm, *_ = LANGUAGES[name]
    cases = [(h, json.dumps(e).encode()) for h, e in warm if h.endswith("logs") or e == "own"]
    async with both(name, cache) as clients:
        different = {
            case: seen
            for case in cases
            if (seen := await clients.differ(files, *case, variables=variables))
        }

    assert not different
