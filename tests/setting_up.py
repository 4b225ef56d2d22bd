"""A plugin of `make test`: the engine and the images are made while tests run that need neither.

    pytest -p tests.setting_up

Making the images leaves processors idle for half of the minutes that it takes: packages are fetched, and
one step waits for another.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.ordering import needs_engine

COMMAND = (
    *(sys.executable, "-m", "workbench", "doctor", "--fix", "--brief"),
    *("--project", "sample_functions"),
)


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)  # pytest-xdist's
    if worker is not None:
        said = Path(worker["set_up"])
    else:
        leader = LeadsTheRun(config)
        config.pluginmanager.register(leader)
        said = leader.said
    config.pluginmanager.register(WaitsForIt(said))


class LeadsTheRun:
    """For the process that leads the run: starts the set-up, and tells what it says."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._file = tempfile.NamedTemporaryFile("w", prefix="wb-set-up-")  # noqa: SIM115 - until the end
        self.said = Path(self._file.name)
        """Locked until the set-up has ended; then it has its exit code in it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._process: subprocess.Popen[str] | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["set_up"] = str(self.said)

    def pytest_sessionstart(self) -> None:
        self._process = subprocess.Popen(
            COMMAND,
            cwd=self._config.rootpath,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        # A thread: there is no event loop around a run of tests.
        threading.Thread(target=self._follow, args=(self._process,), daemon=True).start()  # noqa: TID251

    def pytest_sessionfinish(self) -> None:
        if self._process is not None:
            self._process.terminate()  # nothing, where it has ended
            self._process.wait()

    def _follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if not line.startswith(" "):  # no step of what is being made
                self._write(line)
        code = process.wait()
        if code != 0:
            self._write("".join(said))
        self._file.write(str(code))
        self._file.flush()
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def _write(self, text: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(text.rstrip())


class WaitsForIt:
    """For the process that runs tests: those of the engine begin when it is there."""

    def __init__(self, said: Path) -> None:
        self._said = said
        self._code: str | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # before a test's time begins to count
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        if self._code is None and needs_engine(item):
            with suppress(OSError), self._said.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                self._code = file.read()
            self._code = self._code or "lost"
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if needs_engine(item) and self._code != "0":
            pytest.fail(f"the set-up has failed (exit code {self._code}): see above", pytrace=False)
