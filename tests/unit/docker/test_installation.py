"""What is done about a missing engine, decided from facts; and doing it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.clock import SystemClock
from workbench.docker.address import EngineAddress
from workbench.docker.installation import Answer, Facts, Plan, Step, carry_out, plan, tool_plan
from workbench.errors import EngineUnreachable

HERE = EngineAddress(url="unix:///var/run/docker.sock")
FRESH = Facts(
    system="Linux",
    distribution=frozenset({"debian"}),
    root=True,
    apt=True,
    installed=False,
    answer=Answer.NO,
    systemd=False,
    address=HERE,
    mmdebstrap=False,
)
"""A fresh Debian without systemd, as root."""


def commands(chosen: Plan) -> list[str]:
    return [" ".join(step.argv) for step in (*chosen.steps, *chosen.starts)]


def test_engine_that_answers_needs_nothing() -> None:
    assert plan(replace(FRESH, answer=Answer.YES)) == Plan()


def test_fresh_debian_gets_packages_then_a_daemon() -> None:
    update, install, service, by_itself = commands(plan(FRESH))

    assert update.endswith("apt-get -o DPkg::Lock::Timeout=120 update -qq")
    assert {"docker.io", "mmdebstrap", "cgroupfs-mount"} < set(install.split())
    assert service == "service docker start"
    assert "setsid dockerd" in by_itself


def test_systemd_starts_the_service_and_mounts_cgroups_itself() -> None:
    chosen = plan(replace(FRESH, systemd=True))

    assert commands(chosen)[-1] == "systemctl start docker"
    assert len(chosen.starts) == 1
    assert not any("cgroupfs-mount" in command for command in commands(chosen))


def test_ubuntu_is_treated_alike() -> None:
    assert plan(replace(FRESH, distribution=frozenset({"ubuntu", "debian"}))) == plan(FRESH)


def test_engine_that_is_installed_is_only_started() -> None:
    chosen = plan(replace(FRESH, installed=True))

    assert chosen.steps == ()
    assert commands(chosen)[0] == "service docker start"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"address": EngineAddress(url="tcp://far:2375", named_by="DOCKER_HOST")},
            "DOCKER_HOST names tcp://far:2375",
        ),
        (
            {
                "address": EngineAddress(
                    url="unix:///c", named_by="The docker context c", in_context=True
                )
            },
            "The docker context c names unix:///c, which does not answer",
        ),
        ({"system": "Darwin", "root": False, "apt": False}, "Docker Desktop"),
        ({"root": False, "answer": Answer.DENIED}, 'usermod -aG docker "$USER"'),
        ({"root": False}, "sudo apt-get install docker.io mmdebstrap"),
        ({"root": False, "installed": True}, "sudo service docker start"),
        ({"root": False, "installed": True, "systemd": True}, "sudo systemctl start docker"),
        ({"distribution": frozenset({"fedora"}), "apt": False}, "dnf install"),
        ({"distribution": frozenset({"opensuse", "suse"}), "apt": False}, "zypper install"),
        ({"distribution": frozenset(), "apt": False}, "Install Docker as root"),
        ({"root": False, "distribution": frozenset({"arch"}), "apt": False}, "usermod"),
    ],
)
def test_anywhere_else_a_person_is_told_what_to_do(changes: dict[str, object], words: str) -> None:
    chosen = plan(replace(FRESH, **changes))  # type: ignore[arg-type] # each case names real fields

    assert commands(chosen) == []
    assert chosen.advice is not None
    assert words in chosen.advice


def test_missing_tool_is_installed_where_we_may() -> None:
    assert "mmdebstrap" in commands(tool_plan(FRESH))[-1]
    assert tool_plan(replace(FRESH, mmdebstrap=True)) == Plan()


@pytest.mark.parametrize(("apt", "words"), [(True, "sudo apt-get"), (False, "registry")])
def test_missing_tool_is_explained_where_we_may_not(*, apt: bool, words: str) -> None:
    advice = tool_plan(replace(FRESH, root=False, apt=apt)).advice

    assert advice is not None
    assert words in advice


# --- doing it: real programs that change nothing ------------------------------------------------------------


def step(words: str, *argv: str) -> Step:
    return Step(words=words, argv=argv)


class Engine:
    """Answers from the given asking on."""

    def __init__(self, *, answers_from: int) -> None:
        self._answers_from = answers_from
        self.asked = 0

    async def __call__(self) -> Answer:
        self.asked += 1
        return Answer.YES if self.asked >= self._answers_from else Answer.NO


async def test_each_step_is_said_before_it_is_done() -> None:
    said: list[str] = []
    chosen = Plan(steps=(step("One.", "true"), step("Two.", "true")), starts=(step("Go.", "true"),))

    await carry_out(chosen, said.append, clock=SystemClock(), ask=Engine(answers_from=2))

    assert said == ["One.", "Two.", "Go.", "The container engine answers."]


async def test_failing_step_ends_it_with_the_tools_own_words() -> None:
    said: list[str] = []
    chosen = Plan(steps=(step("One.", "sh", "-c", "echo no room; exit 7"), step("Two.", "true")))

    with pytest.raises(EngineUnreachable, match="no room") as caught:
        await carry_out(chosen, said.append, clock=SystemClock())

    assert "exit status 7" in caught.value.cause
    assert said == ["One."]


async def test_program_that_is_not_there_is_told() -> None:
    chosen = Plan(steps=(step("One.", "surely-not-installed"),))

    with pytest.raises(EngineUnreachable, match="no such program"):
        await carry_out(chosen, lambda _: None, clock=SystemClock())


async def test_next_way_to_start_is_tried_when_one_fails() -> None:
    said: list[str] = []
    chosen = Plan(starts=(step("Service.", "false"), step("By itself.", "true")))

    await carry_out(chosen, said.append, clock=SystemClock(), ask=Engine(answers_from=1))

    assert said == ["Service.", "By itself.", "The container engine answers."]


async def test_advice_is_raised_not_acted_on() -> None:
    with pytest.raises(EngineUnreachable) as caught:
        await carry_out(Plan(advice="Start it."), lambda _: None, clock=SystemClock())

    assert caught.value.remedy == "Start it."
