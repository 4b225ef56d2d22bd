"""What a function's requirements.txt or package.json become where there are no containers: the same
tools, run on this machine.

Fits `ports.DependencyStore`. Layout: `<folder>/<digest>/<name>`, the digest over the files that state
them, the interpreter and the way of installing; `name` is the last part of the rule's mount, because
Node looks for a folder of that name. Invariant: a folder has its digest's name only when it is whole.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from workbench.clock import Clock
from workbench.errors import BuildFailed
from workbench.model.container import Mount
from workbench.model.dependencies import StatedDependencies
from workbench.model.names import FunctionName
from workbench.model.runtime import DependencyRule, Runtime
from workbench.model.settings import Timeouts
from workbench.model.telemetry import BuildBroke, BuildFinished, BuildProgress, BuildStarted
from workbench.model.version import Image
from workbench.process.program import Program
from workbench.process.tool import ToolFailed, run_tool
from workbench.telemetry import Bus

_SOURCE = "/var/dependencies/source"
_INSTALLED = "/var/dependencies/installed"
# What tools need of the person's own environment; the rest, secrets included, is not for packages
# that run code when they are installed.
_PASSED_ON = {"HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}
_PASSED_ON |= {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}
_PASSED_ON_PREFIXES = ("PIP_", "NPM_CONFIG_")
_PASSED_ON_ENDS = ("_PROXY",)


class Programs(Protocol):
    """Who found the interpreters: `process/images.py`."""

    @property
    def path(self) -> str:
        """PATH, as the workbench has it."""
        ...

    def program(self, image: str) -> Program:
        """How what is called `image` is started. Raises `ImageMissing`."""
        ...


class ProcessDependencies:
    """All dependencies of a project that were installed without containers."""

    def __init__(
        self,
        *,
        folder: Path,
        programs: Programs,
        environment: Mapping[str, str],
        bus: Bus,
        clock: Clock,
        timeouts: Timeouts,
    ) -> None:
        """`folder`: where they are kept. `environment`: the workbench's own variables."""
        self._folder = folder
        self._programs = programs
        self._environment = environment
        self._bus = bus
        self._clock = clock
        self._timeouts = timeouts
        self._installing: dict[str, asyncio.Lock] = {}
        """One installation of a digest at a time is what these model."""

    async def ensure(
        self, name: FunctionName, stated: StatedDependencies, runtime: Runtime, image: Image
    ) -> Mount:
        """See `ports.DependencyStore`. Cancellation: the tool is killed, and who else waits begins
        again.
        """
        program = self._programs.program(image.reference)
        assert runtime.process is not None, "else it would have no image here"
        digest = stated.digest("process", image.digest, *runtime.process.install)
        path = self._folder / digest
        async with self._installing.setdefault(digest, asyncio.Lock()):
            if not await asyncio.to_thread(_used_again, path):
                await self._announced(name, stated, program, path)
        mount = stated.rule.mount
        return Mount(source=path / PurePosixPath(mount).name, target=mount)

    async def _announced(
        self,
        name: FunctionName,
        stated: StatedDependencies,
        program: Program,
        path: Path,
    ) -> None:
        rule = stated.rule
        subject, step = f"dependencies of {name}", f"Installing what {rule.files[0]} states"
        started_s = self._clock.monotonic()
        self._bus.publish(BuildStarted(subject=subject, functions=(name,)))

        def tell(line: str) -> None:
            self._bus.publish(BuildProgress(subject=subject, step=1, steps=0, line=line))

        tell(step)
        workshop = await asyncio.to_thread(_open_workshop, self._folder, stated)
        try:
            async with asyncio.timeout(self._timeouts.build_s):
                await run_tool(
                    _command(rule, program, workshop),
                    cwd=workshop / "source",
                    variables=self._variables(program),
                    tell=tell,
                )
            await asyncio.to_thread(_keep, workshop, path)
        except BaseException as error:
            output = _why(error, self._timeouts)
            self._bus.publish(BuildBroke(subject=subject, step=step, output=output))
            if isinstance(error, ToolFailed | TimeoutError | OSError):
                raise BuildFailed(subject, step=step, output=output) from error
            raise
        finally:
            await asyncio.to_thread(shutil.rmtree, workshop, ignore_errors=True)
        took_s = self._clock.monotonic() - started_s
        self._bus.publish(BuildFinished(subject=subject, took_s=took_s))

    def _variables(self, program: Program) -> dict[str, str]:
        passed_on = {
            name: value
            for name, value in self._environment.items()
            if name.upper() in _PASSED_ON
            or name.upper().startswith(_PASSED_ON_PREFIXES)
            or name.upper().endswith(_PASSED_ON_ENDS)
        }
        return passed_on | {"PATH": program.path(self._programs.path)}


def _command(rule: DependencyRule, program: Program, workshop: Path) -> list[str]:
    """argv, with the folders of the image made those of the workshop."""
    assert program.runtime.process is not None
    installed = _inside(workshop, rule)
    places = {
        "{interpreter}": str(program.interpreter),
        "{installed}": str(installed),
        _INSTALLED: str(installed),
        _SOURCE: str(workshop / "source"),
    }
    words = program.runtime.process.install or rule.install
    for place, value in places.items():
        words = tuple(word.replace(place, value) for word in words)
    return list(words)


def _inside(workshop: Path, rule: DependencyRule) -> Path:
    return workshop / "installed" / PurePosixPath(rule.mount).name


def _used_again(path: Path) -> bool:
    """It is there; who tidies up learns that it is used."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _open_workshop(folder: Path, stated: StatedDependencies) -> Path:
    """A place to install in."""
    folder.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(dir=folder, prefix=".unfinished-"))
    _inside(workshop, stated.rule).mkdir(parents=True)
    (workshop / "source").mkdir()
    for name, content in stated.files.items():
        (workshop / "source" / name).write_bytes(content)
    return workshop


def _keep(workshop: Path, path: Path) -> None:
    try:
        (workshop / "installed").rename(path)
    except OSError:
        if not path.is_dir():  # else another workbench was quicker
            raise


def _why(error: BaseException, timeouts: Timeouts) -> str:
    if isinstance(error, ToolFailed):
        return error.output
    if isinstance(error, TimeoutError):
        return f"It was not done within {timeouts.build_s:.0f} s."
    return str(error) if isinstance(error, OSError) else "Nobody waits for it any more."
