"""A container engine that is full of what others left, or does not answer: said, survived, cleared up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import done, told
from tests.e2e.private_engine import IMAGE, a_private_engine
from tests.e2e.test_chaos import a_project
from tests.e2e.workshop import until
from workbench.assembly.workbench import open_workbench
from workbench.config.locations import host_id
from workbench.config.settings import Overrides
from workbench.model.invocation import InvokeRequest, Origin, OutcomeKind
from workbench.model.names import target
from workbench.model.settings import EngineKind
from workbench.model.telemetry import EngineChanged, Swept

pytestmark = pytest.mark.docker


def asking(number: int, *, cold: bool = False) -> InvokeRequest:
    payload = b"[%d]" % number
    return InvokeRequest(target=target("quick"), payload=payload, origin=Origin.API, cold=cold)


ORPHANS = 200


@pytest.mark.slow
async def test_functions_are_served_while_two_hundred_orphans_go_and_while_the_engine_is_paused(
    tmp_path: Path, socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = a_project(tmp_path)
    async with a_private_engine() as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_folder))
        dead = tmp_path / "dead.lock"
        dead.touch()
        orphans = await asyncio.to_thread(engine.ask, lambda api: leave(api, dead, ORPHANS))
        async with open_workbench(
            project.root, overrides=Overrides(engine=EngineKind.DOCKER), kind="cli"
        ) as workbench:
            invoke = workbench.invocations.invoke
            with workbench.subscribe() as feed:
                first = await done(await invoke(asking(1)))
                swept = await told(feed, lambda v: isinstance(v, Swept))
                left = orphans & set(await asyncio.to_thread(engine.containers))
            stray = await asyncio.to_thread(engine.ask, a_stray)
            with workbench.subscribe() as feed:
                engine.pause()
                warm = await done(await invoke(asking(2)))
                cold = await invoke(asking(3, cold=True))
                lost = await told(feed, lambda v: isinstance(v, EngineChanged))
                while_paused = await done(await invoke(asking(4)))
                assert not cold.finished
                engine.resume()
                back = await told(feed, lambda v: isinstance(v, EngineChanged) and v.status.ready)
            last = await done(cold)

            async def stray_is_gone() -> bool:
                return stray not in await asyncio.to_thread(engine.containers)

            await until(stray_is_gone)
            kept = await done(await invoke(asking(5)))

    assert isinstance(swept, Swept)
    assert (swept.count, left) == (ORPHANS, set())
    assert isinstance(lost, EngineChanged)
    assert isinstance(back, EngineChanged)
    assert not lost.status.ready
    assert lost.status.cause == "The container engine stopped answering."
    assert lost.status.remedy == "Start it again; the workbench goes on by itself."
    runs = [first, warm, last, while_paused, kept]
    assert [run.outcome.kind for run in runs] == [OutcomeKind.SUCCESS] * 5
    assert [run.own for run in runs] == [[f"ran [{number}]"] for number in (1, 2, 3, 4, 5)]
    assert len({run.record.environment_id for run in (first, warm, while_paused, kept)}) == 1


def leave(api: Any, lock: Path, count: int) -> set[str]:
    """Containers of a workbench that is no more. None was started: what goes then is the same."""
    labels = {
        "workbench.instance": "dead",
        "workbench.lock": str(lock),
        "workbench.host": host_id(),
        "workbench.environment": "0" * 32,
    }
    return {str(api.create_container(IMAGE, labels=labels)["Id"]) for _ in range(count)}


def a_stray(api: Any) -> str:
    """A container of the workbench that is open which it knows nothing of."""
    (own,) = api.containers(filters={"label": "workbench.environment"})
    labels = own["Labels"] | {"workbench.environment": "0" * 32}
    return str(api.create_container(IMAGE, labels=labels)["Id"])
