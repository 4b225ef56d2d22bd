"""A container engine of a test's own, that may be killed: the one that all others use may not."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import DockerException

from tests.e2e.workshop import ARCHITECTURE, Workshop, a_workshop, until
from tests.integration.store.disks import small_disk
from workbench.config.locations import cache_folder
from workbench.docker.supervisor import ensure_supervisor

IMAGE = "private:1"
"""Debian with bash and curl. It runs /var/task/bootstrap."""


class PrivateEngine:
    """A dockerd with folders, a socket and images of its own. Blocks where it is not `async`."""

    def __init__(self, folder: Path, *, blind: bool = False) -> None:
        self.folder = folder
        self._blind = blind
        self.disk = folder / "disk"
        self.data = self.disk / "data"
        """Images, and what containers write."""
        self.address = f"unix://{folder}/socket"
        self._process: subprocess.Popen[bytes] | None = None
        self._answered = False
        self.disk.mkdir()
        (folder / "settings").write_text("{}")  # not the ones of this machine's own engine

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        await asyncio.to_thread(self._start)
        await until(self._answers)

    def _start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            # In a network of its own: without a bridge it would delete the machine's docker0.
            self._process = subprocess.Popen(
                [
                    *("unshare", "--net", *(_hiding(self.folder) if self._blind else ())),
                    *("dockerd", "--host", self.address, "--bridge", "none"),
                    *("--data-root", self.data, "--exec-root", self.folder / "exec"),
                    *("--pidfile", self.folder / "pid", "--config-file", self.folder / "settings"),
                    *("--iptables=false", "--ip-forward=false", "--ip-masq=false"),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at a terminal is for the tests
            )

    async def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            said = (self.folder / "log").read_text(errors="replace").splitlines()[-3:]
            assert not self._answered, said
            pytest.skip(f"no private container engine can be started here: {' '.join(said)}")
        # by hand: the SDK leaves its socket open when it is turned away
        with socket.socket(socket.AF_UNIX) as attempt:
            try:
                attempt.connect(f"{self.folder}/socket")
                attempt.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
                self._answered = b" 200 " in attempt.recv(1024)
            except OSError:
                return False
        return self._answered

    def kill(self) -> None:
        """kill -9. Its containers stay, without anybody who knows of them."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        # Its containerd follows it, a little later; the next dockerd must not take it for alive.
        number = self.folder / "exec" / "containerd" / "containerd.pid"
        with suppress(OSError, ValueError):
            os.kill(int(number.read_text()), signal.SIGKILL)
        number.unlink(missing_ok=True)

    def stop(self) -> None:
        """As `systemctl stop` does. It ends its containers first."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def pause(self) -> None:
        """It is there, and does nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where it was."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, question: Any) -> Any:
        """Whatever the SDK can do, with a connection of its own."""
        api = docker.APIClient(base_url=self.address, version="auto", timeout=60)
        try:
            return question(api)
        finally:
            api.close()

    def containers(self) -> list[str]:
        """Ids of all there are, running or not."""
        return [str(each["Id"]) for each in self.ask(lambda api: api.containers(all=True))]

    def end(self) -> None:
        """Leave nothing of it behind."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self.resume()
            with suppress(DockerException, OSError):
                self.ask(_empty)
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
            self._process.kill()
            self._process.wait()
        for mount in reversed([*_mounts_below(self.disk), *_mounts_below(self.folder / "exec")]):
            subprocess.run(["umount", "-l", mount], check=False)


def _hiding(folder: Path) -> tuple[str, ...]:
    """A program runs without this machine's temporary files, where all of a test's are; with `folder`."""
    hide = 'mount --bind "$1" /mnt; mount -t tmpfs none "$2"; mkdir "$1"; mount --move /mnt "$1"'
    hide += '; shift 2; exec "$@"'
    return ("--mount", "sh", "-ec", hide, "sh", str(folder), tempfile.gettempdir())


def _empty(api: Any) -> None:
    for container in api.containers(all=True):
        with suppress(DockerException):
            api.remove_container(container["Id"], force=True)
    for network in api.networks(filters={"driver": "bridge"}):
        api.remove_network(network["Id"])  # an interface of this machine


def _mounts_below(folder: Path) -> list[str]:
    points = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
    return [point for point in points if point.startswith(f"{folder}/")]


@asynccontextmanager
async def a_private_engine(
    *, disk_mb: int | None = None, blind: bool = False
) -> AsyncIterator[PrivateEngine]:
    """One with `IMAGE`, and with nothing else. Skips where this machine does not let us have one.

    disk_mb: the size of a disk of its own; `None`: it shares this machine's. blind: it sees no files of
    tests, as one on another computer.
    """
    if shutil.which("dockerd") is None or os.getuid() != 0:
        pytest.skip("a private container engine needs dockerd, and root to run it")
    folder = Path(tempfile.mkdtemp(prefix="wb-engine-"))
    engine = PrivateEngine(folder, blind=blind)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if disk_mb is not None:
            stack.enter_context(small_disk(engine.disk, size=f"{disk_mb}m"))
        try:
            async with a_workshop() as workshop:
                cache = cache_folder()
                await ensure_supervisor(workshop.images, cache=cache, architecture=ARCHITECTURE)
                await engine.start()
                await _bring_image(workshop, engine)
            yield engine
        finally:
            await asyncio.to_thread(engine.end)


async def _bring_image(workshop: Workshop, engine: PrivateEngine) -> None:
    """The files of an image of the shared engine's, without its layers and its history."""
    image = await workshop.image("provided.al2023")
    api = workshop.client.api
    created = await workshop.client.call(api.create_container, image.reference)
    try:
        await asyncio.to_thread(_pipe, str(created["Id"]), engine.address)
    finally:
        await workshop.client.call(api.remove_container, created["Id"], force=True)


def _pipe(container: str, address: str) -> None:
    name, _, tag = IMAGE.partition(":")
    change = 'ENTRYPOINT ["/var/task/bootstrap"]'
    with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
        subprocess.run(
            ["docker", "-H", address, "import", "--change", change, "-", f"{name}:{tag}"],
            stdin=export.stdout,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    assert export.returncode == 0
