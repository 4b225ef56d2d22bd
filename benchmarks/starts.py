"""Cold starts, reloads, first paint, memory."""

from __future__ import annotations

import json
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

RUNS = 20
KINDS = {
    "python3.13": ("cold call, a stem cell ready, Python", "under 12 ms"),
    "nodejs22.x": ("cold call, a stem cell ready, Node", "under 15 ms"),
}
PLAIN = "cold call, no stem cell fits"


def prepare_cold(project: Path) -> None:
    """The functions that `cold` will invoke."""
    for number in range(RUNS):
        for runtime in KINDS:
            write_function(project, f"cold-{runtime[:6]}-{number}", runtime=runtime)


def cold(served: Served, images: dict[str, str]) -> list[Figure]:
    """Functions nobody has invoked yet, a container standing ready; against a plain `docker run` of
    the image they run in.
    """
    figures = []
    for runtime, (name, target) in KINDS.items():
        ours: list[float] = []
        plain: list[float] = []
        program = (
            ("python3", "-c", "1")
            if runtime.startswith("python")
            else ("/var/lang/bin/node", "-e", "1")
        )
        with Client(served.host, served.port) as client:
            for number in range(RUNS):
                stand_by(served, "wb-stem-", images[runtime])
                path = function_path(f"cold-{runtime[:6]}-{number}")
                ours.append(client.timed_post(path, BODY))
                plain.append(docker_run(images[runtime], *program))
        yardstick = (f"docker run, {Path(program[0]).name}", plain)
        figures.append(median(name, ours, against=yardstick, target=target))
    return figures + _parts(served)


def _parts(served: Served) -> list[Figure]:
    """What the workbench itself measured of the cold starts from stem cells."""
    command = [sys.executable, "-m", "workbench", "--project", str(served.project), "ps", "--json"]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    splits = [
        environment["init_split"]
        for environment in json.loads(told.stdout)
        if environment["origin"] == "preloaded"
    ]
    return [
        median(
            f"{words}, both languages", [split[key] for split in splits if split[key] is not None]
        )
        for key, words in (
            ("claim_ms", "the claim of a stem cell"),
            ("boot_ms", "the runtime told whose it is"),
            ("import_ms", "the function's import, until it asks for work"),
        )
    ]


def plain(served: Served, image: str) -> list[Figure]:
    """The same for functions whose containers have to be made."""
    ours: list[float] = []
    bare: list[float] = []
    with Client(served.host, served.port) as client:
        for number in range(RUNS):
            # A size of /tmp that no other function has: no container made ahead is of any use to it.
            write_function(served.project, f"plain-{number}", tmp_mb=600 + number)
            stand_by(served, "wb-network-")
            ours.append(client.timed_post(function_path(f"plain-{number}"), BODY))
            bare.append(docker_run(image))
    return [
        median(PLAIN, ours, against=("docker run, python3", bare), target="under 130 ms"),
    ]


def image(served: Served, runtime: str) -> str:
    """The image that functions of this runtime run in; there may be older ones."""
    return _await_container(served, "wb-stem-", f"workbench/{runtime}:")


def stand_by(served: Served, prefix: str, image: str = "") -> None:
    """Wait until a container that was made ahead has been there for a moment: people do not call as
    fast as a benchmark does.
    """
    _await_container(served, prefix, image)
    time.sleep(1.0)


def _await_container(served: Served, prefix: str, image: str) -> str:
    """The image of the first container of this project with such a name and image."""
    filters = [f"name=^{prefix}", f"label=workbench.project={served.project}"]
    command = ["docker", "ps", "--format", "{{.Image}}"]
    command += [word for each in filters for word in ("--filter", each)]
    for _ in range(600):
        listed = subprocess.run(command, check=True, capture_output=True, text=True)
        for found in listed.stdout.split():
            if found.startswith(image):
                return found
        time.sleep(0.1)
    raise RuntimeError(f"no container {prefix}… of {image or 'any image'} within a minute")


def docker_run(image: str, program: str = "python3", *arguments: str) -> float:
    """Milliseconds of a container of its own."""
    began = time.perf_counter()
    command = ["docker", "run", "--rm", "--entrypoint", program, image, *(arguments or ("-c", "1"))]
    subprocess.run(command, check=True)
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
            stand_by(served, "wb-stem-", image)
            source.write_text(f"def handler(event, context):\n    return {number}\n")
            saved = time.perf_counter()
            while client.post(path, BODY)[1].strip() != str(number).encode():
                pass
            samples.append((time.perf_counter() - saved) * 1000)
            plain.append(docker_run(image))
    source.write_text(ECHO_PYTHON)
    return [
        median(
            "save to answer of the new code",
            samples,
            against=("docker run, python3", plain),
            target="under 60 ms",
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
