"""Runtimes that do not get as far as asking for an event.

The init phase fails first, before any invocation is given to the environment; then it is repeated
inside the invocation ("suppressed init"), and that is what the caller is told about.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.acting import ACTORS
from tests.e2e.live import Done, Live, a_live_project
from workbench.errors import FunctionNotReady
from workbench.model.container import LogStream
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

PYTHON = ("python3.11", "python3.13")
NODE = ("nodejs20.x", "nodejs22.x")
IMPATIENT = {"timeouts": {"init_s": 1.5}}
MANIFEST: dict[str, Any] = {"memory_mb": 1024, "timeout_s": 30}


def failing(error_type: str) -> list[str]:
    """The lines of an init phase that failed twice in the same way."""
    return [
        "INIT_START",
        f"INIT_REPORT Phase: init Status: error Error Type: {error_type}",
        "START",
        f"INIT_REPORT Phase: invoke Status: error Error Type: {error_type}",
        "END",
        f"REPORT Status: error Error Type: {error_type}",
    ]


def outline(done: Done) -> list[str]:
    """Lambda's own lines: what they say, without ids and figures."""
    told = []
    for text in done.texts(LogStream.PLATFORM):
        first, *rest = text.split("\t")
        words = [first.split(" ")[0]] if not first.startswith("RequestId") else [first]
        wanted = [part for part in rest if re.match(r"Phase|Status|Error Type", part)]
        told.append(" ".join([*words, *wanted]).replace(done.request_id, "ID"))
    return told


# --- what official clients report -------------------------------------------------------------------------

INIT_ERRORS = [
    pytest.param(
        PYTHON,
        {"app.py": "import surely_not_installed\ndef handler(event, context): pass\n"},
        "app.handler",
        "Runtime.ImportModuleError",
        "Unable to import module 'app': No module named 'surely_not_installed'",
        id="python import",
    ),
    pytest.param(
        PYTHON,
        {"app.py": "def handler(event, context:\n    pass\n"},
        "app.handler",
        "Runtime.UserCodeSyntaxError",
        "Syntax error in module 'app': *",
        id="python syntax",
    ),
    pytest.param(
        PYTHON,
        {"app.py": "# handler is made elsewhere, or so it says\n"},
        "app.handler",
        "Runtime.HandlerNotFound",
        "Handler 'handler' missing on module 'app'",
        id="python handler",
    ),
    pytest.param(
        PYTHON,
        {"app.py": "raise OSError('the disk is on fire')\ndef handler(event, context): pass\n"},
        "app.handler",
        "OSError",
        "the disk is on fire",
        id="python raises",
    ),
    pytest.param(
        NODE,
        {"index.js": "require('surely-not-installed');\nexports.handler = async () => 1;\n"},
        "index.handler",
        "Runtime.ImportModuleError",
        "Error: Cannot find module 'surely-not-installed'\n*",
        id="node require",
    ),
    pytest.param(
        NODE,
        {"index.mjs": "import 'surely-not-installed';\nexport const handler = async () => 1;\n"},
        "index.handler",
        "Error",  # so AWS's client calls it, when it is not `require` that fails
        "Cannot find package 'surely-not-installed' imported from /var/task/index.mjs",
        id="node import",
    ),
    pytest.param(
        NODE,
        {"index.mjs": "export const handler = async ( => 1;\n"},
        "index.handler",
        "Runtime.UserCodeSyntaxError",
        "SyntaxError: *",
        id="node syntax",
    ),
    pytest.param(
        NODE,
        {"index.mjs": "// handler is made elsewhere, or so it says\n"},
        "index.handler",
        "Runtime.HandlerNotFound",
        "index.handler is undefined or not exported",
        id="node handler",
    ),
    pytest.param(
        NODE,
        {"index.mjs": "throw new TypeError('no');\nexport const handler = async () => 1;\n"},
        "index.handler",
        "TypeError",
        "no",
        id="node throws",
    ),
]


