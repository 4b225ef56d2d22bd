"""Looks at the container engine and all that the workbench keeps in it, and mends what it can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.clock import Clock
from workbench.docker import diagnosis
from workbench.docker.builder import IMAGE_LABEL
from workbench.docker.client import EngineClient
from workbench.docker.host import BuildHost
from workbench.docker.images import DockerImages
from workbench.docker.inside import Inside, look_inside
from workbench.docker.installation import carry_out, gather_facts, plan
from workbench.docker.network import NETWORK, ensure_network, find_network
from workbench.docker.supervisor import ensure_supervisor, supervisor_path
from workbench.docker.sweep import find_orphans, sweep
from workbench.errors import DiskFull, DriverError, EngineUnreachable
from workbench.model.doctor import Finding, Health
from workbench.model.names import RuntimeName
from workbench.model.runtime import Runtime
from workbench.model.settings import Timeouts
from workbench.telemetry import Bus
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What belongs to the workbench on this machine."""

    runtimes: Mapping[RuntimeName, Runtime]
    runtimes_folder: Path
    cache: Path
    """Where the supervisor is kept."""
    host: BuildHost
    host_id: str
    """As containers bear it (`workbench.host`)."""
    architecture: str
    """Of the supervisor and of functions that do not say."""
    lock_is_held: Callable[[Path], bool]
    environment: Mapping[str, str]
    """The process's own."""
    timeouts: Timeouts


_SIDE_BY_SIDE = (diagnosis.FIX_SUPERVISOR, diagnosis.FIX_IMAGE)


