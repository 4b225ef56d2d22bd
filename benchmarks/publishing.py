"""What publishing costs of the code store: a function taken from its folder and packaged.

Each round is a new function of the same size in a store of its own; beside it, `zip -qr` of the same
folder. Processor time too, because wall clock says as much about who else is there.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sysconfig
import tempfile
import time
from itertools import islice
from pathlib import Path

from benchmarks.figures import Figure, median
from tests.fakes.versions import a_published_version
from workbench.clock import SystemClock
from workbench.functions.code import CodeStore
from workbench.functions.sources import IgnoredPaths
from workbench.model.names import FunctionName
from workbench.store.releases.configuration import from_json
from workbench.store.releases.release_store import ReleaseStore

FUNCTION_BYTES = 5_000_000
ROUNDS = 9
VERSIONS = 500
_NAME = FunctionName("published")


def publish() -> list[Figure]:
    """Take and package 5 MB of Python: code nobody has run yet, code that has been run here, and code
    that has been published.
    """
    ours: list[float] = []
    ran: list[float] = []
    processor: list[float] = []
    again: list[float] = []
    zipped: list[float] = []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "function"
            write_sources(folder, FUNCTION_BYTES, seed=number)
            os.sync()  # who waits for the disk would wait for the folder to get there as well
            store = CodeStore(Path(temporary) / "store")
            wall, used = time.perf_counter(), time.process_time()
            asyncio.run(_publish(store, folder))
            ours.append((time.perf_counter() - wall) * 1000)
            processor.append((time.process_time() - used) * 1000)
            wall = time.perf_counter()
            asyncio.run(_publish(store, folder))
            again.append((time.perf_counter() - wall) * 1000)
            has_run = CodeStore(Path(temporary) / "another store")
            asyncio.run(has_run.take(_NAME, folder, ignored=IgnoredPaths()))
            wall = time.perf_counter()
            asyncio.run(_publish(CodeStore(Path(temporary) / "another store"), folder))
            ran.append((time.perf_counter() - wall) * 1000)
            if zip_command := shutil.which("zip"):
                wall = time.perf_counter()
                subprocess.run([zip_command, "-qr", "../out.zip", "."], cwd=folder, check=True)
                zipped.append((time.perf_counter() - wall) * 1000)
    return [
        median(
            "publish 5 MB that ran here",
            ran,
            against=("zip -qr", zipped) if zipped else None,
            target="< 150 ms",
        ),
        median(
            "publish 5 MB that never ran",
            ours,
            against=("zip -qr", zipped) if zipped else None,
            target="< 150 ms",
        ),
        median("the same, processor time", processor),
        median("publish 5 MB, unchanged", again),
    ]


def write_sources(folder: Path, size_bytes: int, *, seed: int) -> None:
    """Python as it is found: modules of the standard library, another mixture for each seed."""
    sources = sorted(Path(sysconfig.get_path("stdlib")).glob("**/*.py"))
    random.Random(seed).shuffle(sources)
    written = 0
    for number, source in enumerate(islice(sources, 5000)):
        content = source.read_bytes()[: size_bytes - written]
        place = folder / f"package{number % 20}" / f"{number}_{source.name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        written += len(content)
        if written >= size_bytes:
            return


async def _publish(store: CodeStore, folder: Path) -> None:
    await store.package_folder(_NAME, folder, ignored=IgnoredPaths())


def listed() -> list[Figure]:
    """A function with 500 versions, as `workbench versions` asks for them: read, and made values of."""
    took: list[float] = []
    with tempfile.TemporaryDirectory() as temporary:
        store = ReleaseStore(Path(temporary), clock=SystemClock())
        for _ in range(VERSIONS):
            store.publish_now(a_published_version(variables=bytes(1000)), same=lambda _: False)
        store.close()
        for _ in range(ROUNDS):
            fresh = ReleaseStore(Path(temporary), clock=SystemClock())
            from_json.cache_clear()
            wall = time.perf_counter()
            assert len(asyncio.run(fresh.versions())) == VERSIONS
            took.append((time.perf_counter() - wall) * 1000)
            fresh.close()
    return [median(f"{VERSIONS} versions listed", took, target="< 100 ms")]
