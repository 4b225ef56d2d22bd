"""Cold starts, reloads, first paint, memory."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from benchmarks.figures import Figure, median
from benchmarks.http_client import Client, function_path
from benchmarks.load import BODY
from benchmarks.served import ECHO_PYTHON, Served, write_function

RUNS = 15


def cold(served: Served, image: str) -> list[Figure]:
    """A function nobody has invoked yet, against a plain `docker run` of the image it runs in."""
    ours: list[float] = []
    plain: list[float] = []
    with Client(served.host, served.port) as client:
        for number in range(RUNS):
            name = f"cold-{number}"
            ours.append(client.timed_post(function_path(name), BODY))
            plain.append(_docker_run(image))
    return [
        median(
            "cold start to answer",
            ours,
            against=("docker run, python3 -c 1", plain),
            target="at most 1.3 times the yardstick",
        )
    ]


def prepare_cold(project: Path) -> None:
    """The functions that `cold` will invoke."""
    for number in range(RUNS):
        write_function(project, f"cold-{number}")


def _docker_run(image: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "python3", image, "-c", "1"], check=True
    )
    return (time.perf_counter() - began) * 1000


def reload(served: Served, function: str, image: str) -> list[Figure]:
    """From the moment a save returns until an answer of the new code is here; the yardstick is what
    a container of its own takes at least.
    """
    samples: list[float] = []
    plain: list[float] = []
    path = function_path(function)
    source = served.project / function / "app.py"
    with Client(served.host, served.port) as client:
        client.timed_post(path, BODY)
        for number in range(RUNS):
            source.write_text(f"def handler(event, context):\n    return {number}\n")
            saved = time.perf_counter()
            while client.post(path, BODY)[1].strip() != str(number).encode():
                pass
            samples.append((time.perf_counter() - saved) * 1000)
            time.sleep(0.3)
            plain.append(_docker_run(image))
    source.write_text(ECHO_PYTHON)
    return [
        median(
            "save to answer of the new code",
            samples,
            against=("docker run, python3 -c 1", plain),
            target="under 500 ms",
        )
    ]


def first_paint(project: Path) -> list[Figure]:
    """From the start of the process until the terminal has been drawn on, in a real pseudo-terminal."""
    command = [sys.executable, "-m", "workbench", "--project", str(project), "start"]
    bare = [
        sys.executable,
        "-c",
        "from textual.app import App\nApp().run()",
    ]
    ours = [_paint(command, b"Functions") for _ in range(7)]
    yardstick = [_paint(bare, b"\x1b[") for _ in range(7)]
    return [
        median("first paint", ours, against=("empty Textual app", yardstick), target="under 600 ms")
    ]


def _paint(command: list[str], sign: bytes) -> float:
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(command[0], command)
    try:
        ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        seen = b""
        while sign not in seen:
            if not select.select([terminal], [], [], 30)[0]:
                raise RuntimeError("nothing was painted within 30 s")
            seen += os.read(terminal, 65536)
        return (time.perf_counter() - began) * 1000
    finally:
        os.kill(pid, signal.SIGTERM)
        while True:  # its last words must be read, or it waits for room to write them
            try:
                if not os.read(terminal, 65536):
                    break
            except OSError:
                break
        os.waitpid(pid, 0)
        os.close(terminal)


def memory(served: Served, environments: int, echo_pid: int) -> list[Figure]:
    """What the serving process itself holds; the yardstick is the bare server's process."""
    value = _resident_mb(served.pid)
    return [
        Figure(
            name=f"workbench memory, {environments} environments",
            unit="MB",
            value=value,
            low=value,
            high=value,
            runs=1,
            yardstick="bare aiohttp echo",
            yardstick_value=_resident_mb(echo_pid),
        )
    ]


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    held = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(held.split()[1]) / 1024
