"""Getting a container engine: what there is to do, in words and commands, and doing it.

Invariant: nothing is done to the machine that was not said before, and nothing unless we are root
on a system whose ways are known. Everyone else is told exactly what to do.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from pathlib import Path

from workbench.clock import Clock
from workbench.docker.address import EngineAddress, engine_address
from workbench.docker.client import EngineClient
from workbench.docker.tools import run_tool
from workbench.errors import EngineUnreachable
from workbench.model.terminal_text import decode
from workbench.values import dataclass

DAEMON_LOG = "/var/log/workbench-dockerd.log"
START_S = 30.0
"""A daemon may take this long to answer: on its first start it makes its storage."""
_LOOK_EVERY_S = 0.25
_TAIL_LINES = 20

_LET_IN = 'sudo usermod -aG docker "$USER"'
_APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120")
_DEBIANS = {"debian", "ubuntu"}


class Answer(Enum):
    """What happens when the engine is asked."""

    YES = auto()
    DENIED = auto()
    """It is there, but not for this user."""
    NO = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a plan depends on."""

    system: str
    """`Linux`, `Darwin`."""
    distribution: frozenset[str]
    """ID and ID_LIKE of os-release: `{"ubuntu", "debian"}`."""
    root: bool
    apt: bool
    """apt-get is there."""
    installed: bool
    """The engine's programs are there."""
    answer: Answer
    systemd: bool
    """systemd runs this machine."""
    address: EngineAddress
    """Where it is looked for."""
    mmdebstrap: bool

    @property
    def apt_for_root(self) -> bool:
        """We may install Debian packages ourselves."""
        return self.root and self.apt and bool(self.distribution & _DEBIANS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do."""

    words: str
    """A sentence, said before it is done."""
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All there is to do. Empty: nothing needs doing, or nothing can be done (`advice`)."""

    steps: tuple[Step, ...] = ()
    """In order; each must succeed."""
    starts: tuple[Step, ...] = ()
    """Ways to start the engine, tried in order until it answers."""
    advice: str | None = None
    """What a person must do, where we cannot."""


# --- deciding ---------------------------------------------------------------------------------------------


def plan(facts: Facts) -> Plan:
    """How this machine gets an engine that answers."""
    if facts.answer is Answer.YES:
        return Plan()
    advice = _for_a_person(facts)
    if advice is not None:
        return Plan(advice=advice)
    if facts.installed:
        return Plan(starts=_starts(facts))
    return Plan(steps=_packages(facts, ("docker.io", "mmdebstrap")), starts=_starts(facts))


def tool_plan(facts: Facts) -> Plan:
    """How this machine gets mmdebstrap, which makes images from Debian packages."""
    if facts.mmdebstrap:
        return Plan()
    if facts.apt_for_root:
        return Plan(steps=_packages(facts, ("mmdebstrap",)))
    if facts.apt:
        return Plan(advice="Run: sudo apt-get install mmdebstrap debian-archive-keyring")
    return Plan(
        advice="Make a container registry reachable, so that Debian's slim image can be pulled, or "
        "install mmdebstrap."
    )


def _packages(facts: Facts, names: tuple[str, ...]) -> tuple[Step, ...]:
    wanted = [*names, "debian-archive-keyring", "gpg"]
    if "docker.io" in names:
        wanted += [
            "apparmor",
            "ca-certificates",
        ]  # what it confines containers and trusts pulls with
        if not facts.systemd:
            wanted.append("cgroupfs-mount")  # systemd mounts them itself
    return (
        Step(
            words="Reading the lists of packages (apt-get update).", argv=(*_APT, "update", "-qq")
        ),
        Step(
            words=f"Installing {', '.join(wanted)} with apt-get.",
            argv=(*_APT, "install", "--yes", "-qq", "--no-install-recommends", *wanted),
        ),
    )


def _starts(facts: Facts) -> tuple[Step, ...]:
    by_itself = Step(
        words=f"Starting the Docker daemon by itself; its log is {DAEMON_LOG}.",
        argv=("sh", "-c", f"setsid dockerd >>{DAEMON_LOG} 2>&1 </dev/null &"),
    )
    if facts.systemd:
        return (Step(words="Starting the Docker service.", argv=("systemctl", "start", "docker")),)
    service = Step(words="Starting the Docker service.", argv=("service", "docker", "start"))
    return (service, by_itself)


def _for_a_person(facts: Facts) -> str | None:
    """What only a person can do here; `None` where we can do it ourselves."""
    if facts.address.named_by is not None:
        chosen = facts.address.named_by
        undo = "run docker context use default" if facts.address.in_context else "unset DOCKER_HOST"
        what = "nothing that can be read" if not facts.address.url else facts.address.url
        return (
            f"{chosen} names {what}, which does not answer: start the engine there, or {undo} to use "
            "the one of this machine."
        )
    if facts.system == "Darwin":
        return (
            "Start Docker Desktop (install it first if it is missing), or run: "
            "brew install colima docker && colima start"
        )
    if facts.answer is Answer.DENIED:
        return f"Run: {_LET_IN}, then log out and in again."
    if facts.root:
        return None if facts.installed or facts.apt_for_root else _elsewhere(facts)
    return _without_root(facts)


def _without_root(facts: Facts) -> str:
    if facts.installed:
        start = "systemctl start docker" if facts.systemd else "service docker start"
        return f"The Docker service is not running. Run: sudo {start}"
    if facts.apt and facts.distribution & _DEBIANS:
        install = "sudo apt-get install docker.io mmdebstrap"
        return f"Run: {install} && {_LET_IN}, then log out and in again."
    return f"{_elsewhere(facts)} Then let this user in: {_LET_IN}"


def _elsewhere(facts: Facts) -> str:
    commands = {
        "fedora": "dnf install moby-engine",
        "rhel": "dnf install podman-docker",
        "arch": "pacman -S docker",
        "suse": "zypper install docker",
        "alpine": "apk add docker",
    }
    known = next((commands[name] for name in commands if name in facts.distribution), None)
    how = f"Install a container engine as root ({known})" if known else "Install Docker as root"
    return f"{how} and start its service; or use --engine process, which isolates nothing."


# --- finding out --------------------------------------------------------------------------------------------


async def gather_facts(environment: Mapping[str, str]) -> Facts:
    """Look at this machine. `environment` is the process's own."""
    release = os_release()
    words = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".lower().split()
    return Facts(
        system=platform.system(),
        distribution=frozenset(words),
        root=os.geteuid() == 0,
        apt=shutil.which("apt-get") is not None,
        installed=shutil.which("dockerd") is not None,
        answer=await _ask(),
        systemd=await asyncio.to_thread(Path("/run/systemd/system").is_dir),
        address=await asyncio.to_thread(engine_address, environment),
        mmdebstrap=shutil.which("mmdebstrap") is not None,
    )


def os_release() -> dict[str, str]:
    """The fields of /etc/os-release; empty where there is none."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


async def _ask() -> Answer:
    try:
        client = await EngineClient.connect()
    except EngineUnreachable as error:
        return Answer.DENIED if "permission denied" in error.cause else Answer.NO
    client.close()
    return Answer.YES


# --- doing --------------------------------------------------------------------------------------------------


async def carry_out(
    chosen: Plan,
    say: Callable[[str], None],
    *,
    clock: Clock,
    ask: Callable[[], Awaitable[Answer]] = _ask,
) -> None:
    """Do it, saying each step before it is done.

    Raises `EngineUnreachable` with what failed and what a person can do.
    """
    if chosen.advice is not None:
        raise EngineUnreachable(cause="No container engine answers.", remedy=chosen.advice)
    for step in chosen.steps:
        await _do(step, say)
    failure: EngineUnreachable | None = None
    for step in chosen.starts:
        try:
            await _do(step, say)
            await _wait_until_it_answers(clock, ask)
        except EngineUnreachable as error:
            failure = error
        else:
            say("The container engine answers.")
            return
    if failure is not None:
        raise failure


async def _do(step: Step, say: Callable[[str], None]) -> None:
    say(step.words)
    heard = bytearray()
    status = await run_tool(step.argv, heard.extend)
    if status == 0:
        return
    tail = "\n".join(decode(bytes(heard)).splitlines()[-_TAIL_LINES:])
    why = "there is no such program" if status is None else f"exit status {status}"
    command = " ".join(step.argv)
    raise EngineUnreachable(
        cause=f"This did not work ({why}): {command}\n{tail}".rstrip() + "\n",
        remedy="Run it by hand to see more, mend what it says, then try again.",
    )


async def _wait_until_it_answers(clock: Clock, ask: Callable[[], Awaitable[Answer]]) -> None:
    """A daemon has no other way of saying that it is up."""
    until_s = clock.monotonic() + START_S
    while await ask() is not Answer.YES:
        if clock.monotonic() >= until_s:
            raise EngineUnreachable(
                cause=f"The container engine was started, but did not answer within {START_S:.0f} s.",
                remedy=f"Look into its log: journalctl -u docker, or {DAEMON_LOG}.",
            )
        await clock.sleep(_LOOK_EVERY_S)
