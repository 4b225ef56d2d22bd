from __future__ import annotations

import pytest

from tests.unit.tui.values import (
    ORDERS,
    a_record,
    after,
    an_acceptance,
    an_environment,
    an_id,
)
from workbench.model.environment import EnvironmentState
from workbench.model.names import EnvironmentId
from workbench.model.telemetry import (
    Accepted,
    EnvironmentChanged,
    InitStart,
    Report,
    Start,
    Telemetry,
)
from workbench.tui.live import LiveRuns, Phase


def heard(*values: Telemetry) -> LiveRuns:
    runs = LiveRuns()
    for value in values:
        runs.hear(value)
    return runs


ACCEPTED = Accepted(acceptance=an_acceptance(1))
START = Start(
    request_id=an_id(1), environment_id=EnvironmentId("a"), at=after(1.5), deadline=after(4.5)
)


def changed(state: EnvironmentState, at: float, **more: object) -> EnvironmentChanged:
    return EnvironmentChanged.of(an_environment(state, at=after(at), **more))  # type: ignore[arg-type]


def test_a_warm_run_goes_from_queue_to_handler() -> None:
    run = heard(ACCEPTED, START).runs[0]

    assert run.phase is Phase.HANDLER
    assert run.passed == ((Phase.QUEUE, 500.0),)
    assert run.deadline == after(4.5)
    assert not run.cold


def test_a_cold_run_passes_container_and_init() -> None:
    run = heard(
        ACCEPTED,
        changed(EnvironmentState.CREATED, 1.0),
        changed(EnvironmentState.INITIALIZING, 1.2),
        START,
    ).runs[0]

    assert run.phase is Phase.HANDLER
    assert [(phase, round(ms)) for phase, ms in run.passed] == [
        (Phase.QUEUE, 0),
        (Phase.CONTAINER, 200),
        (Phase.INIT, 300),
    ]
    assert run.cold


def test_another_container_does_not_set_a_run_back() -> None:
    run = heard(
        ACCEPTED,
        changed(EnvironmentState.INITIALIZING, 1.2),
        changed(EnvironmentState.CREATED, 1.3, name="b"),
    ).runs[0]

    assert run.phase is Phase.INIT


def test_a_restart_inside_an_invocation_is_init_then_handler_again() -> None:
    again = InitStart(
        environment_id=EnvironmentId("a"), function=ORDERS, at=after(1.6), request_id=an_id(1)
    )
    runs = heard(ACCEPTED, START, again)
    assert [run.phase for run in runs.runs] == [Phase.INIT]

    runs.hear(changed(EnvironmentState.BUSY, 1.9, invocation=an_id(1)))

    assert [run.phase for run in runs.runs] == [Phase.HANDLER]


def test_a_report_ends_it() -> None:
    runs = heard(ACCEPTED, START, Report(record=a_record(1)))

    assert len(runs) == 0
    assert runs.get(an_id(1)) is None


def test_an_environment_that_is_gone_is_forgotten() -> None:
    runs = heard(changed(EnvironmentState.IDLE, 1), changed(EnvironmentState.STOPPED, 2))

    assert runs.environments == ()


def test_phases_never_last_less_than_nothing() -> None:
    early = Start(
        request_id=an_id(1), environment_id=EnvironmentId("a"), at=after(-5), deadline=after(1)
    )

    assert heard(ACCEPTED, early).runs[0].passed == ((Phase.QUEUE, 0.0),)
    assert heard(ACCEPTED).runs[0].elapsed_s(after(-5)) == 0


@pytest.mark.parametrize("value", [START, Report(record=a_record(9))])
def test_a_run_that_nobody_announced_changes_nothing(value: Telemetry) -> None:
    assert len(heard(value)) == 0
