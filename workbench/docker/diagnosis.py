"""What is well and what is not with a container engine: judgements, without I/O.

`doctor.py` looks, this file judges. Each finding that is not good says why and what to do; `fix` is
the key that `doctor.DockerDoctor.mend` acts on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from workbench.docker.inside import Inside
from workbench.docker.network import ISOLATION, NETWORK
from workbench.model.doctor import Finding, Health
from workbench.model.terminal_text import plain, safe
from workbench.values import dataclass

FIX_ENGINE = "engine"
FIX_SUPERVISOR = "supervisor"
FIX_ORPHANS = "orphans"
FIX_NETWORK = "network"
FIX_LEFTOVERS = "leftovers"
FIX_IMAGE = "image"
"""With the runtime's name and the architecture behind it: `image python3.13 x86_64`."""
FIX_REFRESH = "refresh"
"""With the Debian suite and the architecture behind it: `refresh trixie x86_64`."""

GIGABYTE = 1024**3
LOW_DISK = 5 * GIGABYTE
"""Building all images takes about 3 GB, once."""
NO_DISK = 1 * GIGABYTE
OLD_IMAGE = timedelta(days=60)
"""Debian publishes security updates about weekly."""
SKEW_S = 1.0
"""Deadlines are told to functions as wall time; this much off, a short timeout is noticeably wrong."""
OLDEST_API = (1, 40)
"""Docker 19.03. What is older was never tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSeen:
    """One image that functions need."""

    runtime: str
    architecture: str
    suite: str
    reference: str | None
    """`None`: it is not here."""
    size_bytes: int = 0
    created_at: datetime | None = None


def judge_engine(version: Mapping[str, Any], info: Mapping[str, Any], *, near: bool) -> Finding:
    """Which engine answers, and whether its containers run on this machine's own kernel (`near`)."""
    name = _text(version.get("Version"))
    api = _text(version.get("ApiVersion"))
    where = f"{_text(info.get('OSType'))}/{_text(info.get('Architecture'))}"
    detail = f"version {name}, API {api}, {where}, {_text(info.get('OperatingSystem'))}"
    if not near:
        detail += "; not of this machine's own kernel: containers are reached through its API"
    parts = tuple(int(part) for part in api.split(".") if part.isdecimal())
    if parts < OLDEST_API:
        return Finding(
            subject="engine",
            health=Health.WARNING,
            detail=detail,
            cause="This version is older than any that was tried.",
            remedy="Update the container engine.",
        )
    return Finding(subject="engine", health=Health.GOOD, detail=detail)


def judge_storage(info: Mapping[str, Any]) -> Finding:
    """How the engine stores layers."""
    driver = _text(info.get("Driver"))
    if driver == "vfs":
        return Finding(
            subject="storage",
            health=Health.WARNING,
            detail="driver vfs",
            cause="It copies the whole image for every container: cold starts take seconds.",
            remedy="Let the engine use overlay2: its documentation says how, under storage drivers.",
        )
    return Finding(subject="storage", health=Health.GOOD, detail=f"driver {driver}")


def judge_limits(info: Mapping[str, Any], inside: Inside | None) -> Finding:
    """Whether memory and CPU limits hold: read inside a container, else as the engine claims."""
    version = _text(info.get("CgroupVersion")) or "1"
    memory = bool(info.get("MemoryLimit"))
    cpu = bool(info.get("CpuCfsQuota"))
    if inside is not None:
        memory = memory and inside.memory_limited is not False
        cpu = cpu and inside.cpu_limited is not False
    detail = f"version {version}, memory limit {_yes(memory)}, CPU limit {_yes(cpu)}"
    if memory and cpu:
        return Finding(subject="cgroups", health=Health.GOOD, detail=detail)
    return Finding(
        subject="cgroups",
        health=Health.WARNING,
        detail=detail,
        cause="The engine cannot limit its containers: functions get more than their memory_mb "
        "says, and never run out of it.",
        remedy="Give the engine the memory and cpu controllers (rootless engines need cgroup version 2 "
        "with delegation), or set memory_limits = false in workbench.toml to be told no more.",
    )


def judge_peak(inside: Inside | None) -> Finding:
    """Whether Max Memory Used can be told."""
    if inside is None:
        return Finding(
            subject="memory figures",
            health=Health.UNKNOWN,
            detail="not looked at: there is no image yet to look with",
        )
    if inside.peak_readable:
        return Finding(
            subject="memory figures", health=Health.GOOD, detail="peak memory can be read"
        )
    return Finding(
        subject="memory figures",
        health=Health.WARNING,
        detail="peak memory cannot be read",
        cause="The kernel has cgroup version 2 without memory.peak, which came with Linux 5.19.",
        remedy="Update the kernel (or the engine's virtual machine); until then REPORT leaves Max "
        "Memory Used unknown.",
    )


