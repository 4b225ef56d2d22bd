"""A project and a workbench that serves it, as a user would have them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ECHO_PYTHON = "def handler(event, context):\n    return event\n"
ECHO_NODE = "exports.handler = async (event) => event;\n"
MEMORY_MB = 1769
"""One vCPU: with less, a function's own CPU share is what would be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running `workbench serve`."""

    host: str
    port: int
    pid: int
    project: Path


def write_function(
    project: Path, name: str, *, runtime: str = "python3.13", tmp_mb: int = 512
) -> Path:
    """An echo function."""
    folder = project / name
    folder.mkdir(parents=True)
    (folder / "function.toml").write_text(
        f'runtime = "{runtime}"\nhandler = "app.handler"\nmemory_mb = {MEMORY_MB}\ntimeout_s = 30\n'
        f"ephemeral_storage_mb = {tmp_mb}\n"
    )
    if runtime.startswith("nodejs"):
        (folder / "app.js").write_text(ECHO_NODE)
    else:
        (folder / "app.py").write_text(ECHO_PYTHON)
    return folder


@contextmanager
def serve(project: Path, *, engine: str = "docker") -> Iterator[Served]:
    """Serve while the context is open."""
    command = [
        *(sys.executable, "-m", "workbench"),
        *("--project", str(project), "--engine", engine, "serve", "--port", "0"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)", line)
        if found is None:
            raise RuntimeError(f"workbench serve said: {line!r}")
        yield Served(host=found[1], port=int(found[2]), pid=process.pid, project=project)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
