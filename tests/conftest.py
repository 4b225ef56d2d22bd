"""What every test gets: its event loop, a clean environment, folders of its own, the Docker guard."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop
from hypothesis import HealthCheck, settings

from tests.fakes.clock import LoopClock
from tests.fakes.loop import AutojumpLoop, eager_autojump_loop
from tests.ordering import dealt
from tests.watching import Watch

# `--hypothesis-profile=deep` for a night's search. No deadlines: a busy machine is not a bug.
settings.register_profile(
    "quick", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", parent=settings.get_profile("quick"), max_examples=3000)
settings.load_profile("quick")

REQUIRE_ENGINE = os.environ.get("WORKBENCH_REQUIRE_ENGINE") == "1"
"""Tests that need a container engine fail without one, instead of being skipped."""

_FOREIGN = ("AWS_", "LAMBDA_", "WORKBENCH_", "XDG_")
_FOREIGN_NAMES = ("BOTO_CONFIG", "EDITOR", "HOME", "NO_COLOR", "PYTHONPATH", "TERM", "VISUAL")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "autojump: runs on a loop of virtual time, with lazy tasks and, from Python 3.12 on, also "
        "with eager ones; not for tests with real sockets, files or threads to wait for",
    )
    config.addinivalue_line(
        "markers", "both_loops: runs on asyncio's own loop and on uvloop, the one in production"
    )
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Watch(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    worker = getattr(config, "workerinput", {"workercount": 1})
    items[:] = dealt(items, worker["workercount"])


# --- event loops --------------------------------------------------------------------------------------


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops a test runs on, one after the other."""
    if item.get_closest_marker("both_loops") is not None:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    if item.get_closest_marker("autojump") is None:
        return {"asyncio": asyncio.new_event_loop}
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"lazy": AutojumpLoop}
    if sys.version_info >= (3, 12):
        loops["eager"] = eager_autojump_loop
    return loops


@pytest.fixture
def clock() -> LoopClock:
    """The clock of the running loop."""
    return LoopClock()


# --- a clean environment --------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a person with no configuration, whom all tests run as, and all that they start:
    from before the first fixture of any module, so that nothing of the developer's own leaks in and
    nothing is written there, keys least of all.
    """
    home = tmp_path_factory.mktemp("home")
    runtime = tempfile.mkdtemp(prefix="wb-")  # it holds sockets, whose paths must be short
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_FOREIGN) or name in _FOREIGN_NAMES:
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
        patch.setenv("XDG_RUNTIME_DIR", runtime)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield home
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_engine_by_accident(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a test of the engine may know where that is."""
    if request.node.get_closest_marker("docker") is None:
        for name in [name for name in os.environ if name.startswith("DOCKER_")]:
            monkeypatch.delenv(name)


@pytest.fixture
def project_folder(tmp_path: Path) -> Path:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def state_folder(project_folder: Path) -> Path:
    """Where a project's state is kept."""
    folder = project_folder / ".workbench"
    folder.mkdir()
    return folder


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder whose path is short enough for unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="wb-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


# --- the Docker guard ---------------------------------------------------------------------------------


@functools.cache
def _why_no_engine() -> str | None:
    """`None` when a container engine answers, at DOCKER_HOST or where one usually is."""
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not address.startswith("unix://"):
        return _why_no_answer_from_afar()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        try:
            connection.connect(address.removeprefix("unix://"))
            connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
            answer = connection.recv(1024)
        except OSError as error:
            return f"{address}: {error.strerror or error}"
    return None if b" 200 " in answer else f"{address} answers {answer[:50]!r}"


def _why_no_answer_from_afar() -> str | None:
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=10)
    except DockerException as error:
        return str(error).splitlines()[0]
    client.close()  # making it has asked the engine for its version
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `docker` say in one line why they did not run."""
    if item.get_closest_marker("docker") is None:
        return
    why = _why_no_engine()
    if why is None:
        return
    if REQUIRE_ENGINE:
        pytest.fail(f"WORKBENCH_REQUIRE_ENGINE=1, but no engine answers: {why}", pytrace=False)
    pytest.skip(f"no container engine answers: {why}")
