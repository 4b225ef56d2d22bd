"""What the one process that leads a run of the tests does besides: it says at once what failed, and ends
the run when the container engine has stopped working.

An engine that hangs lets every test wait for a minute: the run would end in an hour and say nothing.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

EVERY_S = 15.0
"""From one look at the engine to the next."""
ANSWER_S = 90.0
"""A busy machine is not a bug: the slowest answer seen on one took 20 s."""
QUESTIONS = ("/containers/json?limit=1", "/networks", "/images/json")
"""One for each lock inside the engine that may be held for ever; `/_ping` takes none."""
_OWN = "/var/run/docker.sock"
_OWN_PROCESS = Path("/var/run/docker.pid")


class Watch:
    """A plugin. Not for the workers of pytest-xdist."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._over = threading.Event()
        self.trouble: str | None = None
        """Why the run was ended."""

    def pytest_sessionstart(self) -> None:
        address = os.environ.get("DOCKER_HOST") or f"unix://{_OWN}"
        path = address.removeprefix("unix://")
        if path != address:
            # A thread: there is no event loop around a run of tests.
            threading.Thread(target=self._look, args=(path,), daemon=True).start()  # noqa: TID251

    def pytest_sessionfinish(self) -> None:
        self._over.set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome: str = report.outcome
        again = outcome == "rerun"  # pytest-rerunfailures' own
        if report.failed or again:
            why = report.longreprtext.rstrip().rpartition("\n")[2]
            where = "" if report.when == "call" else f" ({report.when})"
            what = "FAILED, and is run once more:" if again else "FAILED"
            self._write(f"{what} {report.nodeid}{where}: {why}")

    def pytest_terminal_summary(self) -> None:
        if self.trouble is not None:
            self._write(self.trouble)

    def _look(self, path: str) -> None:
        # While there is none yet, nothing waits for it: tests that need one say so themselves.
        while not _answers(path, "/_ping", within_s=10):
            if self._over.wait(EVERY_S):
                return
        while not self._over.wait(EVERY_S):
            silent = [each for each in QUESTIONS if not _answers(path, each, within_s=ANSWER_S)]
            if silent and not self._over.is_set():
                self.trouble = (
                    f"The container engine does not answer {', '.join(silent)}: no test can go on."
                )
                if path == _OWN:
                    self.trouble += _stacks()
                signal.pthread_kill(
                    threading.main_thread().ident or 0, signal.SIGINT
                )  # as Ctrl-C does
                return

    def _write(self, text: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("")
            reporter.write_line(text)


def _answers(path: str, question: str, *, within_s: float) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(within_s)
        try:
            connection.connect(path)
            head = f"GET {question} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())
            return b" 200 " in connection.recv(64)
        except OSError:
            return False


def _stacks() -> str:
    """Docker's daemon writes what it hangs in beside its socket. Source: Docker, daemon troubleshooting."""
    with suppress(OSError, ValueError):
        os.kill(int(_OWN_PROCESS.read_text()), signal.SIGUSR1)
        return f" What it hangs in: {_OWN_PROCESS.parent}/docker/goroutine-stacks-*.log"
    return ""
