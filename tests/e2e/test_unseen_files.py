"""An engine that sees no files of this machine, as one on another computer: it is given copies."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.containers import docker_subject
from tests.e2e.live import Done, done
from tests.e2e.private_engine import IMAGE, PrivateEngine, a_private_engine
from tests.e2e.test_chaos import RUNTIME
from tests.e2e.workshop import until
from tests.integration.cli.program import Project
from tests.integration.conformance import acts
from tests.integration.conformance.witness import Witness
from workbench.assembly.workbench import open_workbench
from workbench.config.settings import Overrides
from workbench.errors import ContainerRefused
from workbench.facade.workbench import Workbench
from workbench.model.container import ContainerOrigin, Mount
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import target
from workbench.model.settings import EngineKind

pytestmark = pytest.mark.docker

DEED = """
  echo x 2>/dev/null >/var/task/new && echo "the code can be written to"
  echo "\\"%s $(cat part/of/it)\\"" >/tmp/event
"""


def write_function(root: Path, name: str, says: str) -> None:
    folder = root / name
    (folder / "part" / "of").mkdir(parents=True, exist_ok=True)
    (folder / "part" / "of" / "it").write_text("whole")
    (folder / "function.toml").write_text(f'runtime = "provided.al2023"\nimage = "{IMAGE}"\n')
    draft = root / f".{name}"
    draft.write_text(RUNTIME % (DEED % says))
    draft.chmod(0o755)
    draft.replace(folder / "bootstrap")


def a_project(folder: Path) -> Project:
    root = folder / "project"
    write_function(root, "one", "first")
    return Project(root, engine="docker")


async def invoke(workbench: Workbench, name: str, *, cold: bool = False) -> Done:
    request = InvokeRequest(target=target(name), payload=b"1", origin=Origin.API, cold=cold)
    return await done(await workbench.invocations.invoke(request))


def volumes(engine: PrivateEngine) -> list[str]:
    def ours(api: Any) -> list[str]:
        return [each["Name"] for each in api.volumes()["Volumes"] or ()]

    found: list[str] = engine.ask(ours)
    return found


@pytest_asyncio.fixture
async def engine(
    socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PrivateEngine]:
    """The one that all commands use."""
    async with a_private_engine(blind=True) as blind:
        monkeypatch.setenv("DOCKER_HOST", blind.address)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_folder))
        yield blind


async def test_functions_run_are_reloaded_and_leave_nothing(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    project = a_project(tmp_path)
    async with open_workbench(
        project.root, overrides=Overrides(engine=EngineKind.DOCKER), kind="serve"
    ) as workbench:

        async def origins() -> list[ContainerOrigin]:
            return [each.origin for each in await workbench.environments.all()]

        runs = [await invoke(workbench, "one")]
        write_function(project.root, "one", "second")

        async def is_reloaded() -> bool:
            runs.append(await invoke(workbench, "one"))
            return bool(runs[-1].answer != runs[0].answer)

        await until(is_reloaded)

        async def is_claimed() -> bool:
            runs.append(await invoke(workbench, "one", cold=True))
            return ContainerOrigin.PRESTARTED in await origins()

        await until(is_claimed)
        copies = volumes(engine)
    left = await asyncio.to_thread(engine.containers)

    assert runs[0].answer == "first whole"
    assert {run.answer for run in runs[1:]} == {runs[0].answer, runs[-1].answer}
    assert runs[-1].answer == "second whole"
    assert all(run.own == ["ran 1"] for run in runs), "its code is read-only"
    assert copies
    assert (left, volumes(engine)) == ([], [])


async def test_what_a_killed_workbench_had_copied_is_swept(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    project = a_project(tmp_path)

    answers = []

    def killed() -> list[str]:
        with project.serving() as (process, address):
            asked = f"{address}/2015-03-31/functions/one/invocations"
            with urllib.request.urlopen(asked, b"1", 120) as answer:
                answers.append(json.load(answer))
            process.kill()
        return volumes(engine)

    async def is_alone() -> bool:
        """What ran has ended; what was only made is for the sweep."""
        return not await asyncio.to_thread(engine.ask, lambda api: api.containers())

    left = await asyncio.to_thread(killed)
    await until(is_alone)
    ended = await asyncio.to_thread(project.run, "invoke", "one", timeout_s=300)

    assert left
    assert [*answers, json.loads(ended.out)] == ["first whole"] * 2, ended.err
    assert volumes(engine) == []


async def test_a_folder_that_nobody_sees_is_no_sign_of_such_an_engine() -> None:
    witness = Witness()
    async with docker_subject() as subject:
        spec, _ = subject.prepare(acts.GREETS)
        gone = Mount(source=subject.folder / "gone", target="/opt")
        with pytest.raises(ContainerRefused, match="does not exist"):
            await subject.driver.create(
                replace(spec, mounts=(*spec.mounts, gone)), witness, witness.connections
            )

        assert subject.driver.files.seen
        assert not gone.source.exists(), "nor was it made"
        assert await subject.remains(spec) == []
