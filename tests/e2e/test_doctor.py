"""The doctor on the real engine: what it finds, and that it mends what it says it can."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.workshop import ARCHITECTURE, RUNTIMES, a_workshop
from workbench.clock import SystemClock
from workbench.config.runtimes import runtimes_folder
from workbench.docker.doctor import DockerDoctor, Premises
from workbench.docker.host import build_host
from workbench.model.doctor import Finding, Health
from workbench.model.names import RuntimeName
from workbench.model.settings import Timeouts
from workbench.store.instances import lock_is_held
from workbench.telemetry import Bus

pytestmark = pytest.mark.docker

NEEDED = ((RuntimeName("python3.13"), ARCHITECTURE),)


@pytest.fixture
def premises(tmp_path: Path) -> Premises:
    return the_premises(tmp_path)


def the_premises(tmp_path: Path) -> Premises:
    """Of a machine on which nothing was built yet."""
    return Premises(
        runtimes=RUNTIMES,
        runtimes_folder=runtimes_folder(),
        cache=tmp_path / "cache",
        host=build_host(os.environ),
        host_id=secrets.token_hex(8),
        architecture=ARCHITECTURE,
        lock_is_held=lock_is_held,
        environment={},
        timeouts=Timeouts(),
    )


def a_doctor(premises: Premises) -> DockerDoctor:
    return DockerDoctor(premises, bus=Bus(), clock=SystemClock())


def by_subject(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


async def test_every_subject_is_looked_at(premises: Premises) -> None:
    async with a_workshop() as workshop:
        await workshop.image("python3.13")
    findings = by_subject(await a_doctor(premises).examine(NEEDED))

    assert set(findings) == {
        "engine",
        "storage",
        "cgroups",
        "memory figures",
        "disk",
        "clock",
        "network",
        "supervisor",
        "image python3.13",
        "orphans",
        "leftovers",
    }
    assert findings["engine"].health is Health.GOOD
    assert findings["image python3.13"].health is Health.GOOD
    assert "MB" in findings["image python3.13"].detail
    assert findings["memory figures"].health is not Health.UNKNOWN
    assert findings["disk"].health is not Health.UNKNOWN
    for finding in findings.values():
        if finding.health in (Health.WARNING, Health.BAD):
            assert finding.cause
            assert finding.remedy


async def test_looking_leaves_nothing_behind(premises: Premises) -> None:
    async with a_workshop() as workshop:
        api = workshop.client.api
        before = {each["Id"] for each in await workshop.client.call(api.containers, all=True)}
        await a_doctor(premises).examine(NEEDED)
        mine = {
            each["Id"]
            for each in await workshop.client.call(api.containers, all=True)
            if "memory.limit_in_bytes" in str(each["Command"])
        }

    assert mine <= before


async def test_missing_supervisor_is_built(premises: Premises) -> None:
    doctor = a_doctor(premises)
    said: list[str] = []
    before = by_subject(await doctor.examine(NEEDED))["supervisor"]
    assert before.fix is not None
    assert await doctor.mend([before.fix], said.append) == {}
    after = by_subject(await doctor.examine(NEEDED))["supervisor"]

    assert (before.health, after.health) == (Health.WARNING, Health.GOOD)
    assert said == ["Building the supervisor."]


async def test_missing_image_is_built(premises: Premises, tmp_path: Path) -> None:
    ours = RUNTIMES[RuntimeName("provided.al2023")]
    for shared in ("_base", "_supervisor"):
        shutil.copytree(ours.folder.parent / shared, tmp_path / "r" / shared)
    small = replace(
        ours, name=RuntimeName(f"small{secrets.token_hex(4)}"), folder=tmp_path / "r" / "small"
    )
    small.folder.mkdir()
    (small.folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    elsewhere = replace(premises, runtimes={small.name: small}, runtimes_folder=tmp_path / "r")
    doctor = a_doctor(elsewhere)
    needed = ((small.name, ARCHITECTURE),)
    subject = f"image {small.name}"

    before = by_subject(await doctor.examine(needed))[subject]
    assert before.fix is not None
    assert await doctor.mend([before.fix], lambda _: None) == {}
    after = by_subject(await doctor.examine(needed))[subject]
    async with a_workshop() as workshop:
        await workshop.client.call(
            workshop.client.api.remove_image, after.detail.split(",")[0], force=True
        )

    assert (before.health, after.health) == (Health.WARNING, Health.GOOD)


async def test_orphans_are_found_and_removed(premises: Premises, tmp_path: Path) -> None:
    doctor = a_doctor(premises)
    async with a_workshop() as workshop:
        image = await workshop.image("provided.al2023")
        await workshop.client.call(
            workshop.client.api.create_container,
            image.reference,
            command=["true"],
            labels={
                "workbench.instance": "i",
                "workbench.host": premises.host_id,
                "workbench.lock": str(tmp_path / "gone.lock"),
            },
        )
    before = by_subject(await doctor.examine(NEEDED))["orphans"]
    assert before.fix is not None
    assert await doctor.mend([before.fix], lambda _: None) == {}
    after = by_subject(await doctor.examine(NEEDED))["orphans"]

    assert before.detail.startswith("1 container ")
    assert after.health is Health.GOOD


async def test_engine_that_does_not_answer_is_told(
    premises: Premises, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path}/nobody.sock"
    monkeypatch.setenv("DOCKER_HOST", address)
    elsewhere = replace(premises, environment={"DOCKER_HOST": address})

    (finding,) = await a_doctor(elsewhere).examine(NEEDED)

    assert finding.subject == "engine"
    assert finding.health is Health.BAD
    assert finding.remedy is not None
    assert "unset DOCKER_HOST" in finding.remedy
    assert finding.fix is None


async def test_what_the_doctor_does_not_know_is_refused(premises: Premises) -> None:
    unknown = ["headache", "image nothing"]

    failed = await a_doctor(premises).mend(unknown, lambda _: None)

    assert list(failed) == unknown
    assert all("does not know" in str(error) for error in failed.values())
