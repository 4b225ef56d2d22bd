"""Stem cells on the real engine: quick, and to the function no different from a container of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import a_live_project
from tests.e2e.workshop import a_docker_stage, until
from tests.integration.conformance.stage import Done, Stage
from workbench.clock import SystemClock
from workbench.engine.stem_cells import StemCells
from workbench.model.container import ContainerOrigin
from workbench.model.environment import EnvironmentSnapshot

pytestmark = pytest.mark.docker

WORLD_PY = """
import gc, os, resource, subprocess, sys, time

GIVEN = {name: os.environ[name] for name in sorted(os.environ)}
MODULES = sorted(sys.modules)

def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError as error:
        return error.strerror

def describe(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}").split(":")[0]
    except OSError:
        return "gone"

def files(root):
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            kept = os.lstat(path)
            found[path] = [kept.st_mode, kept.st_uid, kept.st_gid, kept.st_size]
    return found

def handler(event, context):
    status = dict(line.split(":", 1) for line in read("/proc/self/status").splitlines() if ":" in line)
    try:
        open("/var/task/new", "w")
        writable = True
    except OSError as error:
        writable = error.strerror
    return {
        "variables": GIVEN,
        "children": sorted(subprocess.run(["env"], capture_output=True, text=True).stdout.split("\\n")),
        "cwd": os.getcwd(),
        "argv": sys.argv,
        "path": sys.path,
        "modules": MODULES,
        "main": sys.modules["__main__"].__file__,
        "flags": str(sys.flags),
        "encoding": [sys.getfilesystemencoding(), sys.stdout.encoding],
        "timezone": time.tzname,
        "task": files("/var/task"),
        "tmp": os.listdir("/tmp"),
        "tmp_size": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize,
        "task writable": writable,
        "root writable": os.access("/", os.W_OK),
        "ids": [os.getresuid(), os.getresgid(), os.getgroups()],
        "limits": {n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")},
        "memory": read("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        "memory and swap": read("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
        "memory v2": read("/sys/fs/cgroup/memory.max"),
        "pids": read("/sys/fs/cgroup/pids/pids.max"),
        "status": {n: status[n].strip() for n in (
            "Umask", "NoNewPrivs", "Seccomp", "CapEff", "CapBnd", "CapPrm", "SigBlk", "SigIgn", "SigCgt", "Threads")},
        "oom": read("/proc/self/oom_score_adj"),
        "files": [(fd, describe(fd)) for fd in sorted(os.listdir("/proc/self/fd"), key=int)],
        "stdin": os.readlink("/proc/self/fd/0"),
        "processes": sorted(int(pid) for pid in os.listdir("/proc") if pid.isdigit() and pid != str(os.getpid())),
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "addresses": len(read("/etc/hosts").splitlines()),
        "name server": read("/etc/resolv.conf"),
        "priority": os.nice(0),
        "session": os.getsid(0) == os.getpid(),
        "collector": [gc.isenabled(), gc.get_threshold()],
        "clock is right": abs(time.time() * 1000 + context.get_remaining_time_in_millis() - event["deadline"]) < 60_000,
    }
"""

WORLD_JS = """
const fs = require("fs"), path = require("path"), v8 = require("v8");
const given = { ...process.env };
const modules = Object.keys(require.cache);

function files(root) {
  const found = {};
  for (const name of fs.readdirSync(root).sort()) {
    const at = path.join(root, name), kept = fs.lstatSync(at);
    found[at] = kept.isDirectory() ? files(at) : [kept.mode, kept.uid, kept.gid, kept.size];
  }
  return found;
}

exports.handler = async (event, context) => ({
  variables: given,
  children: require("child_process").execSync("env").toString().split("\\n").sort(),
  cwd: process.cwd(),
  argv: process.argv,
  execArgv: process.execArgv,
  modules,
  paths: require("module").globalPaths,
  heap: v8.getHeapStatistics().heap_size_limit,
  timezone: new Date(0).toString(),
  globals: Object.getOwnPropertyNames(globalThis).sort(),
  listeners: process.eventNames().map(String).sort(),
  task: files("/var/task"),
  tmp: fs.readdirSync("/tmp"),
  ids: [process.getuid(), process.getgid(), process.getgroups()],
  umask: process.umask(),
  stdin: fs.readlinkSync("/proc/self/fd/0"),
  high: fs.readdirSync("/proc/self/fd").map(Number).filter((fd) => fd >= 60),
});
"""

FILES_PY = {"app.py": WORLD_PY, "data/words.txt": "one two", "data/deep/er/words.txt": "three"}
FILES_JS = {"index.js": WORLD_JS, "data/words.txt": "one two"}

OWN = {"AWS_LAMBDA_LOG_STREAM_NAME", "_X_AMZN_TRACE_ID", "HOSTNAME"}
"""What no two environments share."""


def told_apart(world: Any) -> Any:
    """Without what belongs to one environment only."""
    variables = {name: value for name, value in world["variables"].items() if name not in OWN}
    children = [line for line in world["children"] if line.partition("=")[0] not in OWN]
    return world | {"variables": variables, "children": children}


@asynccontextmanager
async def a_stage_with_cells(name: str, cache: Path) -> AsyncIterator[tuple[Stage, StemCells]]:
    async with a_docker_stage(name, cache, stem_cells=True) as stage:
        stems = stage.scheduler._with.stems
        assert stems is not None
        yield stage, stems


async def standing_by(stems: StemCells) -> None:
    async def there() -> bool:
        return bool(stems.ready)

    await until(there)


def newest(stage: Stage) -> EnvironmentSnapshot:
    return stage.scheduler.snapshots()[-1]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    ("runtime", "files", "handler"),
    [("python3.13", FILES_PY, "app.handler"), ("nodejs22.x", FILES_JS, "index.handler")],
    ids=["python3.13", "nodejs22.x"],
)
async def test_function_sees_no_difference(
    runtime: str, files: dict[str, str], handler: str, cache: Path
) -> None:
    variables = {"STAGE": "dev", "TZ": "Asia/Tokyo", "EMPTY": "", "TEXT": "ünï=cøde;$HOME\n'x'"}

    async def world(stage: Stage, more: str) -> Done:
        deadline = SystemClock().now() + timedelta(seconds=20)
        event = f'{{"deadline": {int(deadline.timestamp() * 1000)}}}'.encode()
        return await stage.invoke(
            {**files, "more.txt": more}, handler, event, variables=variables, memory_mb=256
        )

    async with a_stage_with_cells(runtime, cache) as (stage, stems):
        plain = await world(stage, "1")
        first = newest(stage)
        await standing_by(stems)
        claimed = await world(stage, "2")
        second = newest(stage)

    assert plain.outcome.ok, plain.outcome
    assert (first.origin, second.origin) == (ContainerOrigin.PLAIN, ContainerOrigin.PRELOADED)
    one, other = told_apart(plain.answer), told_apart(claimed.answer)
    one["task"].pop("/var/task/more.txt"), other["task"].pop("/var/task/more.txt")
    assert other == one


async def test_limits_name_and_figures_are_the_functions_own(cache: Path) -> None:
    async with a_stage_with_cells("python3.13", cache) as (stage, stems):
        await stage.invoke(FILES_PY, "app.handler", b'{"deadline": 0}', memory_mb=128)
        await standing_by(stems)
        done = await stage.invoke(
            FILES_PY | {"x": "1"}, "app.handler", b'{"deadline": 0}', memory_mb=320
        )
        environment = newest(stage)
        client = stage.scheduler._with.driver.client  # type: ignore[attr-defined] # a DockerDriver

        async def renamed() -> bool:
            found = await client.call(
                client.api.containers, filters={"name": f"^/{environment.container}$"}
            )
            return bool(found)

        await until(renamed)

    limit = 320 * 1024 * 1024
    assert environment.origin is ContainerOrigin.PRELOADED
    assert str(limit) in (done.answer["memory"].strip(), done.answer["memory v2"].strip())
    assert environment.container.startswith("wb-orders-")
    measured = done.record.measurements
    assert measured is not None
    assert measured.split.claim_ms is not None
    assert measured.split.create_ms is None
    assert measured.split.import_ms is not None
    assert measured.max_memory_bytes is not None


async def test_function_whose_variables_count_at_boot_gets_a_fresh_runtime(cache: Path) -> None:
    code = {
        "app.py": "import sys, os\ndef handler(e, c):\n    return [sys.flags.hash_randomization, sys.path]"
    }
    variables = {"PYTHONHASHSEED": "0", "PYTHONPATH": "/var/task/lib"}
    async with a_stage_with_cells("python3.13", cache) as (stage, stems):
        await stage.invoke(code, "app.handler", variables=variables)
        await standing_by(stems)
        done = await stage.invoke(code | {"x": "1"}, "app.handler", variables=variables)
        environment = newest(stage)

    assert environment.origin is ContainerOrigin.PRESTARTED
    assert done.answer[0] == 0
    assert "/var/task/lib" in done.answer[1]


async def test_custom_runtime_finds_a_container_that_stood_ready(cache: Path) -> None:
    bootstrap = """#!/bin/sh
url=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
  headers=$(mktemp)
  curl -s -D "$headers" "$url/next" >/dev/null
  id=$(sed -n 's/^lambda-runtime-aws-request-id: //ip' "$headers" | tr -d '\\r')
  curl -s -X POST -d "\\"$X\\"" "$url/$id/response" >/dev/null
done
"""
    async with a_stage_with_cells("provided.al2023", cache) as (stage, stems):
        await stage.invoke({"bootstrap": bootstrap}, "bootstrap", variables={"X": "1"})
        await standing_by(stems)
        done = await stage.invoke(
            {"bootstrap": bootstrap, "x": ""}, "bootstrap", variables={"X": "2"}
        )
        environment = newest(stage)

    assert environment.origin is ContainerOrigin.PRESTARTED
    assert done.answer == "2"


async def test_errors_of_the_function_are_as_in_a_container_of_its_own(cache: Path) -> None:
    async with a_stage_with_cells("python3.13", cache) as (stage, stems):
        broken = {"app.py": "raise RuntimeError('at import')"}
        plain = await stage.invoke(broken, "app.handler")
        await standing_by(stems)
        claimed = await stage.invoke(broken | {"x": "1"}, "app.handler")
        missing = await stage.invoke({"app.py": ""}, "app.handler")

    assert claimed.outcome.error_type == plain.outcome.error_type
    assert claimed.answer["errorMessage"] == plain.answer["errorMessage"] == "at import"
    assert missing.outcome.error_type == "Runtime.HandlerNotFound"


async def test_cell_that_is_killed_is_replaced_and_nothing_is_left_at_the_end(cache: Path) -> None:
    code = {"app.py": "def handler(e, c):\n    return 1"}
    async with a_stage_with_cells("python3.13", cache) as (stage, stems):
        driver = stage.scheduler._with.driver
        client = driver.client  # type: ignore[attr-defined] # a DockerDriver
        await stage.invoke(code, "app.handler")
        await standing_by(stems)
        (killed,) = stems.ready
        await client.call(client.api.kill, killed.spec.name)

        async def replaced() -> bool:
            return bool(stems.ready) and killed not in stems.ready

        await until(replaced)
        done = await stage.invoke(code | {"x": "1"}, "app.handler")
        assert newest(stage).origin is ContainerOrigin.PRELOADED
        await standing_by(stems)
        cells: Path = driver.cells  # type: ignore[attr-defined] # the same
        names = [environment.container for environment in stage.scheduler.snapshots()]
        names += [cell.spec.name for cell in stems.ready]

    import docker

    with_engine = docker.from_env()
    left = await asyncio.to_thread(with_engine.api.containers, all=True)
    with_engine.close()
    assert done.answer == 1
    assert not {name.lstrip("/") for each in left for name in each["Names"]} & set(names)
    assert not cells.exists()


async def test_first_call_and_new_code_find_a_container_that_stood_ready() -> None:
    code = {"app.py": "def handler(event, context):\n    return 1\n"}
    async with a_live_project({"stem_cells": {"minimum": 1}}, kind="serve") as live:
        name = await live.add(code)
        await live.workbench.environments.stand_by()
        stems = live.workbench.environments._keeper.engine.scheduler._with.stems  # type: ignore[union-attr] # it is open
        assert stems is not None
        await standing_by(stems)
        first = await live.invoke(name)
        (before,) = live.environments(name)
        await standing_by(stems)
        (live.root / name / "app.py").write_text(code["app.py"].replace("1", "2"))
        await live.until(
            lambda: [e.code_digest for e in live.environments(name)] != [before.code_digest]
        )
        second = await live.invoke(name)
        after = live.environments(name)[-1]

    assert (first.answer, second.answer) == (1, 2)
    assert before.origin is ContainerOrigin.PRELOADED
    assert after.origin is ContainerOrigin.PRELOADED
    assert after.environment_id != before.environment_id


async def test_command_that_ends_leaves_no_container_waiting() -> None:
    async with a_live_project() as live:
        await live.workbench.environments.stand_by()
        engine = live.workbench.environments._keeper.engine

        assert engine is not None
        assert engine.scheduler._with.stems is None
