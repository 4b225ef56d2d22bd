"""Where there are no containers, the image of a runtime is an interpreter of this machine.

Fits `ports.ImageStore`. What it answers with names a `Program`, which the driver asks it for.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from pathlib import Path

from workbench.errors import ImageMissing, RuntimeMissing
from workbench.model.names import FunctionName, RuntimeName
from workbench.model.runtime import ProcessRule, Runtime
from workbench.model.terminal_text import decode
from workbench.model.version import Image
from workbench.process.program import Program

PROBE_S = 10.0
"""A program that has not said its version after this long is not the one."""


class ProcessImages:
    """Finds interpreters on PATH, and remembers those it found."""

    def __init__(self, *, path: str) -> None:
        """`path`: PATH, as the workbench has it."""
        self.path = path
        self._found: dict[RuntimeName, Program] = {}

    async def ensure(
        self,
        runtime: Runtime,
        *,
        image: str | None,
        architecture: str,  # noqa: ARG002 - an interpreter runs what it can; the kernel refuses the rest
        functions: tuple[FunctionName, ...] = (),
    ) -> Image:
        """See `ports.ImageStore`. Raises `RuntimeMissing`, with what is missing and what to do."""
        name = functions[0] if functions else FunctionName(runtime.name)
        if image is not None:
            raise RuntimeMissing(
                name,
                reason=f"it names the image {image}, and no container engine is in use. Start one "
                "(workbench doctor says how), or remove image from its function.toml.",
            )
        program = self._found.get(runtime.name)
        if program is None or program.runtime != runtime or not _is_there(program):
            program = await asyncio.to_thread(self._find, runtime, name)
            self._found[runtime.name] = program
        return Image(reference=runtime.name, digest=_digest(program))

    async def pinned(self, image: Image, runtime: Runtime, *, subject: str) -> Image:
        """See `ports.ImageStore`. The interpreter of that name: there is no keeping an older one."""
        del image
        return await self.ensure(
            runtime, image=None, architecture="", functions=(FunctionName(subject),)
        )

    def program(self, image: str) -> Program:
        """How what `ensure` answered with is started. Raises `ImageMissing`."""
        program = self._found.get(RuntimeName(image))
        if program is None:
            raise ImageMissing(image, remedy="Invoke the function again.")
        return program

    def _find(self, runtime: Runtime, name: FunctionName) -> Program:
        rule = runtime.process
        if rule is None:
            raise RuntimeMissing(
                name,
                reason=f"the runtime {runtime.name} needs a container, and no container engine is in "
                "use. Start one: workbench doctor says how.",
            )
        if not rule.interpreters:
            return Program(runtime=runtime, interpreter=None, version="")
        seen: dict[str, Path] = {}
        for candidate in _candidates(rule, self.path):
            version = _version(candidate, rule)
            if version.startswith(rule.version_prefix):
                return Program(runtime=runtime, interpreter=candidate, version=version)
            seen.setdefault(version, candidate)
        found = ", ".join(f"{version} ({path})" for version, path in seen.items()) or "nothing"
        raise RuntimeMissing(
            name,
            reason=f"{runtime.name} needs an interpreter whose version begins with "
            f"{rule.version_prefix!r}. Looked for {', '.join(rule.interpreters)} on PATH, found: {found}. "
            "Install one, or start a container engine: workbench doctor says how.",
        )


def _candidates(rule: ProcessRule, path: str) -> list[Path]:
    """Every executable on PATH with one of the rule's names, in the rule's order."""
    folders = [Path(folder) for folder in path.split(":") if folder.startswith("/")]
    found = [folder / name for name in rule.interpreters for folder in folders]
    return [each for each in dict.fromkeys(found) if _executable(each)]


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _is_there(program: Program) -> bool:
    return program.interpreter is None or _executable(program.interpreter)


def _version(interpreter: Path, rule: ProcessRule) -> str:
    """The first line it prints when asked for its version; empty when it is not asked."""
    if not rule.version_argv:
        return rule.version_prefix
    try:
        asked = subprocess.run(  # noqa: S603 - what the runtime names, found on the person's own PATH
            [interpreter, *rule.version_argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PROBE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "nothing"
    lines = decode(asked.stdout[:1000]).splitlines()
    if asked.returncode != 0:
        return f"exit status {asked.returncode}"
    return lines[0] if lines else ""


def _digest(program: Program) -> str:
    """Another interpreter, or another version of it, makes another version of the function."""
    parts = (program.runtime.name, str(program.interpreter), program.version)
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()
