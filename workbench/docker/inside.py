"""One short-lived container that says how containers really are on this engine.

What the engine says of itself is a claim; limits that are read inside a container are limits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from workbench.docker.client import EngineClient
from workbench.docker.streams import Item, follow
from workbench.errors import DriverError
from workbench.values import dataclass

if TYPE_CHECKING:
    import docker

MEMORY_BYTES = 64 * 1024 * 1024
CPU_PERIOD_US = 20_000
CPU_QUOTA_US = 10_000
_PATIENCE_S = 20.0
_SCRIPT = """
cd /sys/fs/cgroup
echo disk $(df -Pk / | tail -n 1 | awk '{print $4}')
echo memory $(cat memory.max memory/memory.limit_in_bytes 2>/dev/null | head -n 1)
echo cpu $(cat cpu.max cpu/cpu.cfs_quota_us 2>/dev/null | head -n 1)
echo peak $(cat memory.peak memory/memory.max_usage_in_bytes 2>/dev/null | head -n 1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What was seen. `None`: could not be read there."""

    free_bytes: int | None
    """Where images and containers live."""
    memory_limited: bool | None
    cpu_limited: bool | None
    peak_readable: bool


async def look_inside(client: EngineClient, image: str) -> Inside:
    """Look from a container of `image`, which needs a shell. Raises `DriverError`."""
    said = bytearray()

    def start(api: docker.APIClient) -> Iterable[Item]:
        host_config = api.create_host_config(
            cap_drop=["ALL"],
            cpu_period=CPU_PERIOD_US,
            cpu_quota=CPU_QUOTA_US,
            mem_limit=MEMORY_BYTES,
            network_mode="none",
            read_only=True,
            security_opt=["no-new-privileges"],
        )
        created = api.create_container(
            image, command=["sh", "-c", _SCRIPT], entrypoint=[], host_config=host_config
        )
        container = created["Id"]
        try:
            output = api.attach(container, stdout=True, stderr=False, stream=True)
            api.start(container)
            for block in output:
                yield {"output": block}
        finally:
            with suppress(Exception):  # whatever failed before is what matters
                api.remove_container(container, force=True)

    try:
        async with asyncio.timeout(_PATIENCE_S):
            await follow(client, start, lambda item: said.extend(item["output"]))
    except TimeoutError as error:
        raise DriverError("A container that should end at once did not.") from error
    return read_what_it_said(said.decode("ascii", errors="replace"))


def read_what_it_said(text: str) -> Inside:
    """The script's output, taken for what it is worth."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        values[key] = value.strip()
    free_kb = _number(values.get("disk"))
    memory = _number(values.get("memory"))
    quota = _number((values.get("cpu") or "").partition(" ")[0])
    return Inside(
        free_bytes=None if free_kb is None else free_kb * 1024,
        memory_limited=None if not values.get("memory") else memory == MEMORY_BYTES,
        cpu_limited=None if not values.get("cpu") else quota == CPU_QUOTA_US,
        peak_readable=_number(values.get("peak")) is not None,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() else None