class DockerDoctor:
    """Fits the facade's doctor."""

    def __init__(self, premises: Premises, *, bus: Bus, clock: Clock) -> None:
        self._on = premises
        self._bus = bus
        self._clock = clock

    async def examine(self, needed: tuple[tuple[RuntimeName, str], ...]) -> tuple[Finding, ...]:
        """Everything there is to say; never raises for what it finds.

        needed: the runtimes and architectures that functions use.
        """
        try:
            async with self._engine() as client:
                return await self._examine(client, needed)
        except EngineUnreachable as error:
            return (await self._unreachable(error),)
        except DriverError as error:
            return (
                Finding(
                    subject="engine",
                    health=Health.BAD,
                    detail="it answers, but not as expected",
                    cause=str(error),
                    remedy="Look into the container engine's own log.",
                ),
            )

    async def mend(
        self, fixes: Iterable[str], say: Callable[[str], None]
    ) -> dict[str, DriverError]:
        """Act on findings' `fix`es, saying each thing before it is done. What failed, by fix, with
        what a person can do. One after the other, but for what is built: side by side.
        """
        failed: dict[str, DriverError] = {}
        together: list[str] = []
        for fix in fixes:
            if fix.split()[0] in _SIDE_BY_SIDE:
                together.append(fix)
                continue
            try:
                await self._mend(fix, say)
            except DriverError as error:
                failed[fix] = error
        if together:
            try:
                await self._build_all(together, say, failed)
            except DriverError as error:  # no engine at all
                failed |= dict.fromkeys(together, error)
        return failed

    async def _mend(self, fix: str, say: Callable[[str], None]) -> None:
        key, *words = fix.split()
        if key == diagnosis.FIX_ENGINE:
            await self.provide_engine(say)
            return
        async with self._engine() as client:
            match key, words:
                case diagnosis.FIX_ORPHANS, []:
                    say("Removing containers of workbenches that were killed.")
                    await sweep(client, host=self._on.host_id, lock_is_held=self._on.lock_is_held)
                case diagnosis.FIX_NETWORK, []:
                    say(f"Making the network {NETWORK} anew, with its containers isolated.")
                    await client.call(client.api.remove_network, NETWORK)
                    await ensure_network(client)
                case diagnosis.FIX_LEFTOVERS, []:
                    say("Deleting images of earlier builds.")
                    await self._delete_leftovers(client)
                case diagnosis.FIX_REFRESH, [suite, architecture]:
                    say(f"Making the images that stand on Debian {suite} anew.")
                    await self._refresh(client, suite, architecture)
                case _:
                    raise _unknown(fix)

    async def provide_engine(self, say: Callable[[str], None]) -> None:
        """See that an engine answers. Raises `EngineUnreachable` with what a person can do."""
        await carry_out(plan(await gather_facts(self._on.environment)), say, clock=self._clock)

    # --- looking -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[EngineClient]:
        client = await EngineClient.connect()
        try:
            yield client
        finally:
            client.close()

    @asynccontextmanager
    async def _images(self, client: EngineClient) -> AsyncIterator[DockerImages]:
        async with DockerImages.open(
            client,
            bus=self._bus,
            clock=self._clock,
            runtimes=self._on.runtimes_folder,
            host=self._on.host,
            timeouts=self._on.timeouts,
        ) as images:
            yield images

    async def _unreachable(self, error: EngineUnreachable) -> Finding:
        chosen = plan(await gather_facts(self._on.environment))
        ours = chosen.advice is None
        words = " ".join(step.words for step in (*chosen.steps, *chosen.starts[:1]))
        return Finding(
            subject="engine",
            health=Health.BAD,
            detail="none answers",
            cause=error.cause,
            remedy=f"workbench doctor --fix does this: {words}" if ours else chosen.advice,
            fix=diagnosis.FIX_ENGINE if ours else None,
        )

    async def _examine(
        self, client: EngineClient, needed: tuple[tuple[RuntimeName, str], ...]
    ) -> tuple[Finding, ...]:
        api = client.api
        asked_at = self._clock.now()
        info = await client.call(api.info)
        answered_at = self._clock.now()
        async with self._images(client) as images:
            seen = [await self._see(images, name, architecture) for name, architecture in needed]
            try:
                inside = await self._look_inside(client)
                free_bytes = None if inside is None else inside.free_bytes
            except DiskFull:
                inside, free_bytes = None, 0
            leftovers = await self._leftovers(client, images)
        path = await asyncio.to_thread(
            supervisor_path, self._on.cache, self._on.runtimes_folder, self._on.architecture
        )
        orphans = await find_orphans(
            client, host=self._on.host_id, lock_is_held=self._on.lock_is_held
        )
        return (
            diagnosis.judge_engine(client.described, info, near=client.is_near),
            diagnosis.judge_storage(info),
            diagnosis.judge_limits(info, inside),
            diagnosis.judge_peak(inside),
            diagnosis.judge_disk(free_bytes),
            diagnosis.judge_clock(_skew_s(info, asked_at, answered_at)),
            diagnosis.judge_network(await find_network(client)),
            diagnosis.judge_supervisor(there=await asyncio.to_thread(path.is_file)),
            *(diagnosis.judge_image(image, now=self._clock.now()) for image in seen),
            diagnosis.judge_orphans(len(orphans)),
            diagnosis.judge_leftovers(len(leftovers)),
        )

    async def _see(
        self, images: DockerImages, name: RuntimeName, architecture: str
    ) -> diagnosis.ImageSeen:
        runtime = self._on.runtimes[name]
        found = await images.find(runtime, architecture)
        seen = diagnosis.ImageSeen(
            runtime=name, architecture=architecture, suite=runtime.base, reference=None
        )
        if found is None:
            return seen
        client = images.builder.client
        described = await client.call(client.api.inspect_image, found.reference)
        return diagnosis.ImageSeen(
            runtime=name,
            architecture=architecture,
            suite=runtime.base,
            reference=found.reference,
            size_bytes=int(described.get("Size") or 0),
            created_at=_time(described.get("Created")),
        )

    async def _look_inside(self, client: EngineClient) -> Inside | None:
        """From inside a container, of any image of ours that has a shell; `None` without one. Raises
        `DiskFull` when there is no room for the container.
        """
        ours = await client.call(client.api.images, filters={"label": IMAGE_LABEL})
        tags = [tag for image in ours for tag in image.get("RepoTags") or ()]
        base = next((tag for tag in tags if str(tag).startswith("workbench/base:")), None)
        if base is None:
            return None
        try:
            return await look_inside(client, str(base))
        except DiskFull:
            raise
        except DriverError:
            return None

    # --- mending -----------------------------------------------------------------------------------------

    async def _build_all(
        self, fixes: list[str], say: Callable[[str], None], failed: dict[str, DriverError]
    ) -> None:
        async def one(images: DockerImages, fix: str) -> None:
            try:
                await self._build(images, fix, say)
            except DriverError as error:
                failed[fix] = error

        async with (
            self._engine() as client,
            self._images(client) as images,
            asyncio.TaskGroup() as tasks,
        ):
            for fix in fixes:
                tasks.create_task(one(images, fix))

    async def _build(self, images: DockerImages, fix: str, say: Callable[[str], None]) -> None:
        match fix.split():
            case [diagnosis.FIX_SUPERVISOR]:
                say("Building the supervisor.")
                await ensure_supervisor(
                    images, cache=self._on.cache, architecture=self._on.architecture
                )
            case [diagnosis.FIX_IMAGE, name, architecture]:
                say(f"Building the image of {name}.")
                runtime = self._on.runtimes[RuntimeName(name)]
                await images.ensure(runtime, image=None, architecture=architecture)
            case _:
                raise _unknown(fix)

    async def _refresh(self, client: EngineClient, suite: str, architecture: str) -> None:
        async with self._images(client) as images:
            await images.bases.forsake(suite, architecture)
            for runtime in self._on.runtimes.values():
                if runtime.base == suite:
                    await images.ensure(runtime, image=None, architecture=architecture)

    async def _leftovers(self, client: EngineClient, images: DockerImages) -> list[str]:
        """Images of ours that nothing needs: of other versions of runtimes, and without a name."""
        needed = {
            found.reference
            for runtime in self._on.runtimes.values()
            if (found := await images.find(runtime, self._on.architecture)) is not None
        }
        listed = await client.call(client.api.images, filters={"label": IMAGE_LABEL})
        return [
            str(image["Id"]) for image in listed if not _is_needed(image.get("RepoTags"), needed)
        ]

    async def _delete_leftovers(self, client: EngineClient) -> None:
        async with self._images(client) as images:
            for image in await self._leftovers(client, images):
                try:
                    await _delete_image(client, image)
                except DiskFull:
                    # The engine forgets the name, has no room to write that down, and gives up. Asked
                    # again it has no name to forget, and makes room.
                    await _delete_image(client, image)


async def _delete_image(client: EngineClient, image: str) -> None:
    """Raises `DiskFull`; what else keeps it is that a container uses it, or that others stand on it."""
    try:
        await client.call(client.api.remove_image, image, force=True)
    except DiskFull:
        raise
    except DriverError:
        pass


def _unknown(fix: str) -> DriverError:
    return DriverError(f"The doctor does not know how to mend {fix!r}.")


def _is_needed(tags: object, needed: set[str]) -> bool:
    """Bases and what runtimes use now; images that somebody gave another name are theirs."""
    names = [str(tag) for tag in tags] if isinstance(tags, list) else []
    names = [name for name in names if name != "<none>:<none>"]
    return any(
        name in needed or not name.startswith("workbench/") or name.startswith(_KEPT)
        for name in names
    )


_KEPT = ("workbench/base:", "workbench/debian:")


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _skew_s(info: Mapping[str, Any], asked_at: datetime, answered_at: datetime) -> float | None:
    """How far the engine's clock is ahead of ours; it read it somewhere between asking and answer."""
    told = _time(info.get("SystemTime"))
    if told is None:
        return None
    if asked_at <= told <= answered_at:
        return 0.0
    return (told - (answered_at if told > answered_at else asked_at)).total_seconds()
