"""The engine's API, called from named threads.

The SDK is synchronous and slow to import (about 100 ms): it is imported when an engine is opened,
never for `--help` or the first paint.
"""

from __future__ import annotations

import asyncio
import functools
import os
import platform
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from workbench.clock import Clock
from workbench.docker.address import EngineAddress, engine_address
from workbench.docker.room import tells_full
from workbench.errors import (
    ContainerRefused,
    DiskFull,
    DriverError,
    EngineUnreachable,
    FolderNotShared,
    ImageMissing,
)

if TYPE_CHECKING:
    import docker

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 16
"""Calls at once; more than this only queue inside the engine."""
PATIENCE_S = 5.0
"""A call that takes longer is a reason to ask whether the engine answers at all."""
ANSWER_S = 10.0
"""For the least that can be asked."""
CONNECT_S = 30
"""For the first answer: the call may be what starts the engine (systemd's socket activation)."""
SILENT_S = 60
"""A call of which nothing is heard for so long has failed."""
_ANY_VERSION = "1.40"
"""Of the API, to ask for the engine's own with."""
_UNSEEN = ("bind source path does not exist", "mounts denied", "statfs /")
"""How Docker, Docker Desktop and Podman say that a folder to be mounted is not there for them."""


class EngineClient:
    """One connection pool to one container engine."""

    def __init__(self, api: docker.APIClient, described: Mapping[str, Any]) -> None:
        """See `connect`."""
        self.api = api
        self.described = described
        """What the engine said of itself when it was connected to: `GET /version`."""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._waiting = 0
        """Calls in progress."""
        self._answered = 0
        """Calls that have ended, well or badly."""
        self._asked = asyncio.Event()
        """Something was asked and not answered yet, as far as is known."""

    @classmethod
    async def connect(cls) -> EngineClient:
        """The engine that `engine_address` finds.

        Raises `EngineUnreachable` with the cause and what to do about it.
        """
        return cls(*await asyncio.to_thread(_connect))

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one SDK call in a thread. Raises `DriverError`.

        Cancellation: stops waiting; the call itself goes on in its thread.
        """
        return await self._begin(functools.partial(function, *args, **kwargs))

    async def follow(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `call`, for what takes as long as the engine lives."""
        loop = asyncio.get_running_loop()
        work = functools.partial(function, *args, **kwargs)
        return await loop.run_in_executor(self._threads, translated, work)

    async def complete(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `call`, for what makes something that must be taken away again.

        Cancellation: is felt only when the call has ended, so that what it made is known.
        """
        ending = self._begin(functools.partial(function, *args, **kwargs))
        try:
            return await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait([ending])
            raise

    async def check(self) -> None:
        """Raises `EngineUnreachable` unless it answers soon."""
        url = f"{self.api.base_url}/_ping"  # the SDK's own ping waits for a minute
        await self.follow(lambda: self.api.get(url, timeout=ANSWER_S).raise_for_status())

    async def wait_silent(self, clock: Clock) -> None:
        """Wait until the engine lets calls wait and does not answer `check` either. Nothing is asked
        while no call waits.
        """
        while True:
            await self._asked.wait()
            answered = self._answered
            await clock.sleep(PATIENCE_S)
            if self._answered != answered:
                continue
            try:
                await self.check()
            except DriverError:
                return
            if not self._waiting:
                self._asked.clear()

    @property
    def is_near(self) -> bool:
        """Containers run on this very kernel, and see its sockets and descriptors.

        False for an engine in a virtual machine (Docker Desktop's, Colima's, Podman's), and for one
        that answers over a network.
        """
        local = sys.platform == "linux" and str(self.api.base_url).startswith("http+docker")
        return local and self.described.get("KernelVersion") == platform.release()

    def _begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        ending = loop.run_in_executor(self._threads, translated, work)
        self._waiting += 1
        self._asked.set()
        ending.add_done_callback(self._ended)
        return ending

    def _ended(self, ending: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if ending.cancelled():
            return  # nobody waits for it any more; whether it was answered is not known
        self._answered += 1
        if not self._waiting:
            self._asked.clear()

    def close(self) -> None:
        """Give the threads and sockets back; calls in progress are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.api.close()


def translated(work: Callable[[], T]) -> T:
    """Call `work`; the SDK's exceptions become ours."""
    import docker.errors
    import requests

    try:
        return work()
    except docker.errors.ImageNotFound as error:
        raise ImageMissing(_detail(error), remedy="Run: workbench build") from error
    except docker.errors.APIError as error:
        raise _refusal(_detail(error)) from error
    except docker.errors.DockerException as error:
        raise DriverError(f"The container engine's client failed: {error}") from error
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        raise EngineUnreachable(
            cause="The container engine does not answer any more.",
            remedy="Start it again; the workbench goes on by itself.",
        ) from error
    except requests.exceptions.RequestException as error:
        raise DriverError(f"The container engine did not answer as expected: {error}") from error


def _refusal(detail: str) -> DriverError:
    if tells_full(detail):
        return DiskFull(detail)
    unseen = any(words in detail.lower() for words in _UNSEEN)
    return (FolderNotShared if unseen else ContainerRefused)(detail)


def _detail(error: Any) -> str:
    return str(error.explanation or error)


def _connect() -> tuple[docker.APIClient, Mapping[str, Any]]:
    import docker.errors
    import requests

    address = engine_address(os.environ)
    _try_socket(address)
    try:
        with closing(_client(address, _ANY_VERSION)) as asking:
            described = asking.version(api_version=False)
        api = _client(address, str(described["ApiVersion"]))
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise _unreachable(address, str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise _unreachable(address, "what answers there is no container engine") from error
    api.timeout = SILENT_S
    return api, described


def _client(address: EngineAddress, version: str) -> docker.APIClient:
    """Asks nothing yet; left to itself, the SDK asks for the version before it can be told whom to trust."""
    import docker
    from docker.utils import kwargs_from_env

    chosen = kwargs_from_env(address.variables(os.environ))
    api = docker.APIClient(**chosen, version=version, timeout=CONNECT_S)
    # A quarter of a call's processor time is looking for proxies and passwords, which no socket has; and
    # REQUESTS_CA_BUNDLE would win over the certificates in DOCKER_CERT_PATH.
    socket = str(api.base_url).startswith("http+docker")
    api.trust_env = not socket and not isinstance(api.verify, str)
    return api


def _try_socket(address: EngineAddress) -> None:
    """Connect once before the SDK does, which leaves its socket open where nobody answers."""
    import socket

    path = address.socket
    if path is None:
        if not address.url or address.url.startswith("ssh://"):
            raise _unusable(address)
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
        try:
            attempt.connect(path)
        except OSError as error:
            raise _unreachable(address, str(error)) from error


def _unusable(address: EngineAddress) -> EngineUnreachable:
    if address.url:
        return EngineUnreachable(
            cause=f"{address.named_by} names {address.url}, and over ssh itself no engine can be used.",
            remedy="Let ssh forward its socket (ssh -NL /tmp/far.sock:/var/run/docker.sock HOST), and set "
            "DOCKER_HOST=unix:///tmp/far.sock.",
        )
    return EngineUnreachable(
        cause=f"{address.named_by} names no engine that can be read.",
        remedy="Run: docker context ls, then docker context use NAME; or set DOCKER_HOST.",
    )


def _unreachable(address: EngineAddress, text: str) -> EngineUnreachable:
    where = address.url
    if "Permission denied" in text or "errno 13" in text.lower():
        return EngineUnreachable(
            cause=f"The container engine at {where} does not let this user in (permission denied).",
            remedy='Run: sudo usermod -aG docker "$USER", then log in again.',
        )
    if "No such file" in text or "FileNotFoundError" in text:
        return EngineUnreachable(
            cause=f"No container engine listens at {where}.",
            remedy="Run: workbench doctor --fix (it says what it would do), or use --engine process.",
        )
    if "Connection refused" in text or "ConnectionRefused" in text:
        return EngineUnreachable(
            cause=f"The container engine at {where} does not answer: it is not running.",
            remedy="Run: workbench doctor --fix, or start the Docker service.",
        )
    if "timed out" in text:
        return EngineUnreachable(
            cause=f"The container engine at {where} is there, but does not answer: nothing came in "
            f"{CONNECT_S} s.",
            remedy="Let it go on if it was paused, else start it again; the workbench goes on by itself.",
        )
    return EngineUnreachable(
        cause=f"The container engine at {where} could not be reached: {text}.",
        remedy="Run: workbench doctor",
    )