@pytest.mark.parametrize(("runtimes", "files", "handler", "error_type", "message"), INIT_ERRORS)
async def test_init_error_is_what_the_runtime_reported(
    live: Live,
    runtimes: tuple[str, ...],
    files: Mapping[str, str],
    handler: str,
    error_type: str,
    message: str,
) -> None:
    for runtime in runtimes:
        name = await live.add(files, runtime=runtime, handler=handler, **MANIFEST)

        done = await live.invoke(name)

        assert done.outcome.kind is OutcomeKind.INIT_ERROR
        assert done.outcome.function_error == "Unhandled"
        assert done.outcome.error_type == done.answer["errorType"] == error_type
        pattern = ".*".join(re.escape(part) for part in message.split("*"))
        assert re.fullmatch(pattern, done.answer["errorMessage"], re.DOTALL)
        assert outline(done) == failing(error_type)
        assert "Init Duration" not in done.report
        assert done.record.cold is True


async def test_init_error_in_python_has_no_request(live: Live) -> None:
    name = await live.add({"app.py": "import nothing_such\ndef handler(e, c): pass\n"}, **MANIFEST)

    done = await live.invoke(name)

    assert done.answer["requestId"] == ""
    assert done.answer["stackTrace"] == []
    warned, error = done.own  # of the init inside the invocation
    assert "LAMBDA_WARNING: Unhandled exception." in warned
    assert error.startswith("[ERROR] Runtime.ImportModuleError: Unable to import module 'app'")


async def test_every_invocation_tries_to_initialise_again(live: Live) -> None:
    app = (
        "import os\n"
        "if len(os.listdir('/tmp')) < 3:\n"
        "    open(f'/tmp/{len(os.listdir(\"/tmp\"))}', 'w').close()\n"
        "    raise OSError('not yet')\n"
        "def handler(event, context): return 'at last'\n"
    )
    name = await live.add({"app.py": app}, **MANIFEST)

    first = await live.invoke(name)  # the init phase and the one inside make two
    second = await live.invoke(name)
    third = await live.invoke(name)
    warm = await live.invoke(name)

    kinds = [d.outcome.kind for d in (first, second, third)]
    assert kinds == [OutcomeKind.INIT_ERROR, OutcomeKind.INIT_ERROR, OutcomeKind.SUCCESS]
    assert third.answer == "at last"
    assert outline(second) == failing("OSError")[2:]
    assert outline(third) == ["START", "END", "REPORT"]
    assert "Init Duration" not in third.report
    assert [d.record.cold for d in (first, second, third, warm)] == [True, True, True, False]
    assert len({d.record.environment_id for d in (first, second, third, warm)}) == 1


# --- the process ends by itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runtime", "files"),
    [
        ("python3.13", {"app.py": "import os\nos._exit(4)\ndef handler(e, c): pass\n"}),
        ("nodejs22.x", {"index.mjs": "process.exit(4);\nexport const handler = async () => 1;\n"}),
        ("provided.al2023", {"bootstrap": "#!/bin/sh\necho starting\nexit 4\n"}),
    ],
)
async def test_exit_while_initialising(live: Live, runtime: str, files: Mapping[str, str]) -> None:
    handler = ACTORS[runtime].handler
    name = await live.add(files, runtime=runtime, handler=handler, **MANIFEST)

    done = await live.invoke(name)

    message = f"RequestId: {done.request_id} Error: Runtime exited with error: exit status 4"
    expected = {"errorType": "Runtime.ExitError", "errorMessage": message}
    assert done.outcome.kind is OutcomeKind.INIT_ERROR
    assert done.outcome.payload == json.dumps(expected, separators=(",", ":")).encode()
    *before, end, report = failing("Runtime.ExitError")
    told = "RequestId: ID Error: Runtime exited with error: exit status 4\nRuntime.ExitError"
    assert outline(done) == [*before, told, end, report]


async def test_exit_0_while_initialising_gives_no_reason(live: Live) -> None:
    name = await live.add(
        {"bootstrap": "#!/bin/true\n"}, runtime="provided.al2023", handler="any", **MANIFEST
    )

    done = await live.invoke(name)

    assert done.outcome.kind is OutcomeKind.INIT_ERROR
    assert done.answer["errorMessage"].endswith("Error: Runtime exited without providing a reason")


async def test_out_of_memory_while_initialising(live: Live) -> None:
    app = "held = bytearray(b'x') * 400_000_000\ndef handler(event, context): pass\n"
    name = await live.add({"app.py": app}, memory_mb=128, timeout_s=30)

    done = await live.invoke(name)

    assert done.outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert done.answer["errorType"] == "Runtime.OutOfMemory"
    assert done.report["Max Memory Used"] == "128 MB"
    assert [line for line in outline(done) if line.startswith("INIT_REPORT")] == [
        "INIT_REPORT Phase: init Status: error Error Type: Runtime.OutOfMemory",
        "INIT_REPORT Phase: invoke Status: error Error Type: Runtime.OutOfMemory",
    ]


