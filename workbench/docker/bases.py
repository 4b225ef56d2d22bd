"""The Debian systems that images stand on: pulled where a registry answers, else made from packages.

Invariant: a base has its name only when it is whole; a broken attempt leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from workbench.clock import Clock
from workbench.docker.builder import (
    FOREIGN_HINT,
    IMAGE_LABEL,
    PLATFORMS,
    Builder,
    BuildOrder,
)
from workbench.docker.context import read_context
from workbench.docker.debian import Archive, apt_options, archives_for
from workbench.docker.installation import carry_out, gather_facts, os_release, tool_plan
from workbench.docker.progress import Progress, announced
from workbench.docker.pulls import pull
from workbench.docker.shared_work import SharedWork
from workbench.docker.tools import run_tool, tool_output
from workbench.errors import DiskFull, DriverError, EngineUnreachable, ImageMissing
from workbench.model.function import Architecture
from workbench.model.names import FunctionName
from workbench.telemetry import Bus

CONTEXT = "_base"
"""The folder under runtimes/ whose Dockerfile makes a plain Debian into a base."""

_REGISTRY_S = 10.0
"""A registry that has not begun to answer by then is taken for none."""
_DPKG_OPTIONS = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/locale/*",
    "force-unsafe-io",
)
"""As in Debian's own slim images. (What is lost when a build loses its power is built again.)"""


_BOOKWORMS_PERL = (
    "usrmerge perl libnumber-compare-perl libtext-glob-perl '^perl-modules-' '^libperl5' '^libgdbm'"
)
_TIDIED = {
    "bookworm": (
        "--include=usr-is-merged",
        f'--customize-hook=chroot "$1" apt-get purge --yes -qq --auto-remove {_BOOKWORMS_PERL}',
    )
}
"""What makes a suite as slim as it could be. Left to itself, bookworm brings usrmerge, which has
done its work by then, and with it all of Perl: 44 MB."""


