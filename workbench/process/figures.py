"""What the processes of one environment use, read from /proc. Linux only; elsewhere unknown.

Memory is resident memory: what a cgroup would count, but for page cache, and with pages that two
processes share counted for both.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from workbench.model.container import Figures
from workbench.process.launcher import descendants
from workbench.values import dataclass

_KNOWN = sys.platform.startswith("linux") and Path("/proc/self/status").exists()
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Meter:
    """The figures of everything below one launcher, which itself does not count."""

    launcher: int
    """Its process id."""
    peak_bytes: int = 0
    ended_cpu_ns: int = 0
    """Of runtimes that have ended."""
    oom_kills: int = 0
    """Runtimes that were killed for the memory they held."""

    def read(self) -> Figures:
        """As they are now. Measured: 0.1 ms for a runtime of one process."""
        if not _KNOWN:
            return Figures()
        current = cpu = 0
        for pid in descendants(self.launcher):
            resident, highest = _memory(pid)
            current += resident
            self.peak_bytes = max(self.peak_bytes, highest)
            cpu += _cpu_ns(pid)
        self.peak_bytes = max(self.peak_bytes, current)
        return Figures(
            peak_bytes=self.peak_bytes,
            current_bytes=current,
            cpu_ns=self.ended_cpu_ns + cpu,
            oom_kills=self.oom_kills,
        )

    def ended(self, *, cpu_ns: int, peak_bytes: int | None, out_of_memory: bool) -> None:
        """A runtime ended. `cpu_ns`: of all that ever ended below the launcher."""
        self.ended_cpu_ns = cpu_ns
        self.peak_bytes = max(self.peak_bytes, peak_bytes or 0)
        self.oom_kills += out_of_memory


def _memory(pid: int) -> tuple[int, int]:
    """Resident bytes of a process, now and at most; 0 for one that is gone."""
    now = highest = 0
    for line in _lines(f"/proc/{pid}/status"):
        if line.startswith(b"VmHWM:"):
            highest = int(line.split()[1]) * 1024
        elif line.startswith(b"VmRSS:"):
            now = int(line.split()[1]) * 1024
            break  # it comes after VmHWM
    return now, highest


def _cpu_ns(pid: int) -> int:
    """CPU time of a process and of the children it waited for."""
    try:
        # The clock of another process: Linux, clock_getcpuclockid(3), CPUCLOCK_SCHED.
        own = time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return 0
    waited_for = 0
    for line in _lines(f"/proc/{pid}/stat"):
        # After the name, which may hold anything: fields 16 and 17, cutime and cstime.
        fields = line.rpartition(b")")[2].split()
        waited_for = (int(fields[13]) + int(fields[14])) * _TICK_NS
    return own + waited_for


def _lines(path: str) -> list[bytes]:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - ten thousand times a second
            return file.read(4096).splitlines()
    except OSError:
        return []