def judge_disk(free_bytes: int | None) -> Finding:
    """Room where images and containers live."""
    if free_bytes is None:
        return Finding(
            subject="disk",
            health=Health.UNKNOWN,
            detail="the engine's disk cannot be seen from here",
        )
    detail = f"{_size(free_bytes)} free where images live"
    if free_bytes >= LOW_DISK:
        return Finding(subject="disk", health=Health.GOOD, detail=detail)
    return Finding(
        subject="disk",
        health=Health.BAD if free_bytes < NO_DISK else Health.WARNING,
        detail=detail,
        cause="Building images and writing to /tmp need room there.",
        remedy="Delete what is not needed: workbench doctor --fix for what builds left, docker system "
        "df for the rest.",
        fix=FIX_LEFTOVERS,
    )


def judge_clock(skew_s: float | None) -> Finding:
    """Whether the engine's clock agrees with ours."""
    if skew_s is None:
        return Finding(
            subject="clock", health=Health.UNKNOWN, detail="the engine does not tell its time"
        )
    detail = f"the engine's clock is {abs(skew_s):.2f} s {'ahead' if skew_s > 0 else 'behind'}"
    if abs(skew_s) < SKEW_S:
        return Finding(subject="clock", health=Health.GOOD, detail="agrees with the engine's")
    return Finding(
        subject="clock",
        health=Health.WARNING,
        detail=detail,
        cause="Functions are told deadlines as wall time, so their remaining time is wrong by as "
        "much. Virtual machines fall behind when the computer sleeps.",
        remedy="Restart the engine's virtual machine, or let it keep time (chrony, systemd-timesyncd).",
    )


def judge_image(image: ImageSeen, *, now: datetime) -> Finding:
    """An image that functions need."""
    subject = f"image {image.runtime}"
    if image.reference is None:
        return Finding(
            subject=subject,
            health=Health.WARNING,
            detail=f"not built yet ({image.architecture})",
            cause="The first invocation will wait until it is built.",
            remedy="Run: workbench build",
            fix=f"{FIX_IMAGE} {image.runtime} {image.architecture}",
        )
    age = None if image.created_at is None else now - image.created_at
    old = "" if age is None else f", {age.days} days old" if age.days > 0 else ", built today"
    detail = f"{image.reference}, {_size(image.size_bytes)}{old}"
    if age is not None and age > OLD_IMAGE:
        return Finding(
            subject=subject,
            health=Health.WARNING,
            detail=detail,
            cause="It lacks the security updates that came since.",
            remedy="Run: workbench doctor --fix, which builds it anew.",
            fix=f"{FIX_REFRESH} {image.suite} {image.architecture}",
        )
    return Finding(subject=subject, health=Health.GOOD, detail=detail)


def judge_supervisor(*, there: bool) -> Finding:
    """The program that is PID 1 of every container."""
    if there:
        return Finding(subject="supervisor", health=Health.GOOD, detail="built")
    return Finding(
        subject="supervisor",
        health=Health.WARNING,
        detail="not built yet",
        cause="The first start of the engine will wait until it is built.",
        remedy="Run: workbench build",
        fix=FIX_SUPERVISOR,
    )


def judge_orphans(count: int) -> Finding:
    """Containers without an owner."""
    if count == 0:
        return Finding(subject="orphans", health=Health.GOOD, detail="none")
    return Finding(
        subject="orphans",
        health=Health.WARNING,
        detail=f"{count} container{'s' if count > 1 else ''} of workbenches that were killed",
        cause="A killed workbench cannot remove them itself; they hold memory.",
        remedy="Run: workbench doctor --fix (the next start removes them too).",
        fix=FIX_ORPHANS,
    )


def judge_network(network: Mapping[str, Any] | None) -> Finding:
    """Whether containers are kept from one another."""
    if network is None:
        return Finding(
            subject="network",
            health=Health.GOOD,
            detail=f"{NETWORK} is made when the first function runs",
        )
    options = network.get("Options")
    isolated = isinstance(options, Mapping) and options.get(ISOLATION) == "false"
    if isolated:
        return Finding(
            subject="network", health=Health.GOOD, detail=f"{NETWORK}, containers isolated"
        )
    return Finding(
        subject="network",
        health=Health.BAD,
        detail=f"{NETWORK} lets containers reach one another",
        cause="Something else made a network of that name, without isolation.",
        remedy="Run: workbench doctor --fix, or: docker network rm workbench",
        fix=FIX_NETWORK,
    )


def judge_leftovers(count: int) -> Finding:
    """Images that no runtime uses any more, and what builds keep to be faster."""
    if count == 0:
        return Finding(subject="leftovers", health=Health.GOOD, detail="none")
    return Finding(
        subject="leftovers",
        health=Health.GOOD,
        detail=f"{count} images of earlier builds, kept because they make the next one faster",
        remedy="workbench doctor --fix deletes them when the disk is nearly full.",
    )


def _text(value: object) -> str:
    return plain(safe(str(value)))[:200] if value is not None else ""


def _yes(works: bool) -> str:  # noqa: FBT001 - one word of a sentence
    return "works" if works else "does not work"


def _size(size_bytes: int) -> str:
    if size_bytes >= GIGABYTE:
        return f"{size_bytes / GIGABYTE:.1f} GB"
    return f"{size_bytes / 1024**2:.0f} MB"
