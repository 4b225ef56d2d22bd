"""What the doctor looks at, room by room, and what is done about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.assembly.site import Site
from workbench.config.capacity import budget_mb, room, too_many
from workbench.config.locations import cache_folder, host_id
from workbench.errors import DriverError
from workbench.facade.doctor import Say
from workbench.functions.registry import Registry
from workbench.model.doctor import Finding, Health
from workbench.model.function import Severity
from workbench.model.names import RuntimeName
from workbench.model.settings import EngineKind
from workbench.store.instances import lock_is_held

if TYPE_CHECKING:
    from workbench.docker.doctor import DockerDoctor


async def provide_engine(site: Site, say: Say) -> None:
    """See `facade.doctor.Doctor.provide_engine`."""
    from workbench.docker.probe import surely_answers

    if await surely_answers(os.environ):
        return
    from workbench.docker.installation import carry_out, gather_facts, plan

    await carry_out(plan(await gather_facts(os.environ)), say, clock=site.clock)


async def examine(site: Site, registry: Registry) -> tuple[Finding, ...]:
    """See `facade.doctor.Doctor.examine`."""
    return (
        *await _engine(site, registry),
        _concurrency(site, registry),
        *await _history(site),
        _project(registry),
    )


async def mend(site: Site, fixes: tuple[str, ...], say: Say) -> Mapping[str, DriverError]:
    """See `facade.doctor.Doctor.mend`. Everything that can be mended is the container engine's."""
    return await _docker(site).mend(fixes, say)


async def _engine(site: Site, registry: Registry) -> tuple[Finding, ...]:
    if site.settings.engine is EngineKind.PROCESS:
        return (_process_finding(),)
    from workbench.docker.probe import surely_answers

    findings = await _docker(site).examine(_needed(registry))
    answers = len(findings) > 1 or await surely_answers(os.environ)
    if answers or site.settings.engine is EngineKind.DOCKER:
        return findings
    # Functions run all the same, as local processes.
    return (
        *(replace(finding, health=Health.WARNING) for finding in findings),
        _process_finding(),
    )


def _docker(site: Site) -> DockerDoctor:
    from workbench.docker.doctor import DockerDoctor, Premises
    from workbench.docker.host import build_host

    premises = Premises(
        runtimes=site.runtimes,
        runtimes_folder=site.runtimes_folder,
        cache=cache_folder(),
        host=build_host(os.environ),
        host_id=host_id(),
        architecture=_MACHINES.get(os.uname().machine, "x86_64"),
        lock_is_held=lock_is_held,
        environment=os.environ,
        timeouts=site.settings.timeouts,
    )
    return DockerDoctor(premises, bus=site.bus, clock=site.clock)


_MACHINES = {"aarch64": "arm64", "arm64": "arm64"}
"""The kernels' words for what Lambda has its own for."""


def _needed(registry: Registry) -> tuple[tuple[RuntimeName, str], ...]:
    """Runtimes and architectures of the images that sound functions stand on."""
    configurations = (
        entry.function.configuration for entry in registry.entries if not entry.function.broken
    )
    return tuple(
        sorted(
            {
                (configuration.runtime, str(configuration.architecture))
                for configuration in configurations
                if configuration is not None and configuration.image is None
            }
        )
    )


def _process_finding() -> Finding:
    return Finding(
        subject="engine",
        health=Health.WARNING,
        detail="local processes",
        cause="No isolation: functions run as plain processes of this machine, without CPU and disk "
        "limits; too much memory ends them a moment late (on Linux; elsewhere never). Layers are found by "
        "search paths, and are not at /opt.",
        remedy="Use --engine docker where there is a container engine.",
    )


async def _history(site: Site) -> tuple[Finding, ...]:
    problem = site.store.history.problem
    if problem is not None:
        return (
            Finding(
                subject="history",
                health=Health.BAD,
                detail="not available",
                cause=str(problem),
                remedy="Functions run on without it.",
            ),
        )
    size = await site.store.history.size()
    return (
        Finding(
            subject="history", health=Health.GOOD, detail=f"{size / 1024 / 1024:.1f} MB on disk"
        ),
    )


def _concurrency(site: Site, registry: Registry) -> Finding:
    """What runs at a time, and what there is memory for. A warning only for who chose the limit:
    Lambda's default is more than most machines carry, and nothing is lost by that.
    """
    functions = [entry.function for entry in registry.entries]
    budget, shares = budget_mb(site.settings), site.ledger.shares
    detail = (
        f"{shares.limit:,} at a time, {shares.unreserved:,} of them unreserved; "
        f"{budget:,} MB for containers"
    )
    excess = too_many(shares.limit, functions, budget)
    if excess is not None and site.settings.limits.concurrency_stated:
        return Finding(
            subject="concurrency",
            health=Health.WARNING,
            detail=detail,
            cause=excess,
            remedy="Set concurrency in [account] of workbench.toml to what fits, or leave it: "
            "whoever finds no memory waits for it.",
        )
    if excess is not None:
        detail += (
            f", room for {room(functions, budget):,} of the smallest function; "
            "whoever finds none waits for it"
        )
    return Finding(subject="concurrency", health=Health.GOOD, detail=detail)


def _project(registry: Registry) -> Finding:
    project = registry.project
    problems = [
        *project.problems,
        *(problem for function in project.functions for problem in function.problems),
    ]
    detail = f"{len(project.functions)} functions"
    if not problems:
        return Finding(subject="project", health=Health.GOOD, detail=detail)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    return Finding(
        subject="project",
        health=Health.BAD if errors else Health.WARNING,
        detail=f"{detail}, {len(errors)} errors, {len(problems) - len(errors)} warnings",
        cause=str((errors or problems)[0]),
        remedy="Run: workbench ls",
    )
