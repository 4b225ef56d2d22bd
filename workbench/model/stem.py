"""Stem cells: containers started before anybody needs them, and how many of which kind are worth it.

A cell belongs to no function until it is claimed, and to exactly one afterwards. What cannot be
changed in a container once it is made is its kind; everything else is given at the claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from workbench.model.container import ContainerSpec, Mount, RuntimeStart
from workbench.model.function import FunctionConfiguration
from workbench.model.names import EnvironmentId
from workbench.model.report import cpus
from workbench.model.runtime import Runtime
from workbench.model.settings import Settings, StemSettings
from workbench.model.variables import boot_variables
from workbench.model.version import TASK_ROOT, Image
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CellKind:
    """What a stem cell is for good."""

    image: str
    architecture: str
    ephemeral_storage_mb: int
    mounts: tuple[Mount, ...]
    """All but the function's code: its dependencies, its layers."""
    limits: bool
    preload: RuntimeStart | None
    """How the runtime is started that then waits; `None`: it cannot be, the container alone waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSpec:
    """A cell to be made."""

    cell_id: EnvironmentId
    """32 hex digits, as an environment has; never that of one."""
    name: str
    kind: CellKind
    memory_mb: int
    """Until a claim says otherwise."""
    labels: tuple[tuple[str, str], ...]


def cell_kind(
    configuration: FunctionConfiguration,
    runtime: Runtime,
    image: Image,
    *,
    mounts: Iterable[Mount] = (),
    settings: Settings,
) -> CellKind:
    """The kind of cell that environments of such a function can be made from.

    mounts: what its containers see of this machine; the code's is left out.
    """
    return CellKind(
        image=image.reference,
        architecture=configuration.architecture,
        ephemeral_storage_mb=configuration.ephemeral_storage_mb,
        mounts=tuple(mount for mount in mounts if mount.target != TASK_ROOT),
        limits=settings.memory_limits,
        preload=_preload(configuration, runtime, image, settings),
    )


def container_spec(cell: CellSpec) -> ContainerSpec:
    """The container that `cell` is until it is claimed, its code's folder not among the mounts."""
    kind = cell.kind
    return ContainerSpec(
        environment_id=cell.cell_id,
        name=cell.name,
        image=kind.image,
        architecture=kind.architecture,
        memory_mb=cell.memory_mb,
        cpus=cpus(cell.memory_mb),
        ephemeral_storage_mb=kind.ephemeral_storage_mb,
        mounts=kind.mounts,
        labels=cell.labels,
        limits=kind.limits,
    )


def _preload(
    configuration: FunctionConfiguration, runtime: Runtime, image: Image, settings: Settings
) -> RuntimeStart | None:
    """How to start the runtime for nobody yet; `None` where the function's own variables count as
    soon as it starts, and its program may come from the function's own files.
    """
    rule = runtime.preload
    if rule is None or not image.built_for_runtime:
        return None
    if any(rule.decides(variable.name) for variable in configuration.variables):
        return None
    return RuntimeStart(
        command=runtime.command,
        handler="",
        variables=boot_variables(runtime, memory_mb=configuration.memory_mb, settings=settings),
        log_frames=runtime.log_frames,
    )


# --- how many ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What was asked for of one kind. Times are seconds of the monotonic clock."""

    memory_mb: int
    """Of whoever asked last: what the next cell gets."""
    last_s: float
    expected: int = 0
    """Functions of this kind that nobody has invoked yet."""
    burst: int = 0
    """Most cells asked for within `StemSettings.burst_s`, in the time that is remembered."""
    burst_began_s: float = float("-inf")
    burst_now: int = 0
    """Asked for since `burst_began_s`."""


def asked(demand: Demand | None, *, memory_mb: int, now_s: float, settings: StemSettings) -> Demand:
    """`demand` after one more environment was wanted."""
    if demand is None:
        demand = Demand(memory_mb=memory_mb, last_s=now_s)
    fresh = now_s - demand.burst_began_s > settings.burst_s
    count = 1 if fresh else demand.burst_now + 1
    return replace(
        demand,
        memory_mb=memory_mb,
        last_s=now_s,
        burst=max(demand.burst, count),
        burst_began_s=now_s if fresh else demand.burst_began_s,
        burst_now=count,
    )


def expected(demand: Demand | None, *, memory_mb: int, now_s: float) -> Demand:
    """`demand` after it became known that there is one more function of this kind."""
    if demand is None:
        demand = Demand(memory_mb=memory_mb, last_s=now_s)
    return replace(demand, expected=demand.expected + 1)


def wanted(
    demands: Mapping[CellKind, Demand],
    *,
    cell_bytes: Mapping[CellKind, int],
    now_s: float,
    settings: StemSettings,
) -> dict[CellKind, int]:
    """How many cells of each kind should stand ready.

    cell_bytes: what one was measured to hold; a kind that is not in it counts as `cell_bytes` of
    the settings. Nobody having asked for `time_to_live_s`, a kind gets none. Under the memory budget
    those asked for last come first, each with one before any gets a second; then, of the kinds that
    nobody has asked for yet, those of most functions, with one each.
    """
    fresh = {k: d for k, d in demands.items() if now_s - d.last_s < settings.time_to_live_s}
    in_use = sorted((k for k, d in fresh.items() if d.burst), key=lambda k: -fresh[k].last_s)
    foreseen = sorted(
        (k for k, d in fresh.items() if not d.burst), key=lambda k: -fresh[k].expected
    )
    alive = [*in_use, *foreseen[: settings.foreseen]]
    counts = dict.fromkeys(demands, 0)
    left = settings.memory_bytes
    for level in range(1, settings.maximum + 1):
        for kind in alive:
            least = settings.minimum if demands[kind].burst else 1
            aim = min(settings.maximum, max(least, demands[kind].burst))
            size = cell_bytes.get(kind, settings.cell_bytes)
            if level <= aim and size <= left:
                counts[kind] = level
                left -= size
    return counts
