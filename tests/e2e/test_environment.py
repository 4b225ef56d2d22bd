"""What a function finds itself in: its user, its files, its limits, its variables.

Source: lambda.md section 6; docs/compatibility.md says where it differs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
import pytest_asyncio

from tests.e2e.live import Live
from tests.e2e.looking import Looker, a_looker
from workbench.config.locations import host_id

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

MAIN = ("python3.13", "nodejs22.x", "provided.al2023")
MIB = 1024 * 1024
MEMORY_MB = 1024
TMP_MB = 520

READ_ONLY = (
    "/", "/var/task", "/opt", "/var/runtime", "/var/lang", "/etc", "/usr/bin", "/home", "/run",
    "/run/workbench",
)  # fmt: skip
MESSAGES = "mqueue"
"""A file system of message queues, which keeps no files."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=MAIN)
async def inside(live: Live, request: pytest.FixtureRequest) -> AsyncIterator[Looker]:
    """A function that looks round, in each runtime."""
    yield await a_looker(
        live,
        request.param,
        memory_mb=MEMORY_MB,
        ephemeral_storage_mb=TMP_MB,
        environment={"TABLE": "orders-dev", "LANG": "de_DE.UTF-8"},
    )


def inspected(container: str) -> dict[str, Any]:
    """What the engine says of a container."""
    client = docker.from_env()
    try:
        return dict(client.api.inspect_container(container))
    finally:
        client.close()


# --- who it is ----------------------------------------------------------------------------------------


async def test_function_is_lambdas_user_with_no_capability(inside: Looker) -> None:
    status = await inside.fields("/proc/self/status")

    assert status["Uid"] == "993 993 993 993"
    assert status["Gid"] == "990 990 990 990"
    assert status["Groups"] in ("", "990")
    capabilities = {name: value for name, value in status.items() if name.startswith("Cap")}
    assert {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} <= set(capabilities)
    assert {int(value, 16) for value in capabilities.values()} == {0}


async def test_function_can_gain_no_privileges(inside: Looker) -> None:
    assert (await inside.fields("/proc/self/status"))["NoNewPrivs"] == "1"


async def test_function_sees_its_own_processes_only(inside: Looker) -> None:
    first = await inside.read("/proc/1/comm")
    status = await inside.fields("/proc/self/status")

    assert (first or "").startswith(".workbench-sup")
    assert status["PPid"] == "1"


# --- its files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", READ_ONLY)
async def test_nothing_can_be_written_to(inside: Looker, folder: str) -> None:
    assert await inside.write(f"{folder}/probe") == "EROFS"


async def test_of_all_file_systems_only_tmp_takes_files(inside: Looker) -> None:
    mounts = [line.split() for line in (await inside.read("/proc/self/mounts") or "").splitlines()]
    folders = sorted({m[1] for m in mounts if m[2] != MESSAGES and m[3].startswith("rw")})

    taken = [each for each in folders if await inside.write(f"{each.rstrip('/')}/probe") is None]

    assert taken == ["/tmp"]


async def test_function_starts_in_the_folder_of_its_code(inside: Looker) -> None:
    assert await inside.cwd() == "/var/task"


async def test_tmp_holds_what_was_asked_for_and_no_more(inside: Looker) -> None:
    size = TMP_MB * MIB

    fits = await inside.write("/tmp/file", size - 64 * 1024)  # the shell keeps its notes there too
    more = await inside.write("/tmp/file", size + 1)
    again = await inside.write("/tmp/file", MIB)

    assert (fits, more, again) == (None, "ENOSPC", None)


# --- its limits ---------------------------------------------------------------------------------------


async def test_memory_is_limited_and_there_is_no_swap(inside: Looker) -> None:
    memory = await inside.control_group("memory.max", "memory", "memory.limit_in_bytes")
    swap = await inside.read("/sys/fs/cgroup/memory.swap.max")
    both = await inside.read("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")

    assert int(memory) == MEMORY_MB * MIB
    # version 2 counts swap alone, version 1 memory and swap together
    assert swap is not None or both is not None, "the engine's kernel does not account for swap"
    assert swap is None or int(swap) == 0
    assert both is None or int(both) == MEMORY_MB * MIB


