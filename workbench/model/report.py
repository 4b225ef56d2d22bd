"""Lambda's platform log lines, and the arithmetic behind them.

Source: lines recorded from AWS (docs/compatibility.md, "Log lines"). Tabs are tabs; the REPORT of a
success ends with one.
"""

from __future__ import annotations

import math
from datetime import datetime

from workbench.model.invocation import Measurements
from workbench.model.names import EnvironmentId, Qualifier, RequestId

VCPU_MB = 1769
"""Memory that buys one vCPU. Source: Lambda Developer Guide, "Memory and computing power"."""


def billed_ms(duration_ms: float, init_ms: float | None) -> int:
    """Whole milliseconds, rounded up, init included. Source: billing since 1 August 2025."""
    return math.ceil(duration_ms + (init_ms or 0.0) - 1e-9)


def cold_start(measured: Measurements) -> tuple[tuple[str, float], ...]:
    """What was waited for before the function could be given its event, in order: name and ms.

    As fine as it was measured: `container` where its parts are not known, `init` likewise.
    """
    split = measured.split
    parts = [("create", split.create_ms), ("start", split.start_ms)]
    if split.claim_ms is not None:
        parts = [("claim", split.claim_ms)]
    elif None in (split.create_ms, split.start_ms):
        parts = [("container", measured.container_ms)]
    if None in (split.boot_ms, split.import_ms):
        parts += [("init", measured.init_ms)]
    else:
        parts += [("boot", split.boot_ms), ("import", split.import_ms)]
    return tuple((name, value) for name, value in parts if value is not None)


def cpus(memory_mb: int) -> float:
    """CPUs that go with a memory size."""
    return memory_mb / VCPU_MB


def megabytes(size_bytes: int) -> int:
    """Bytes as REPORT prints them: whole MB, rounded up."""
    return math.ceil(size_bytes / (1024 * 1024))


def log_stream_name(environment_id: EnvironmentId, version: Qualifier, created_at: datetime) -> str:
    """`2026/11/20/[$LATEST]3f2a…`: one stream per environment."""
    return f"{created_at:%Y/%m/%d}/[{version}]{environment_id}"


def init_start(runtime: str, *, region: str, image_digest: str) -> str:
    """INIT_START, with the digest of the image in the place of AWS's runtime version."""
    kind, _, version = _split_runtime(runtime)
    return (
        f"INIT_START Runtime Version: {kind}:{version}.workbench\t"
        f"Runtime Version ARN: arn:aws:lambda:{region}::runtime:{image_digest}"
    )


def _split_runtime(runtime: str) -> tuple[str, str, str]:
    """`python3.13` → (`python`, ``, `3.13`); `provided.al2023` → (`provided`, `.`, `al2023`)."""
    if "." in runtime and not any(c.isdigit() for c in runtime.partition(".")[0]):
        return runtime.partition(".")
    cut = next((i for i, c in enumerate(runtime) if c.isdigit()), len(runtime))
    return runtime[:cut], "", runtime[cut:]


def init_report(*, duration_ms: float, phase: str, status: str, error_type: str | None) -> str:
    """INIT_REPORT. `phase` is init or invoke, `status` timeout or error."""
    line = f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}"
    return line if error_type is None else f"{line}\tError Type: {error_type}"


def start(request_id: RequestId, version: Qualifier) -> str:
    """START."""
    return f"START RequestId: {request_id} Version: {version}"


def end(request_id: RequestId) -> str:
    """END."""
    return f"END RequestId: {request_id}"


def report(
    request_id: RequestId,
    figures: Measurements,
    *,
    status: str | None = None,
    error_type: str | None = None,
) -> str:
    """REPORT. `status` is `timeout`, `error` or `None` for success.

    Max Memory Used is the measured peak, and `unknown` where it could not be measured.
    """
    peak = figures.max_memory_bytes
    used = "unknown" if peak is None else f"{megabytes(peak)} MB"
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {figures.duration_ms:.2f} ms",
        f"Billed Duration: {figures.billed_ms} ms",
        f"Memory Size: {figures.memory_mb} MB",
        f"Max Memory Used: {used}",
    ]
    if figures.init_ms is not None:
        parts.append(f"Init Duration: {figures.init_ms:.2f} ms")
    parts.append("" if status is None else f"Status: {status}")
    if error_type is not None:
        parts.append(f"Error Type: {error_type}")
    return "\t".join(parts)


def timed_out_line(request_id: RequestId, *, at: datetime, timeout_s: float) -> str:
    """The classic line that many filters look for."""
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
    return f"{stamp} {request_id} Task timed out after {timeout_s:.2f} seconds\n"