class Bases:
    """Finds bases and makes missing ones. Two callers wait for one making."""

    def __init__(
        self, builder: Builder, *, bus: Bus, clock: Clock, runtimes: Path, tasks: asyncio.TaskGroup
    ) -> None:
        self._builder = builder
        self._client = builder.client
        self._bus = bus
        self._clock = clock
        self._runtimes = runtimes
        self._making: SharedWork[str] = SharedWork(tasks)
        self._known: dict[tuple[str, str], str] = {}
        self._no_registry = False
        """None answered; the others need not wait for it again."""

    async def ensure(
        self, suite: str, architecture: str, functions: tuple[FunctionName, ...] = ()
    ) -> str:
        """The image id of the base made from Debian's `suite`.

        Raises `DriverError`: `BuildFailed`, or what keeps it from being made on this machine.
        """
        key = (suite, architecture)
        known = self._known.get(key)
        if known is None:
            known = await self._making.result(key, lambda: self._ensure(key, functions))
            self._known[key] = known
        return known

    async def find(self, suite: str, architecture: str) -> str | None:
        """The image id of a base that is here."""
        order = await self._order(suite, architecture)
        return await self._builder.find(order.tag)

    def forget(self) -> None:
        """Look again at the next `ensure`."""
        self._known.clear()

    async def forsake(self, suite: str, architecture: str) -> None:
        """Let the next `ensure` make it anew. What was made from it stays as it is."""
        self.forget()
        order = await self._order(suite, architecture)
        for tag in (order.tag, _debian_tag(suite, architecture)):
            with suppress(ImageMissing):
                await self._client.call(
                    self._client.api.remove_image, tag, force=True, noprune=True
                )

    async def _order(self, suite: str, architecture: str) -> BuildOrder:
        context = await asyncio.to_thread(read_context, self._runtimes, (CONTEXT,))
        return BuildOrder(
            tag=f"workbench/base:{suite}-{architecture}-{context.digest[:12]}",
            label=f"base {suite}",
            dockerfile=f"{CONTEXT}/Dockerfile",
            context=context,
            architecture=architecture,
            arguments=(("DEBIAN", _debian_tag(suite, architecture)),),
        )

    async def _ensure(self, key: tuple[str, str], functions: tuple[FunctionName, ...]) -> str:
        suite, architecture = key
        order = await self._order(suite, architecture)
        found = await self._builder.find(order.tag)
        if found is not None:
            return found
        async with announced(self._bus, self._clock, f"base {suite}", functions) as progress:
            here = await self._builder.find(_debian_tag(suite, architecture)) is not None
            if not here and not await self._pulled(suite, architecture, progress):
                await self._make(suite, architecture, progress)
            image = await self._builder.build(order, progress)
            progress.image = order.tag
            return image

    # --- from a registry -------------------------------------------------------------------------------

    async def _pulled(self, suite: str, architecture: str, progress: Progress) -> bool:
        if self._no_registry:
            return False
        progress.step(1, 0, f"Looking for debian:{suite}-slim in the registry")
        platform = self._builder.platform(architecture)
        try:
            image = await pull(
                self._client,
                f"debian:{suite}-slim",
                progress,
                platform=platform,
                first_answer_s=_REGISTRY_S,
                timeouts=self._builder.timeouts,
            )
        except DiskFull:
            raise
        except DriverError as error:
            self._no_registry = True
            progress.text(f"No registry serves it: {error}")
            return False
        repository, _, tag = _debian_tag(suite, architecture).partition(":")
        await self._client.call(self._client.api.tag, image, repository, tag)
        return True

    # --- from packages ---------------------------------------------------------------------------------

    async def _make(self, suite: str, architecture: str, progress: Progress) -> None:
        await self._ensure_tool(progress)
        progress.step(1, 0, f"Making Debian {suite} from packages (mmdebstrap)")
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="workbench-base-"))
        try:
            system = folder / "system.tar"
            argv = await self._command(suite, architecture, folder, system)
            async with asyncio.timeout(self._builder.timeouts.build_s):
                status = await run_tool(argv, progress.output)
            if status != 0:
                if self._builder.platform(architecture) is not None:
                    progress.text(FOREIGN_HINT)
                raise progress.failure(f"mmdebstrap ended with exit status {status}.")
            progress.step(1, 0, "Handing it to the container engine")
            repository, _, tag = _debian_tag(suite, architecture).partition(":")
            await self._client.call(
                self._client.api.import_image_from_file,
                str(system),
                repository=repository,
                tag=tag,
                changes=[f'LABEL {IMAGE_LABEL}="debian {suite}"', 'CMD ["bash"]'],
            )
        except TimeoutError as error:
            raise progress.failure("It was not done in time.") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _ensure_tool(self, progress: Progress) -> None:
        chosen = tool_plan(await gather_facts({}))
        if chosen.advice is not None:
            raise progress.failure(
                "No registry answers, and mmdebstrap, which makes the image from Debian packages "
                f"instead, is not installed. {chosen.advice}"
            )
        try:
            await carry_out(chosen, progress.text, clock=self._clock)
        except EngineUnreachable as error:
            raise progress.failure(str(error)) from error

    async def _command(
        self, suite: str, architecture: str, folder: Path, system: Path
    ) -> tuple[str, ...]:
        archives = await asyncio.to_thread(_own_archives, suite)
        dump = await tool_output(("apt-config", "dump"))
        options = apt_options(dump or "")
        include = ("--include=ca-certificates",) if _need_tls(archives) else ()
        sources: tuple[str, ...] = ()
        if archives:
            path = folder / "debian.sources"
            path.write_text("\n".join(archive.as_deb822() for archive in archives))
            sources = (str(path),)
        return (
            "mmdebstrap",
            "--variant=minbase",
            f"--architectures={PLATFORMS.get(Architecture(architecture), architecture)}",
            *(f"--aptopt={option}" for option in options),
            *(f"--dpkgopt={option}" for option in _DPKG_OPTIONS),
            *include,
            *_TIDIED.get(suite, ()),
            suite,
            str(system),
            *sources,
        )


def _debian_tag(suite: str, architecture: str) -> str:
    return f"workbench/debian:{suite}-{architecture}"


def _need_tls(archives: Iterable[Archive]) -> bool:
    return any(archive.uri.startswith("https:") for archive in archives)


def _own_archives(suite: str) -> tuple[Archive, ...]:
    """This machine's Debian archives, for `suite`.

    None where it is no Debian itself: mmdebstrap then uses the public ones.
    """
    release = os_release()
    if release.get("ID") != "debian":
        return ()
    apt = Path("/etc/apt")
    paths = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    files = [
        (path.name, path.read_text(errors="replace"))
        for path in paths
        if path.suffix in (".list", ".sources") and path.is_file()
    ]
    return archives_for(suite, codename=release.get("VERSION_CODENAME", ""), files=files)