async def test_processes_and_files_are_limited_as_in_lambda(inside: Looker) -> None:
    processes = await inside.control_group("pids.max", "pids", "pids.max")
    limits = await inside.read("/proc/self/limits") or ""

    assert processes == "1024"
    assert re.search(r"^Max open files +1024 +1024 +files", limits, re.MULTILINE)


async def test_cpu_is_in_proportion_to_memory(inside: Looker) -> None:
    await inside.until_cpus(MEMORY_MB / 1769)


@pytest.mark.parametrize(("memory_mb", "at_init"), [(128, 1.0), (1769, 1.0), (3538, 2.0)])
async def test_small_function_has_a_whole_cpu_until_it_has_started(
    live: Live, memory_mb: int, at_init: float
) -> None:
    inside = await a_looker(live, "python3.13", memory_mb=memory_mb)

    assert await inside.cpus_at_init() == at_init
    await inside.until_cpus(memory_mb / 1769)


# --- its variables ------------------------------------------------------------------------------------

COMMON: Mapping[str, str] = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_REGION": "us-east-1",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "PWD": "/var/task",
    "LANG": "de_DE.UTF-8",  # the function's own: Lambda lets it
    "TABLE": "orders-dev",
    "TZ": ":UTC",
}
_LIBRARIES = "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
_MANAGED = {
    "LD_LIBRARY_PATH": f"/var/lang/lib:{_LIBRARIES}",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
}
OF_RUNTIME: Mapping[str, Mapping[str, str]] = {
    "python3.13": {
        **_MANAGED,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "PYTHONPATH": "/var/runtime",
    },
    "nodejs22.x": {
        **_MANAGED,
        "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x",
        "NODE_PATH": "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:"
        "/var/runtime/node_modules:/var/runtime:/var/task",
    },
    "provided.al2023": {
        "LD_LIBRARY_PATH": _LIBRARIES,
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "_": "/usr/bin/env",
    },
}
VARYING: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": r"\w{16,}",
    "AWS_LAMBDA_LOG_GROUP_NAME": r"/aws/lambda/f\d+",
    "AWS_LAMBDA_LOG_STREAM_NAME": r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}",
    "AWS_SECRET_ACCESS_KEY": r"\S+",
    "AWS_SESSION_TOKEN": r"\S+",
    "SHLVL": r"\d",
    "LC_CTYPE": r"C\.UTF-8",
    "_X_AMZN_TRACE_ID": r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}.*",
}


async def test_variables_are_lambdas_and_the_functions_own_and_no_others(inside: Looker) -> None:
    variables = await inside.variables()

    expected = {
        **COMMON,
        **OF_RUNTIME[inside.runtime],
        "AWS_LAMBDA_FUNCTION_NAME": inside.name,
        "_HANDLER": inside.handler,
    }
    varying = {name: value for name, value in variables.items() if name in VARYING}
    assert {name: variables[name] for name in variables.keys() - varying.keys()} == expected
    for name, value in varying.items():
        assert re.fullmatch(VARYING[name], value), (name, value)
    assert {name for name in VARYING if name.startswith("AWS_")} <= varying.keys()
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"].endswith(f"/{inside.name}")


# --- what marks it as ours ----------------------------------------------------------------------------


async def test_container_says_whose_it_is_and_what_it_runs(live: Live, inside: Looker) -> None:
    await inside.cwd()
    (environment,) = live.environments(inside.name)

    container = await asyncio.to_thread(inspected, environment.container)

    labels = {
        name.removeprefix("workbench."): value
        for name, value in container["Config"]["Labels"].items()
        if name.startswith("workbench.")
    }
    assert labels["function"] == inside.name
    assert labels["version"] == "$LATEST"
    assert labels["environment"] == environment.environment_id
    assert labels["project"] == str(live.root)
    assert labels["host"] == host_id()
    assert Path(labels["lock"]).is_file()
    assert labels["instance"] in Path(labels["lock"]).name
    assert container["Name"] == f"/wb-{inside.name}-{environment.environment_id[:8]}"
