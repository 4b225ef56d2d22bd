"""Processes that environments leave on this machine.

Every process of an environment has the path of its temporary folder in its environment variables,
unless it removed it: that is how they are known.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path


def kill_marked(folder: Path) -> int:
    """SIGKILL to every process whose variables name a path inside `folder`; how many. Linux only."""
    mark = os.fsencode(f"={folder}/")
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
        except OSError:
            continue  # it ended, or it is somebody else's
    return killed
