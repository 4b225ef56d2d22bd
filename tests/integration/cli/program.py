"""The program as people run it: a process, a project, two streams and an exit code."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "workbench")
RUNTIME = f"python3.{11 if sys.version_info < (3, 13) else 13}"
"""One whose interpreter is there: the one that runs the tests."""

APP = """\
import json, os, sys, time


def handler(event, context):
    print("asked for", json.dumps(event))
    match event:
        case {"fail": message}:
            raise ValueError(message)
        case {"exit": code}:
            os._exit(code)
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"print": lines}:
            for line in lines:
                print(line)
        case {"raw": text}:
            return text
        case {"context": _}:
            return context.client_context and context.client_context.custom
    return {"answer": event}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        """stdout, which must be exactly one JSON value."""
        return json.loads(self.out)


class Project:
    """A folder of functions, and the program run in it."""

    def __init__(self, root: Path, *, engine: str = "process") -> None:
        self.root = root
        self.engine = engine

    def add(
        self, name: str = "orders", *, app: str = APP, manifest: str = "", runtime: str = RUNTIME
    ) -> Path:
        """A function; `manifest` is added to its function.toml."""
        folder = self.root / name
        (folder / "events").mkdir(parents=True)
        (folder / "app.py").write_text(app)
        (folder / "function.toml").write_text(
            f'runtime = "{runtime}"\nhandler = "app.handler"\n{manifest}'
        )
        return folder

    def event(self, function: str, name: str, value: Any, expect: str | None = None) -> None:
        """A saved event."""
        events = self.root / function / "events"
        (events / f"{name}.json").write_text(json.dumps(value))
        if expect is not None:
            (events / f"{name}.expect.toml").write_text(expect)

    def run(
        self, *words: str, stdin: bytes = b"", timeout_s: float = 60, path: str | None = None
    ) -> Ended:
        """A command, to its end. `path`: another PATH."""
        ended = subprocess.run(
            [*COMMAND, *words, "--engine", self.engine],
            cwd=self.root,
            env=None if path is None else os.environ | {"PATH": path},
            input=stdin,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
        return Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr.decode())

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command that goes on; killed at the end if it still does."""
        process = subprocess.Popen(
            [*COMMAND, *words, "--engine", self.engine],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextmanager
    def serving(self) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
        """`workbench serve`, and its address."""
        with self.running("serve") as process:
            assert process.stdout is not None
            address = process.stdout.readline().decode().strip()
            if not address.startswith("http://127.0.0.1:"):
                raise AssertionError(process.communicate()[1].decode())
            yield process, address

    def on_terminal(self, *words: str, timeout_s: float = 60) -> Ended:
        """A command with a terminal for all of its streams; what it showed is `out`."""
        above, below = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, *words, "--engine", self.engine],
            cwd=self.root,
            stdin=below,
            stdout=below,
            stderr=below,
            start_new_session=True,
        )
        os.close(below)
        shown = b""
        try:
            while True:
                try:
                    piece = os.read(above, 65536)
                except OSError:
                    break  # Linux: the last program that had it open has ended
                if not piece:
                    break
                shown += piece
            code = process.wait(timeout_s)
        finally:
            process.kill()
            os.close(above)
        return Ended(code=code, out=shown.replace(b"\r\n", b"\n"), err="")


def interrupt(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Ctrl-C; its exit code and what it said."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    return process.returncode, said.decode()


def wait_line(process: subprocess.Popen[bytes], containing: str) -> str:
    """The next line on stderr that has `containing` in it."""
    assert process.stderr is not None
    for line in process.stderr:
        if containing in line.decode():
            return line.decode()
    raise AssertionError(f"it ended without saying {containing!r}")
