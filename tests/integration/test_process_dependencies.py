"""Dependencies where there are no containers: real tools, packages made on the spot, no network."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.integration.process_support import SYSTEM_PATH
from workbench.clock import SystemClock
from workbench.config.dependencies import read_stated
from workbench.config.runtimes import load_runtimes, runtimes_folder
from workbench.errors import BuildFailed, InvalidManifest, RuntimeMissing
from workbench.model.names import FunctionName, RuntimeName
from workbench.model.runtime import DependencyRule, Runtime
from workbench.model.settings import Timeouts
from workbench.model.telemetry import BuildBroke, BuildFinished, BuildProgress, BuildStarted
from workbench.process.dependencies import ProcessDependencies
from workbench.process.images import ProcessImages
from workbench.telemetry import Bus

RUNTIMES = load_runtimes(runtimes_folder())
NAME = FunctionName("orders")


class Bench:
    """A store, and what it announces."""

    def __init__(self, folder: Path, runtime: Runtime, *, timeouts: Timeouts | None = None) -> None:
        self.runtime = runtime
        self.code = folder / "function"
        self.code.mkdir(parents=True)
        self.kept = folder / "dependencies"
        self.bus = Bus()
        self.images = ProcessImages(path=f"{Path(sys.executable).resolve().parent}:{SYSTEM_PATH}")
        self.store = ProcessDependencies(
            folder=self.kept,
            programs=self.images,
            environment=os.environ | {"AWS_SECRET_ACCESS_KEY": "secret", "PIP_NO_INDEX": "1"},
            bus=self.bus,
            clock=SystemClock(),
            timeouts=timeouts or Timeouts(),
        )

    async def ensure(self) -> Path | None:
        """Where they are."""
        try:
            image = await self.images.ensure(self.runtime, image=None, architecture="x86_64")
        except RuntimeMissing as error:
            pytest.skip(str(error))
        assert self.runtime.dependencies is not None
        stated = read_stated(self.runtime.dependencies, self.code)
        if stated is None:
            return None
        return (await self.store.ensure(NAME, stated, self.runtime, image)).source


def python_runtime() -> Runtime:
    """The one whose interpreter runs these tests, if it is one that Lambda has; else any."""
    name = RuntimeName(f"python{sys.version_info.major}.{sys.version_info.minor}")
    return RUNTIMES.get(name) or RUNTIMES[RuntimeName("python3.11")]


def tool(script: str, **fields: object) -> Runtime:
    """A runtime whose installer is a shell script."""
    rule = DependencyRule(
        files=("needs.txt", "lock.txt"),
        required=(),
        install=("sh", "-ec", script),
        mount="/var/dependencies",
    )
    rule = dataclasses.replace(rule, **fields)  # type: ignore[arg-type] # tests know the fields
    runtime = RUNTIMES[RuntimeName("provided.al2023")]
    return dataclasses.replace(runtime, dependencies=rule)


def a_wheel(folder: Path, name: str, code: str) -> Path:
    """The smallest wheel there is."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        info = f"{name}-1.0.dist-info"
        wheel.writestr(f"{name}.py", code)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    path.write_bytes(buffer.getvalue())
    return path


def a_package(folder: Path, name: str) -> Path:
    """The smallest package of Node there is."""
    path = folder / f"{name}-1.0.0.tgz"
    files = {
        "package/package.json": json.dumps({"name": name, "version": "1.0.0"}),
        "package/index.js": "module.exports = 42;\n",
    }
    with tarfile.open(path, "w:gz") as archive:
        for member, text in files.items():
            info = tarfile.TarInfo(member)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


async def test_requirements_are_installed_for_python(tmp_path: Path) -> None:
    bench = Bench(tmp_path, python_runtime())
    wheel = a_wheel(tmp_path, "tinypackage", "VALUE = 42\n")
    (bench.code / "requirements.txt").write_text(f"{wheel}\n")
    with bench.bus.subscribe() as feed:
        installed = await bench.ensure()
        announced = feed.take_nowait()

    assert installed is not None
    assert (installed / "tinypackage.py").read_text() == "VALUE = 42\n"
    assert isinstance(announced[0], BuildStarted)
    assert announced[0].subject == "dependencies of orders"
    assert isinstance(announced[-1], BuildFinished)
    assert any(isinstance(each, BuildProgress) and "tinypackage" in each.line for each in announced)


