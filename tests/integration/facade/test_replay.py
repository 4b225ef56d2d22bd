from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.workbench import a_function, fake_house
from workbench.errors import FunctionNotFound, FunctionNotReady, InvalidManifest, ThrottledError
from workbench.facade.replay import ReplayCase, Verdict
from workbench.model.invocation import Origin, OutcomeKind
from workbench.model.names import FunctionName
from workbench.model.settings import Limits, Settings
from workbench.model.telemetry import Accepted


def save(root: Path, function: str, event: str, value: object, expect: str | None = None) -> None:
    folder = root / function / "events"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{event}.json").write_text(json.dumps(value))
    if expect is not None:
        (folder / f"{event}.expect.toml").write_text(expect)


def case(event: str, function: str = "orders") -> ReplayCase:
    return ReplayCase(function=FunctionName(function), event=event)


async def judge(root: Path, value: object, expect: str | None = None) -> Verdict:
    save(root, "orders", "it", value, expect)
    async with fake_house(root, a_function(root, "orders")) as house:
        return await house.workbench.replay.judge(case("it"))


async def test_an_event_without_an_expectation_is_to_succeed(tmp_path: Path) -> None:
    verdict = await judge(tmp_path, {"a": 1})

    assert verdict.as_expected
    assert verdict.record is not None
    assert verdict.record.acceptance.origin is Origin.REPLAY
    assert verdict.record.acceptance.event == "it"
    assert verdict.record.measurements is not None
    assert verdict.logs[-1].text.startswith("REPORT")


async def test_a_failure_nobody_expects_is_told(tmp_path: Path) -> None:
    verdict = await judge(tmp_path, {"do": "fail"})

    assert not verdict.as_expected
    assert [mismatch.subject for mismatch in verdict.mismatches] == ["outcome"]


async def test_an_expected_failure_is_a_success(tmp_path: Path) -> None:
    verdict = await judge(tmp_path, {"do": "fail"}, 'error_type = "ValueError"')

    assert verdict.as_expected
    assert verdict.record is not None
    assert verdict.record.outcome is not None
    assert verdict.record.outcome.kind is OutcomeKind.ERROR


async def test_a_response_and_its_logs_are_held_against_what_is_expected(tmp_path: Path) -> None:
    expectation = '[response]\n"total" = 3\n[logs]\ncontain = ["never printed"]'
    verdict = await judge(tmp_path, {"total": 2}, expectation)

    assert [mismatch.subject for mismatch in verdict.mismatches] == ["response total", "logs"]


async def test_a_wrong_expectation_runs_nothing(tmp_path: Path) -> None:
    verdict = await judge(tmp_path, {}, "outcome = 7")

    assert not verdict.as_expected
    assert isinstance(verdict.error, InvalidManifest)
    assert verdict.record is None


async def test_cases_are_every_event_of_every_function(tmp_path: Path) -> None:
    for function, event in (("a", "2"), ("a", "1"), ("b", "1")):
        save(tmp_path, function, event, {})
    functions = [a_function(tmp_path, name) for name in ("a", "b", "c")]

    async with fake_house(tmp_path, *functions) as house:
        replay = house.workbench.replay
        assert replay.cases() == (case("1", "a"), case("2", "a"), case("1", "b"))
        assert replay.cases(["b"]) == (case("1", "b"),)
        with pytest.raises(FunctionNotFound):
            replay.cases(["nope"])


async def test_verdicts_keep_the_order_of_the_cases(tmp_path: Path) -> None:
    waits = {"slow": 0.2, "middle": 0.1, "quick": 0.0}
    for event, seconds in waits.items():
        save(tmp_path, "orders", event, {"do": "wait", "seconds": seconds})
    heard: list[str] = []

    async with fake_house(tmp_path, a_function(tmp_path, "orders")) as house:
        verdicts = await house.workbench.replay.run(
            [case(event) for event in waits],
            jobs=3,
            on_verdict=lambda verdict: heard.append(verdict.case.event),
        )

    assert [verdict.case.event for verdict in verdicts] == list(waits)
    assert sorted(heard) == sorted(waits)


@pytest.mark.parametrize("jobs", [1, 2])
async def test_no_more_run_at_once_than_allowed(tmp_path: Path, jobs: int) -> None:
    for number in range(6):
        save(tmp_path, "orders", str(number), {"do": "wait", "seconds": 0.02})

    async with fake_house(tmp_path, a_function(tmp_path, "orders")) as house:
        replay = house.workbench.replay
        await replay.run(replay.cases(), jobs=jobs)

        assert len(house.driver.containers) == jobs


async def test_one_broken_function_hides_no_other(tmp_path: Path) -> None:
    save(tmp_path, "orders", "it", {})
    save(tmp_path, "broken", "it", {})
    broken = replace(a_function(tmp_path, "broken", broken="It is wrong."), events=("it",))

    async with fake_house(tmp_path, broken, a_function(tmp_path, "orders")) as house:
        replay = house.workbench.replay
        verdicts = await replay.run(replay.cases(), jobs=2)

    assert [verdict.as_expected for verdict in verdicts] == [False, True]
    assert isinstance(verdicts[0].error, FunctionNotReady)


async def test_a_throttle_is_told_as_what_it_is(tmp_path: Path) -> None:
    for number in range(2):
        save(tmp_path, "orders", str(number), {"do": "wait", "seconds": 0.2})
    settings = replace(Settings(), limits=Limits(concurrency=1))

    async with fake_house(tmp_path, a_function(tmp_path, "orders"), settings=settings) as house:
        replay = house.workbench.replay
        verdicts = await replay.run(replay.cases(), jobs=2)

    assert [type(verdict.error) for verdict in verdicts if verdict.error] == [ThrottledError]


async def test_cancelling_stops_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path, "orders", str(number), {"do": "hang"})

    async with fake_house(tmp_path, a_function(tmp_path, "orders", timeout_s=900)) as house:
        replay = house.workbench.replay
        with house.workbench.subscribe() as feed:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(replay.run(replay.cases(), jobs=1))
                while not any(isinstance(v, Accepted) for v in await feed.wait_values()):
                    pass
                running.cancel()
        async with asyncio.timeout(10):
            while house.workbench.invocations.in_progress:
                await house.workbench.invocations.recent()
        runs = await house.workbench.invocations.recent()

    assert [run.kind for run in runs] == [OutcomeKind.STOPPED]
