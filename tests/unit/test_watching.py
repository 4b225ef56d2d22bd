"""The run of the tests ends when its container engine hangs, and says at once what fails."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer

LEADER = """
from tests import watching

watching.EVERY_S, watching.ANSWER_S = 0.1, {answer_s}

def pytest_configure(config):
    config.pluginmanager.register(watching.Watch(config))
"""
TESTS = """
import threading

def test_that_fails():
    assert 1 == 2

def test_that_waits():
    threading.Event().wait({seconds})
"""


class _Engine(StreamRequestHandler):
    """Answers `/_ping`, and nothing else when its server hangs."""

    def handle(self) -> None:
        asked = self.rfile.readline().decode()
        if "/_ping" in asked or not self.server.hangs.is_set():  # type: ignore[attr-defined]
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            self.rfile.read()  # until whoever asks gives up


def _run(
    folder: Path,
    socket_folder: Path,
    *options: str,
    hangs: bool = False,
    answer_s: float = 60,
    seconds: float = 0.1,
) -> str:
    (folder / "conftest.py").write_text(LEADER.format(answer_s=answer_s))
    (folder / "test_some.py").write_text(TESTS.format(seconds=seconds))
    address = socket_folder / "engine"
    with ThreadingUnixStreamServer(str(address), _Engine) as server:
        server.daemon_threads = True
        server.hangs = threading.Event()  # type: ignore[attr-defined]
        if hangs:
            server.hangs.set()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()  # noqa: TID251 - no loop
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:randomly", *options),
                *("--rootdir", folder, folder),
            ],
            env={"DOCKER_HOST": f"unix://{address}", "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        server.shutdown()
    return done.stdout


def test_an_engine_that_hangs_ends_the_run(tmp_path: Path, socket_folder: Path) -> None:
    said = _run(tmp_path, socket_folder, hangs=True, answer_s=0.2, seconds=100)
    assert "The container engine does not answer /containers/json?limit=1, /networks" in said
    assert "1 failed" in said


def test_an_engine_that_works_ends_nothing(tmp_path: Path, socket_folder: Path) -> None:
    said = _run(tmp_path, socket_folder, seconds=1)
    assert "1 failed, 1 passed" in said
    assert "does not answer" not in said
    before, _, _ = said.partition("= FAILURES =")
    assert "test_that_fails: " in before


def test_what_is_run_once_more_is_named(tmp_path: Path, socket_folder: Path) -> None:
    said = _run(tmp_path, socket_folder, "--reruns=1")
    assert "FAILED, and is run once more: " in said
    assert "1 failed, 1 passed, 1 rerun" in said
