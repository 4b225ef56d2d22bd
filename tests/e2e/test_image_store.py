"""Images are built once, told as they are built, found again, and given up when nobody waits."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.registry import a_registry
from tests.e2e.workshop import ARCHITECTURE, RUNTIMES, Workshop, a_workshop, until
from workbench.docker.images import DockerImages
from workbench.docker.progress import Progress
from workbench.docker.pulls import pull
from workbench.docker.supervisor import ensure_supervisor
from workbench.errors import BuildFailed, DriverError, ImageMissing
from workbench.model.names import FunctionName, RuntimeName
from workbench.model.runtime import Runtime
from workbench.model.settings import Timeouts
from workbench.model.telemetry import (
    BuildBroke,
    BuildFinished,
    BuildProgress,
    BuildStarted,
)

pytestmark = pytest.mark.docker

ORDERS = FunctionName("orders")


class Shelf:
    """A folder of runtimes with one small one, whose Dockerfile each test says."""

    def __init__(self, folder: Path) -> None:
        ours = RUNTIMES[RuntimeName("provided.al2023")]
        for shared in ("_base", "_supervisor"):
            shutil.copytree(ours.folder.parent / shared, folder / shared)
        self.folder = folder
        self.runtime: Runtime = replace(
            ours, name=RuntimeName(f"small{secrets.token_hex(4)}"), folder=folder / "small"
        )
        self.runtime.folder.mkdir()

    def dockerfile(self, *steps: str) -> None:
        """It differs from that of every other test, so that nothing comes from a cache."""
        lines = ["ARG BASE", "FROM ${BASE}", f"RUN echo {secrets.token_hex(8)}", *steps]
        (self.runtime.folder / "Dockerfile").write_text("\n".join(lines) + "\n")

    async def ensure(self, images: DockerImages) -> str:
        found = await images.ensure(
            self.runtime, image=None, architecture=ARCHITECTURE, functions=(ORDERS,)
        )
        return found.reference


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@asynccontextmanager
async def workshop_of(shelf: Shelf) -> AsyncIterator[Workshop]:
    """Open on the shelf, with its base there; what it built is removed afterwards."""
    async with a_workshop(shelf.folder) as workshop:
        await workshop.images.bases.ensure(shelf.runtime.base, ARCHITECTURE)
        workshop.told()
        try:
            yield workshop
        finally:
            api = workshop.client.api
            for image in await workshop.client.call(
                api.images, filters={"label": f"workbench.runtime={shelf.runtime.name}"}
            ):
                for tag in image["RepoTags"] or ():
                    with suppress(DriverError):
                        await workshop.client.call(api.remove_image, tag, force=True)


async def test_build_is_told_step_by_step(shelf: Shelf) -> None:
    shelf.dockerfile("RUN echo one; echo two >&2", "RUN true")
    async with workshop_of(shelf) as workshop:
        reference = await shelf.ensure(workshop.images)
        told = workshop.told()

    subject = f"image {shelf.runtime.name}"
    progress = [value for value in told if isinstance(value, BuildProgress)]
    assert told[0] == BuildStarted(subject=subject, functions=(ORDERS,))
    assert isinstance(told[-1], BuildFinished)
    assert told[-1].image == reference
    assert reference.startswith(f"workbench/{shelf.runtime.name}:")
    assert [value.step for value in progress] == sorted(value.step for value in progress)
    assert {"one", "two"} <= {value.line for value in progress}
    assert all(value.steps >= 5 for value in progress)


async def test_image_is_found_again_without_building(shelf: Shelf) -> None:
    shelf.dockerfile()
    async with workshop_of(shelf) as workshop:
        first = await shelf.ensure(workshop.images)
        workshop.told()
        again = await shelf.ensure(workshop.images)
        workshop.images.forget()
        after_looking = await shelf.ensure(workshop.images)
        found = await workshop.images.find(shelf.runtime, ARCHITECTURE)
        told = workshop.told()

    assert first == again == after_looking
    assert found is not None
    assert found.reference == first
    assert told == []


async def test_changed_dockerfile_is_another_image(shelf: Shelf) -> None:
    shelf.dockerfile()
    async with workshop_of(shelf) as workshop:
        first = await shelf.ensure(workshop.images)
        shelf.dockerfile()
        workshop.images.forget()
        second = await shelf.ensure(workshop.images)

    assert first != second


async def test_two_callers_wait_for_one_build(shelf: Shelf) -> None:
    shelf.dockerfile("RUN sleep 1")
    async with workshop_of(shelf) as workshop:
        async with asyncio.TaskGroup() as tasks:
            callers = [tasks.create_task(shelf.ensure(workshop.images)) for _ in range(3)]
        started = [value for value in workshop.told() if isinstance(value, BuildStarted)]

    assert len({caller.result() for caller in callers}) == 1
    assert len(started) == 1


async def test_failed_build_names_its_step_and_shows_the_output(shelf: Shelf) -> None:
    shelf.dockerfile("RUN true", "RUN echo 'there is no \\033[31mroom' >&2; exit 3", "RUN true")
    async with workshop_of(shelf) as workshop:
        with pytest.raises(BuildFailed) as caught:
            await shelf.ensure(workshop.images)
        last = workshop.told()[-1]
        tags = await workshop.client.call(
            workshop.client.api.images, name=f"workbench/{shelf.runtime.name}"
        )

    error = caught.value
    assert error.step.startswith("step 5/")
    assert "RUN echo" in error.step
    assert "there is no" in error.output
    assert "returned a non-zero code: 3" in error.output
    assert last == BuildBroke(subject=error.subject, step=error.step, output=error.output)
    assert tags == []


async def test_dockerfile_that_is_none_is_told(shelf: Shelf) -> None:
    shelf.dockerfile("NONSENSE")
    async with workshop_of(shelf) as workshop:
        with pytest.raises(DriverError, match=r"NONSENSE|nonsense"):
            await shelf.ensure(workshop.images)


async def test_failure_can_be_mended_and_built_again(shelf: Shelf) -> None:
    shelf.dockerfile("RUN false")
    async with workshop_of(shelf) as workshop:
        with pytest.raises(BuildFailed):
            await shelf.ensure(workshop.images)
        shelf.dockerfile("RUN true")

        assert await shelf.ensure(workshop.images)


async def test_build_that_nobody_waits_for_is_given_up(shelf: Shelf) -> None:
    mark = secrets.token_hex(8)
    shelf.dockerfile(f"RUN echo begun; sleep 600; echo {mark}")
    lines: list[str] = []
    async with workshop_of(shelf) as workshop:

        async def begun() -> bool:
            lines.extend(v.line for v in workshop.told() if isinstance(v, BuildProgress))
            return "begun" in lines

        async def given_up() -> bool:
            listed = await workshop.client.call(workshop.client.api.containers)
            return not any(mark in str(each["Command"]) for each in listed)

        async with asyncio.TaskGroup() as tasks:
            caller = tasks.create_task(shelf.ensure(workshop.images))
            await until(begun)
            caller.cancel()
        await until(given_up)
        last = workshop.told()[-1]

    assert isinstance(last, BuildBroke)
    assert last.step == "stopped"


async def test_functions_own_image_is_taken_as_it_is(shelf: Shelf) -> None:
    shelf.dockerfile()
    async with workshop_of(shelf) as workshop:
        reference = await shelf.ensure(workshop.images)
        runtime = RUNTIMES[RuntimeName("python3.13")]
        image = await workshop.images.ensure(runtime, image=reference, architecture=ARCHITECTURE)
        described = await workshop.client.call(workshop.client.api.inspect_image, reference)

    assert not image.built_for_runtime
    assert f"sha256:{image.digest}" == image.reference == described["Id"]


async def test_functions_own_image_is_pulled_when_it_is_not_here() -> None:
    runtime = RUNTIMES[RuntimeName("python3.13")]
    async with a_registry() as registry, a_workshop() as workshop:
        try:
            image = await workshop.images.ensure(
                runtime, image=registry.image, architecture=ARCHITECTURE, functions=(ORDERS,)
            )
            told = workshop.told()
            pulled = len(registry.asked)
            again = await workshop.images.ensure(
                runtime, image=registry.image, architecture=ARCHITECTURE
            )
        finally:
            with suppress(DriverError):
                await workshop.client.call(workshop.client.api.remove_image, registry.image)

    assert image == again
    assert not image.built_for_runtime
    assert told[0] == BuildStarted(subject=f"image {registry.image}", functions=(ORDERS,))
    assert isinstance(told[-1], BuildFinished)
    assert any("Pull complete" in v.line for v in told if isinstance(v, BuildProgress))
    assert len(registry.asked) == pulled
    assert workshop.told() == []


async def test_image_that_the_registry_does_not_have_is_missing() -> None:
    runtime = RUNTIMES[RuntimeName("python3.13")]
    async with a_registry() as registry, a_workshop() as workshop:
        with pytest.raises(ImageMissing, match="could not be pulled"):
            await workshop.images.ensure(
                runtime, image=f"{registry.address}/tiny:2", architecture=ARCHITECTURE
            )


async def test_registry_that_says_nothing_is_given_up() -> None:
    async with a_registry(silent=True) as registry, a_workshop() as workshop:
        with pytest.raises(DriverError, match="did not answer"):
            await pull(
                workshop.client,
                registry.image,
                Progress(workshop.bus, "image"),
                platform=None,
                first_answer_s=0.5,
                timeouts=Timeouts(),
            )

    assert registry.asked


async def test_functions_own_image_that_is_nowhere_is_missing(shelf: Shelf) -> None:
    name = f"localhost:1/surely-not-there:{secrets.token_hex(4)}"
    async with a_workshop() as workshop:
        runtime = RUNTIMES[RuntimeName("python3.13")]
        with pytest.raises(ImageMissing) as caught:
            await workshop.images.ensure(
                runtime, image=name, architecture=ARCHITECTURE, functions=(ORDERS,)
            )
        told = workshop.told()

    assert caught.value.image == name
    assert "could not be pulled" in str(caught.value)
    assert isinstance(told[0], BuildStarted)
    assert isinstance(told[-1], BuildBroke)


async def test_supervisor_is_built_once_and_kept(shelf: Shelf, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    async with workshop_of(shelf) as workshop:
        program = await ensure_supervisor(workshop.images, cache=cache, architecture=ARCHITECTURE)
        workshop.told()
        again = await ensure_supervisor(workshop.images, cache=cache, architecture=ARCHITECTURE)
        told = workshop.told()

    assert program == again
    assert told == []
    assert list(cache.iterdir()) == [program]
    assert program.read_bytes()[:4] == b"\x7fELF"
    assert program.stat().st_mode & 0o777 == 0o755


async def test_changed_supervisor_is_another_program(shelf: Shelf, tmp_path: Path) -> None:
    source = shelf.folder / "_supervisor" / "supervisor.c"
    async with workshop_of(shelf) as workshop:
        first = await ensure_supervisor(
            workshop.images, cache=tmp_path / "cache", architecture=ARCHITECTURE
        )
        source.write_text(source.read_text() + "\n/* changed */\n")
        second = await ensure_supervisor(
            workshop.images, cache=tmp_path / "cache", architecture=ARCHITECTURE
        )

    assert first != second


async def test_supervisor_with_a_warning_is_not_built(shelf: Shelf, tmp_path: Path) -> None:
    source = shelf.folder / "_supervisor" / "supervisor.c"
    source.write_text(source.read_text() + "\nstatic int never_used(void) { return 1; }\n")
    async with workshop_of(shelf) as workshop:
        with pytest.raises(BuildFailed, match="never_used"):
            await ensure_supervisor(
                workshop.images, cache=tmp_path / "cache", architecture=ARCHITECTURE
            )

    assert not (tmp_path / "cache").exists()


# --- bases --------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_forsaken_base_is_made_anew_from_nothing(shelf: Shelf) -> None:
    dockerfile = shelf.folder / "_base" / "Dockerfile"
    dockerfile.write_text(f"ARG DEBIAN\nFROM ${{DEBIAN}}\nRUN echo {secrets.token_hex(8)}\n")
    suite = shelf.runtime.base
    async with workshop_of(shelf) as workshop:
        bases = workshop.images.bases
        await bases.ensure(suite, ARCHITECTURE)
        await bases.forsake(suite, ARCHITECTURE)
        gone = await bases.find(suite, ARCHITECTURE)
        async with asyncio.TaskGroup() as tasks:
            makers = [tasks.create_task(bases.ensure(suite, ARCHITECTURE)) for _ in range(2)]
        told = workshop.told()
        release = await workshop.run(makers[0].result(), "cat", "/etc/os-release")
        documents = await workshop.run(makers[0].result(), "find", "/usr/share/man", "-type", "f")
        described = await workshop.client.call(
            workshop.client.api.inspect_image, makers[0].result()
        )
        for tag in described["RepoTags"]:
            await workshop.client.call(workshop.client.api.remove_image, tag, noprune=True)

    after = {maker.result() for maker in makers}
    assert gone is None
    assert len(after) == 1
    assert f"VERSION_CODENAME={suite}" in release
    assert documents == ""
    assert len([value for value in told if isinstance(value, BuildStarted)]) == 1
    assert isinstance(told[-1], BuildFinished)


async def test_suite_that_is_none_leaves_nothing_behind(shelf: Shelf) -> None:
    async with a_workshop(shelf.folder) as workshop:
        with pytest.raises(BuildFailed) as caught:
            await workshop.images.bases.ensure("nosuchsuite", ARCHITECTURE)
        api = workshop.client.api
        left = [
            tag
            for image in await workshop.client.call(api.images)
            for tag in image["RepoTags"] or ()
            if "nosuchsuite" in tag
        ]

    assert caught.value.subject == "base nosuchsuite"
    assert left == []