async def test_package_is_installed_for_node_in_a_folder_that_it_looks_into(tmp_path: Path) -> None:
    runtime = next(
        RUNTIMES[RuntimeName(name)] for name in ("nodejs20.x", "nodejs22.x") if name in RUNTIMES
    )
    bench = Bench(tmp_path, runtime)
    archive = a_package(tmp_path, "tiny-package")
    resolved = f"file:{archive}"
    stated = {"name": "f", "dependencies": {"tiny-package": resolved}}
    entry = {"version": "1.0.0", "resolved": resolved}
    lock = {
        "name": "f",
        "lockfileVersion": 3,
        "packages": {"": stated, "node_modules/tiny-package": entry},
    }
    (bench.code / "package.json").write_text(json.dumps(stated))
    (bench.code / "package-lock.json").write_text(json.dumps(lock))
    installed = await bench.ensure()

    assert installed is not None
    assert installed.name == "node_modules"
    assert (installed / "tiny-package/index.js").read_text() == "module.exports = 42;\n"


async def test_function_that_states_nothing_has_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, python_runtime())
    assert await bench.ensure() is None
    (bench.code / "requirements.txt").write_text("# nothing yet\n\n")
    assert await bench.ensure() is None
    assert not bench.kept.exists()


async def test_installed_once_for_the_same_files_and_anew_for_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tool("date +%s%N >/var/dependencies/installed/when"))
    (bench.code / "needs.txt").write_text("one")
    first = await bench.ensure()
    again = await bench.ensure()
    (bench.code / "lock.txt").write_text("two")
    other = await bench.ensure()

    assert first == again
    assert other is not None
    assert other != first
    assert (other / "when").exists()


async def test_two_who_wait_get_one_installation(tmp_path: Path) -> None:
    script = "echo x >>../../count; sleep 0.3; touch /var/dependencies/installed/done"
    bench = Bench(tmp_path, tool(script))
    (bench.code / "needs.txt").write_text("one")
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(bench.ensure()) for _ in range(3)]

    assert len({each.result() for each in waiting}) == 1
    assert (bench.kept / "count").read_text() == "x\n"


async def test_failure_says_what_the_tool_said_and_leaves_nothing(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, tool("echo so far; printf '\\033[31mno such package\\033[0m' >&2; exit 7")
    )
    (bench.code / "needs.txt").write_text("one")
    with bench.bus.subscribe() as feed, pytest.raises(BuildFailed) as failed:
        await bench.ensure()

    assert failed.value.output == "so far\nno such package"
    assert failed.value.step == "Installing what needs.txt states"
    broke = feed.take_nowait()[-1]
    assert isinstance(broke, BuildBroke)
    assert broke.output == failed.value.output
    assert list(bench.kept.iterdir()) == []


async def test_tool_that_is_not_there_is_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tool("", install=("no-such-tool", "install")))
    (bench.code / "needs.txt").write_text("one")
    with pytest.raises(BuildFailed, match="no-such-tool: No such file or directory"):
        await bench.ensure()


async def test_tool_that_never_ends_is_killed_with_its_children(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, tool("sleep 300 & echo $! >../../pid; wait"), timeouts=Timeouts(build_s=0.3)
    )
    (bench.code / "needs.txt").write_text("one")
    with pytest.raises(BuildFailed, match="not done within 0 s"):
        await bench.ensure()

    pid = (bench.kept / "pid").read_text().strip()
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


async def test_secrets_of_the_person_are_not_for_packages(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tool("env >/var/dependencies/installed/variables"))
    (bench.code / "needs.txt").write_text("one")
    installed = await bench.ensure()

    assert installed is not None
    said = (installed / "variables").read_text()
    assert "AWS_" not in said
    assert "PIP_NO_INDEX=1" in said
    assert "PATH=" in said


async def test_line_without_an_end_neither_fills_memory_nor_hides_the_next(tmp_path: Path) -> None:
    script = "head -c 300000 /dev/zero | tr '\\0' x; echo; echo last; exit 1"
    bench = Bench(tmp_path, tool(script))
    (bench.code / "needs.txt").write_text("one")
    with pytest.raises(BuildFailed) as failed:
        await bench.ensure()

    assert failed.value.output.endswith("\nlast")
    assert len(failed.value.output) < 200_000


async def test_missing_lock_is_the_manifests_fault(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tool("true", required=("lock.txt",)))
    (bench.code / "needs.txt").write_text("one")
    with pytest.raises(InvalidManifest, match=r"lock\.txt is missing beside it"):
        await bench.ensure()


async def test_who_gives_up_stops_the_tool_and_the_next_begins_again(tmp_path: Path) -> None:
    script = "echo x >>../../count; sleep 0.4; touch /var/dependencies/installed/done"
    bench = Bench(tmp_path, tool(script))
    (bench.code / "needs.txt").write_text("one")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await bench.ensure()
    installed = await bench.ensure()

    assert installed is not None
    assert (installed / "done").exists()
    assert (bench.kept / "count").read_text() == "x\nx\n"
    assert [each.name for each in bench.kept.iterdir() if each.name.startswith(".")] == []
