"""Layers in containers: where Lambda has them, plainly started and from a stem cell alike."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.live import Live, a_live_project, held, told
from tests.e2e.workshop import until
from workbench.model.container import ContainerOrigin
from workbench.model.invocation import OutcomeKind
from workbench.model.telemetry import BuildStarted, CodeReloaded

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

PYTHON = """
import ctypes, os, subprocess, sys
import boto3, shared

def handler(event, context):
    import botocore_free, lazy
    try:
        ctypes.CDLL("libshared.so.1")
    except OSError as error:
        library = str(error)
    try:
        open("/opt/new", "w")
        writable = True
    except OSError as error:
        writable = error.strerror
    return {
        "shared": shared.__file__,
        "boto3": boto3.__file__,
        "lazy": lazy.__file__,
        "pth": botocore_free.__file__,
        "tool": subprocess.run(["tool"], capture_output=True, text=True).stdout.strip(),
        "library": library,
        "path": [p for p in sys.path if not p.startswith("/usr/lib")],
        "opt": sorted(os.listdir("/opt")),
        "writable": writable,
    }
"""
NODE = """
const { execFileSync } = require("child_process");
exports.handler = async () => ({
  shared: require.resolve("shared"),
  versioned: require.resolve("versioned"),
  tool: execFileSync("tool").toString().trim(),
});
"""
BOOTSTRAP = """#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while :; do
  curl -sS -D /tmp/headers -o /tmp/event "$api/next"
  id=$(tr -d '\\r' </tmp/headers | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -sS -o /dev/null -d "{\\"program\\": \\"$0\\"}" "$api/$id/response"
done
"""


def put(path: Path, text: str, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def a_stack(live: Live) -> Path:
    """Two layers with something for every runtime."""
    own = Path(tempfile.mkdtemp(prefix="layers-", dir=live.root))
    own.chmod(0o755)
    first, second = own / "first", own / "second"
    put(first / "python/shared.py", "")
    put(first / "python/boto3/__init__.py", "")
    put(first / "python/more/botocore_free.py", "")
    put(first / "python/more.pth", "/opt/python/more\n")
    put(second / "python/lib/python3.13/site-packages/shared.py", "")
    put(second / "python/lib/python3.11/site-packages/shared.py", "")
    put(second / "python/lazy.py", "")
    put(first / "nodejs/node_modules/shared/index.js", "")
    put(second / "nodejs/node22/node_modules/versioned/index.js", "")
    put(second / "nodejs/node20/node_modules/versioned/index.js", "")
    put(first / "bin/tool", "#!/bin/sh\necho first\n", mode=0o755)
    put(second / "bin/tool", "#!/bin/sh\necho second\n", mode=0o755)
    put(first / "lib/libshared.so.1", "no library")
    return own


def stated(live: Live, own: Path) -> list[str]:
    return [f"{own.relative_to(live.root)}/{name}" for name in ("first", "second")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving() -> AsyncIterator[Live]:
    """A project for which containers stand ready."""
    settings = {"stem_cells": {"minimum": 1}}
    async with held(lambda: a_live_project(settings, kind="serve")) as live:
        yield live


async def standing_by(live: Live, runtime: str) -> None:
    """Until a container of that runtime with layers stands ready."""
    await live.workbench.environments.stand_by()
    stems = live.scheduler._with.stems
    assert stems is not None

    async def there() -> bool:
        kinds = [cell.spec.kind for cell in stems.ready]
        return any(kind.mounts and f"/{runtime}:" in kind.image for kind in kinds)

    await until(there)


async def asked(live: Live, serving: Live, files: dict[str, str], **manifest: Any) -> Any:
    """The answer of a function with both layers, which is the same however its container was made."""
    answers = []
    for project in (live, serving):
        name = await project.add(files, layers=stated(project, a_stack(project)), **manifest)
        if project is serving:
            await standing_by(project, manifest["runtime"])
        done = await project.invoke(name)
        assert done.outcome.kind is OutcomeKind.SUCCESS, done.answer
        answers.append(done.answer)
        origins = {environment.origin for environment in project.environments(name)}
        assert origins == {ContainerOrigin.PLAIN if project is live else ContainerOrigin.PRELOADED}
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.parametrize("runtime", ["python3.11", "python3.13"])
async def test_python(live: Live, serving: Live, runtime: str) -> None:
    answer = await asked(live, serving, {"app.py": PYTHON}, runtime=runtime, timeout_s=30)

    versioned = f"/opt/python/lib/{runtime}/site-packages"
    assert answer == {
        "shared": f"{versioned}/shared.py",
        "boto3": "/opt/python/boto3/__init__.py",
        "lazy": "/opt/python/lazy.py",
        "pth": "/opt/python/more/botocore_free.py",
        "tool": "second",
        "library": answer["library"],
        "path": answer["path"],
        "opt": ["bin", "lib", "nodejs", "python"],
        "writable": "Read-only file system",
    }
    assert answer["library"].startswith("/opt/lib/libshared.so.1: ")
    before_runtime = answer["path"][: answer["path"].index("/var/runtime")]
    assert before_runtime[:3] == ["/var/task", versioned, "/opt/python"]
    assert "/opt/python/more" in answer["path"]


@pytest.mark.parametrize("version", ["20", "22"])
async def test_node(live: Live, serving: Live, version: str) -> None:
    answer = await asked(
        live,
        serving,
        {"index.js": NODE},
        runtime=f"nodejs{version}.x",
        handler="index.handler",
        timeout_s=30,
    )

    assert answer == {
        "shared": "/opt/nodejs/node_modules/shared/index.js",
        "versioned": f"/opt/nodejs/node{version}/node_modules/versioned/index.js",
        "tool": "second",
    }


async def test_a_runtime_shipped_in_a_layer(live: Live) -> None:
    own = a_stack(live)
    put(own / "runtime/bootstrap", BOOTSTRAP, mode=0o755)
    layers = [*stated(live, own), f"{own.name}/runtime"]
    there = await live.add({"readme": ""}, runtime="provided.al2023", layers=layers)
    first = await live.add({"bootstrap": BOOTSTRAP}, runtime="provided.al2023", layers=layers)
    nowhere = await live.add({"readme": ""}, runtime="provided.al2023", layers=layers[:2])

    done, own_one, failed = await live.invoke_all((there, None), (first, None), (nowhere, None))

    assert done.answer == {"program": "/opt/bootstrap"}
    assert own_one.answer == {"program": "/var/task/bootstrap"}
    assert failed.outcome.error_type == "Runtime.InvalidEntrypoint"
    assert failed.answer["errorMessage"] == (
        f"RequestId: {failed.request_id} Error: "
        "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    )


async def test_a_changed_layer_is_in_the_next_container_and_no_image_is_built(live: Live) -> None:
    own = a_stack(live)
    put(own / "first/python/shared.py", "NAME = 'old'")
    app = "import shared\ndef handler(event, context):\n    return shared.NAME\n"
    name = await live.add({"app.py": app}, layers=stated(live, own)[:1])
    before = await live.invoke(name)

    with live.workbench.subscribe(kinds={CodeReloaded, BuildStarted}) as feed:
        put(own / "first/python/shared.py", "NAME = 'new'")
        value = await told(feed, lambda value: True)
    after = await live.invoke(name)

    assert isinstance(value, CodeReloaded)
    assert (before.answer, after.answer) == ("old", "new")
