"""Kills a child of its own by SIGKILL before each step of publishing a layer: each use of a file, each
statement of SQL. Run as a program, by `test_layer_crashes.py`: one scenario in one folder.

Says at how many points it killed, and fails where what is left does not do.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import sys
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.releases import a_repository
from tests.integration.functions.killed_code import check_only, copy
from tests.integration.functions.killed_publishing import count_down
from tests.integration.functions.killed_transfer import killed_before
from workbench.assembly.tidying import CODE_KEPT, tidy
from workbench.clock import SystemClock
from workbench.config.events import EventFiles
from workbench.errors import LayerVersionNotFound
from workbench.facade.layers import Layers
from workbench.functions.code import CodeStore
from workbench.functions.layer_publishing import LayerPublishing
from workbench.functions.repository import Repository
from workbench.model.layer import LayerVersionId
from workbench.model.settings import Settings

NAME = "shared"
FILE = "python/shared.py"


class Later(SystemClock):
    """When nothing is new enough any more to be kept for its age."""

    def now(self) -> datetime:
        return super().now() + 2 * CODE_KEPT + timedelta(hours=1)


class Folder:
    """A folder becomes the first version of the first layer: not even the releases' file is there."""

    before = 0
    """Versions that are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def content(self, number: int) -> Path:
        """What becomes that version."""
        source = self.folder / f"content-{number}"
        if not source.exists():
            (source / "python").mkdir(parents=True)
            (source / FILE).write_text(f"VERSION = {number}\n")
            (source / "tool").write_text("#!/bin/sh\n")
            (source / "tool").chmod(0o755)
        return source


class Zip(Folder):
    """A zip becomes the second version."""

    before = 1

    def content(self, number: int) -> Path:
        source = self.folder / f"content-{number}.zip"
        if not source.exists():
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as made:
                made.writestr(FILE, f"VERSION = {number}\n")
                made.writestr("tool", "#!/bin/sh\n")
            source.write_bytes(packed.getvalue())
        return source


SCENARIOS = {each.__name__.lower(): each for each in (Folder, Zip)}


def a_workbench(root: Path) -> tuple[Repository, Layers]:
    """What of one publishes layers."""
    state, clock = root / ".workbench", SystemClock()
    repository = a_repository(state, CodeStore(state / "code"), clock)
    store = repository.store.layers
    publishing = LayerPublishing(code=repository.code, store=store, clock=clock)
    return repository, Layers(store=store, publishing=publishing, settings=Settings())


async def make(root: Path, scenario: Folder) -> None:
    (root / ".workbench").mkdir(parents=True)
    repository, layers = a_workbench(root)
    for number in range(1, scenario.before + 1):
        await layers.publish(NAME, scenario.content(number))
    repository.store.close()


async def worked(root: Path, scenario: Folder, point: int) -> None:
    """What the child does."""
    _, layers = a_workbench(root)
    source = scenario.content(scenario.before + 1)
    count_down(point, str(root))
    await layers.publish(NAME, source)
    os._exit(0)


async def check(root: Path, scenario: Folder) -> None:
    """A version is there as a whole or not at all; what is of none goes; the next one can be made."""
    repository, layers = a_workbench(root)
    there = [each.number for each in await layers.all(NAME)]
    full = list(range(1, scenario.before + 2))
    assert there in (full[:-1], full), there
    await sound(repository, layers)
    with pytest.raises(LayerVersionNotFound):
        await layers.get(LayerVersionId(name=NAME, number=len(there) + 1))
    assert len(await repository.store.changes()) == len(there)
    await tidied(root, repository, layers)

    version = await layers.publish(NAME, scenario.content(len(there) + 1))
    assert version.number == len(there) + 1
    await sound(repository, layers)
    await tidied(root, repository, layers)
    repository.store.close()


async def sound(repository: Repository, layers: Layers) -> None:
    """Every version that one can see has what it was made of, read in full, as code and as a zip."""
    for version in await layers.all(NAME):
        code = await repository.code.verified(version.package.digest)
        assert (code.folder / FILE).read_text() == f"VERSION = {version.number}\n"
        place = await repository.code.zip_of(NAME, version.package)
        assert place.stat().st_size == version.package.zip_bytes


async def tidied(root: Path, repository: Repository, layers: Layers) -> None:
    """What the next start leaves is what versions are made of, and nothing else."""
    state = root / ".workbench"
    await tidy(
        state,
        code=CodeStore(state / "code"),
        events=EventFiles(root, state / "trash"),
        releases=repository.store,
        clock=Later(),
    )
    kept = {each.package.digest for each in await layers.all(NAME)}
    check_only(state / "code", kept)
    zips = {path.name for path in (state / "code").glob("zips/*")}
    assert len(zips) == len(kept)


def main(scenario: Folder) -> None:
    made = scenario.folder / "made"
    asyncio.run(make(made, scenario))
    point = 0
    killed = True
    while killed:
        point += 1
        root = scenario.folder / f"point-{point}"
        copy(made, root)
        killed = killed_before(
            point,
            lambda root=root, point=point: asyncio.run(  # type: ignore[misc] # of the loop
                worked(root, scenario, point)
            ),
        )
        asyncio.run(check(root, scenario))
        shutil.rmtree(root)
    sys.stdout.write(f"{point - 1}\n")


if __name__ == "__main__":
    main(SCENARIOS[sys.argv[1]](Path(sys.argv[2])))
