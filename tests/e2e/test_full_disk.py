"""A disk without room, the engine's or the project's: said with what to do, over when there is room again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.live import Done, done
from tests.e2e.private_engine import IMAGE, PrivateEngine, a_private_engine
from tests.e2e.test_chaos import a_project
from tests.e2e.test_doctor import a_doctor, by_subject, the_premises
from tests.e2e.test_engine_trouble import asking
from tests.e2e.workshop import ARCHITECTURE, RUNTIMES, TEST_LABELS, Workshop, a_workshop, until
from tests.integration.store import disks
from workbench.assembly.workbench import open_workbench
from workbench.config.settings import Overrides
from workbench.docker.builder import BuildOrder, only_digest
from workbench.docker.context import BuildContext
from workbench.docker.dependencies import DockerDependencies
from workbench.docker.doctor import Premises
from workbench.docker.files import Files
from workbench.docker.progress import Progress
from workbench.errors import DiskFull, DriverError
from workbench.facade.workbench import Workbench
from workbench.model.dependencies import StatedDependencies
from workbench.model.doctor import Finding, Health
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName, RuntimeName
from workbench.model.runtime import DependencyRule
from workbench.model.settings import EngineKind
from workbench.model.telemetry import Fault
from workbench.model.version import Image

pytestmark = pytest.mark.docker

DISK_MB = 300
"""For one image of about 100 MB."""
FILES = 500
WRITES = "head -c 30000000 /dev/zero > "
"""More than containers which go leave behind."""
RULE = DependencyRule(
    files=("stated",),
    required=(),
    install=("bash", "-c", f"{WRITES} /tmp/download && touch /var/dependencies/installed/it"),
    mount="/var/dependencies",
)
REMEDY = (
    "Free some of it (workbench doctor --fix deletes what earlier builds left, docker system df tells "
    "what else there is); the workbench goes on by itself."
)


@pytest.mark.slow
async def test_what_a_full_engine_cannot_make_is_refused_with_the_remedy_until_there_is_room(
    tmp_path: Path, socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = a_project(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_folder))
    async with a_private_engine(disk_mb=DISK_MB) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        async with serving(project.root) as workbench, a_workshop() as workshop:
            first = await called(workbench, 0)
            for name in ("base", "python3.13"):  # one to look from, one that nothing needs
                await build(workshop, f"workbench/{name}:of-earlier")
            refused = await until_refused(workbench, lambda: disks.fill(engine.data))
            warm = await called(workbench, 100)
            with pytest.raises(DiskFull) as no_build:
                await build(workshop, "private:2")
            with pytest.raises(DiskFull) as no_dependencies:
                await install(workshop, tmp_path)
            disk, healed = await as_the_remedy_says(the_premises(tmp_path))
            again = [await called(workbench, number, cold=True) for number in (101, 102)]
            (engine.data / "filler").unlink()
            await build(workshop, "private:2")
            installed = await install(workshop, tmp_path)
            history = await workbench.invocations.recent(limit=1000)

        async def nothing_is_left() -> bool:
            return await asyncio.to_thread(lambda: [*engine.containers(), *kept(engine)]) == []

        await until(nothing_is_left)

    assert refused.outcome.kind is OutcomeKind.NOT_STARTED
    message = str(refused.outcome.error_message)
    assert "Error: The container engine's disk is full: " in message
    assert "no space left on device" in message
    assert message.endswith(REMEDY)
    assert (disk.health, disk.detail) == (Health.BAD, "0 MB free where images live")
    assert healed == {}
    assert str(no_build.value).endswith(REMEDY)
    assert str(no_dependencies.value).endswith(REMEDY)
    assert [path.name for path in installed.iterdir()] == ["it"]
    runs = [first, warm, *again]
    assert [run.own for run in runs] == [["ran [0]"], ["ran [100]"], ["ran [101]"], ["ran [102]"]]
    assert {run.request_id for run in (*runs, refused)} <= {run.request_id for run in history}


async def test_no_room_for_what_containers_are_given_is_no_bug_and_passes(
    tmp_path: Path, socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = a_project(tmp_path, image=None)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_folder))
    with disks.small_disk(socket_folder, size="10m", files=FILES):
        async with serving(project.root) as workbench:
            with workbench.subscribe() as feed:
                first = await called(workbench, 0)
                with all_files_taken(socket_folder) as take_all:
                    refused = await until_refused(workbench, take_all)
                    warm = await called(workbench, 100)
                again = [await called(workbench, number, cold=True) for number in (101, 102)]
                faults = [value for value in feed.take_nowait() if isinstance(value, Fault)]

    assert refused.outcome.kind is OutcomeKind.NOT_STARTED
    message = str(refused.outcome.error_message)
    assert f"The disk of {socket_folder}/" in message
    assert message.endswith("Free some of it; the workbench goes on by itself.")
    runs = [first, warm, *again]
    assert [run.own for run in runs] == [["ran [0]"], ["ran [100]"], ["ran [101]"], ["ran [102]"]]
    assert faults == []


@contextmanager
def all_files_taken(folder: Path) -> Iterator[Callable[[], None]]:
    """There is not one more, whenever that is called which it gives."""
    ballast = folder / "ballast"
    ballast.mkdir()
    numbers = count()

    def take_all() -> None:
        with suppress(OSError):
            for number in numbers:
                (ballast / str(number)).touch()

    try:
        yield take_all
    finally:
        shutil.rmtree(ballast)


async def until_refused(workbench: Workbench, fill: Callable[[], object] = lambda: None) -> Done:
    """Containers that go leave room for others: sooner or later there is none."""
    for number in range(1, 20):
        await asyncio.to_thread(fill)
        run = await called(workbench, number, cold=True)
        if run.outcome.kind is not OutcomeKind.SUCCESS:
            return run
    raise AssertionError("containers are made on a full disk")


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[Workbench]:
    """As `workbench serve` has it: with stem cells, and namespaces that stand ready."""
    overrides = Overrides(engine=EngineKind.DOCKER)
    async with open_workbench(root, overrides=overrides, kind="serve") as workbench:
        yield workbench


async def called(workbench: Workbench, number: int, *, cold: bool = False) -> Done:
    return await done(await workbench.invocations.invoke(asking(number, cold=cold)))


async def as_the_remedy_says(premises: Premises) -> tuple[Finding, dict[str, DriverError]]:
    """`workbench doctor --fix`, as far as it is about the disk: what it found, what it could not do."""
    doctor = a_doctor(premises)
    findings = by_subject(await doctor.examine(()))
    disk = findings["disk"]
    return disk, dict(await doctor.mend([disk.fix or ""], lambda _: None))


async def build(workshop: Workshop, tag: str) -> str:
    """An image on top of the one there is."""
    dockerfile = f"FROM {IMAGE}\nRUN {WRITES} /var/{Path(tag).name}\n"
    order = BuildOrder(
        tag=tag,
        label="image private",
        dockerfile="Dockerfile",
        context=BuildContext(files=(("Dockerfile", dockerfile.encode()),), digest="0" * 64),
        architecture=ARCHITECTURE,
    )
    return await workshop.images.builder.build(order, Progress(workshop.bus, "image private"))


async def install(workshop: Workshop, folder: Path) -> Path:
    """Dependencies, by a tool that keeps in its container what it downloads."""
    found = await workshop.images.builder.find(IMAGE)
    assert found is not None
    stated = StatedDependencies(rule=RULE, files={"stated": b""})
    files = Files(workshop.client, labels=TEST_LABELS)
    async with DockerDependencies.open(
        workshop.images, files, folder=folder / "dependencies", labels=TEST_LABELS
    ) as dependencies:
        mount = await dependencies.ensure(
            FunctionName("quick"),
            stated,
            RUNTIMES[RuntimeName("provided.al2023")],
            Image(reference=IMAGE, digest=only_digest(found)),
        )
    return mount.source


def kept(engine: PrivateEngine) -> list[str]:
    """Layers that containers write to."""
    mounts = engine.data / "image" / "overlay2" / "layerdb" / "mounts"
    return [path.name for path in mounts.iterdir()]