@pytest.mark.parametrize(
    ("bootstrap", "why"),
    [
        ("#!/no/such/interpreter\n", "No such file or directory"),
        ("echo hello\n", "Exec format error"),
    ],
    ids=["interpreter missing", "no interpreter line"],
)
async def test_bootstrap_that_cannot_be_started(live: Live, bootstrap: str, why: str) -> None:
    name = await live.add(
        {"bootstrap": bootstrap}, runtime="provided.al2023", handler="any", **MANIFEST
    )

    done = await live.invoke(name)

    assert done.outcome.kind is OutcomeKind.INIT_ERROR
    assert done.outcome.error_type == "Runtime.InvalidEntrypoint"
    assert done.answer["errorMessage"] == f"RequestId: {done.request_id} Error: {why}"
    *before, end, report = failing("Runtime.InvalidEntrypoint")
    told = f"RequestId: ID Error: {why}\nRuntime.InvalidEntrypoint"
    assert outline(done) == [*before, told, end, report]


async def test_bootstrap_that_is_not_there_is_refused_before_anything_is_started(
    live: Live,
) -> None:
    name = await live.add({"readme": ""}, runtime="provided.al2023", handler="any")

    with pytest.raises(FunctionNotReady, match="There is no bootstrap here"):
        await live.start(name)

    assert live.environments(name) == ()


# --- time --------------------------------------------------------------------------------------------------------


async def test_slow_init_is_ended_and_repeated_inside_the_invocation() -> None:
    """At first it takes for ever, then, with a file in /tmp, no time."""
    app = (
        "import os, time\n"
        "if not os.path.exists('/tmp/tried'):\n"
        "    open('/tmp/tried', 'w').close()\n"
        "    time.sleep(3600)\n"
        "def handler(event, context): return 'done'\n"
    )
    async with a_live_project(IMPATIENT) as live:
        done = await live.invoke(await live.add({"app.py": app}, **MANIFEST))

    assert done.answer == "done"
    assert outline(done) == [
        "INIT_START",
        "INIT_REPORT Phase: init Status: timeout",
        "START",
        "END",
        "REPORT",
    ]
    (told,) = (text for text in done.texts() if text.startswith("INIT_REPORT"))
    assert float(told.split(" ")[3]) >= 1500
    assert "Init Duration" not in done.report
    measured = done.record.measurements
    assert measured is not None
    assert (measured.init_ms, measured.billed_ms) == (None, math.ceil(measured.duration_ms))


@pytest.mark.parametrize(
    ("runtime", "files"),
    [
        ("python3.13", {"app.py": "import time\ntime.sleep(3600)\ndef handler(e, c): pass\n"}),
        ("provided.al2023", {"bootstrap": "#!/bin/sh\nexec sleep 3600\n"}),
    ],
    ids=["slow import", "never asks"],
)
async def test_init_that_never_ends_is_a_timeout_of_the_function(
    runtime: str, files: Mapping[str, str]
) -> None:
    async with a_live_project(IMPATIENT) as live:
        name = await live.add(
            files, runtime=runtime, handler=ACTORS[runtime].handler, memory_mb=1024, timeout_s=2
        )
        done = await live.invoke(name)
        (environment,) = live.environments(name)

    message = f"RequestId: {done.request_id} Error: Task timed out after 2.00 seconds"
    assert done.outcome.kind is OutcomeKind.TIMEOUT
    assert done.answer == {"errorType": "Sandbox.Timedout", "errorMessage": message}
    assert outline(done)[:6] == [
        "INIT_START",
        "INIT_REPORT Phase: init Status: timeout",
        "START",
        "INIT_REPORT Phase: invoke Status: timeout",
        "END",
        "REPORT Status: timeout",
    ]
    assert done.report["Duration"] == "2000.00 ms"
    assert done.texts()[-1].endswith(f"{done.request_id} Task timed out after 2.00 seconds\n")
    assert environment.state is EnvironmentState.RESET
