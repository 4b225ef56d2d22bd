"""What the container engine is asked for: a container without privileges, with Lambda's limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.docker.network import NETWORK
from workbench.model.container import ContainerSpec
from workbench.model.version import TASK_ROOT

USER = "993:990"
"""sbx_user1051, as in Lambda's sandbox. Source: recorded from AWS (uid and gid unsure)."""
CPU_PERIOD_US = 20_000
"""Lambda's scheduling period; Docker's own 100 ms would make small functions stutter."""
MIN_CPU_QUOTA_US = 1_000
"""The kernel takes no less."""
INIT_CPUS = 1.0
"""At least this much while initialising. Source: Lambda, "burst of CPU during init" (size unsure)."""
PIDS = 1024
"""Source: Lambda quotas, 1,024 processes and threads."""
NOFILE = 1024
"""Source: Lambda quotas, 1,024 file descriptors."""

INSIDE_CHANNEL = "/run/workbench"
INSIDE_SUPERVISOR = "/.workbench-supervisor"
_INSIDE_TMP = "/tmp"  # noqa: S108 - the container's, of the size that the function asks for


def creation(
    spec: ContainerSpec,
    *,
    supervisor: str,
    mounts: Sequence[dict[str, Any]],
    channel: str | None,
    joins: str | None,
    role: str,
) -> dict[str, Any]:
    """What the engine's create call is given.

    supervisor, channel: where its supervisor is inside, and the socket that this connects to; `None`: the
    engine connects it, over its stdin and stdout, and closes them when whoever is connected has gone.
    joins: the id of a container whose network namespace it joins, instead of having its own. role: what
    its supervisor does with a runtime's descriptors, `pass` or `relay`; `hold`: there is none, it is
    there for its network namespace alone.
    """
    streams = {}
    if channel is None:
        channel, streams = "-", {"OpenStdin": True, "StdinOnce": True, "AttachStdin": True}
    memory = memory_bytes(spec)
    limits: dict[str, Any] = {}
    if spec.limits:
        limits = {
            "Memory": memory,
            "MemorySwap": memory,
            "CpuPeriod": CPU_PERIOD_US,
            "CpuQuota": cpu_quota(max(spec.cpus, INIT_CPUS)),
        }
    return {
        "Image": spec.image,
        "Entrypoint": [supervisor],
        "Cmd": [channel, role],
        **streams,
        "Env": [],
        "User": USER,
        "WorkingDir": TASK_ROOT,
        "Labels": dict(spec.labels) | {"workbench.environment": spec.environment_id},
        "HostConfig": {
            "AutoRemove": True,
            "CapDrop": ["ALL"],
            "IpcMode": "none",  # no /dev/shm: only /tmp can be written to, as in Lambda
            "LogConfig": {"Type": "none"},
            "Mounts": list(mounts),
            "NetworkMode": NETWORK if joins is None else f"container:{joins}",
            "PidsLimit": PIDS,
            "ReadonlyRootfs": True,
            "SecurityOpt": ["no-new-privileges"],
            "Tmpfs": {
                _INSIDE_TMP: f"rw,nosuid,nodev,exec,mode=1777,size={spec.ephemeral_storage_mb}m"
            },
            "Ulimits": [{"Name": "nofile", "Soft": NOFILE, "Hard": NOFILE}],
            **limits,
        },
    }


def memory_bytes(spec: ContainerSpec) -> int:
    """Its limit."""
    return spec.memory_mb * 1024 * 1024


def cpu_quota(cpus: float) -> int:
    """Microseconds of CPU in each period."""
    return max(MIN_CPU_QUOTA_US, round(cpus * CPU_PERIOD_US))
