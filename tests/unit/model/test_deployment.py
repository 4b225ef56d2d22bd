"""Deployments, without anything that keeps or drives them: time is a number here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InvalidParameter
from workbench.model.alarm import Traffic, parse_alarm
from workbench.model.deployment import (
    Deployment,
    DeploymentPlan,
    DeploymentStatus,
    ErrorCode,
    EventName,
    EventStatus,
    Facts,
    Move,
    Routing,
    StopRequest,
    advance,
    begin,
    event_of,
    is_deployment_id,
    with_event,
)
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.release import Alias
from workbench.model.strategy import PREDEFINED, parse_strategy

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ORDERS, LIVE = FunctionName("orders"), Qualifier("live")
OLD, NEW, THIRD = Qualifier("7"), Qualifier("8"), Qualifier("5")
CHECK = FunctionName("orders-check")
BAD = Traffic(calls=50, errors=50, p95_ms=9000, throttles=7)


def an_alias(**changed: object) -> Alias:
    return replace(Alias(function=ORDERS, name=LIVE, version=OLD), **changed)  # type: ignore[arg-type]


def a_plan(strategy: str = "canary10percent5minutes", **changed: object) -> DeploymentPlan:
    plan = DeploymentPlan(
        function=ORDERS, alias=LIVE, version=NEW, strategy=parse_strategy(strategy)
    )
    return replace(plan, **changed)  # type: ignore[arg-type]


def begun(plan: DeploymentPlan, alias: Alias) -> Deployment:
    return begin(
        plan,
        alias,
        deployment_id="d-ABC123XYZ",
        execution_ids={name: f"execution-{name}" for name in EventName},
        now=T0,
    )


class World:
    """An alias, a clock, and a deployment that somebody drives."""

    def __init__(self, plan: DeploymentPlan, alias: Alias | None = None) -> None:
        self.alias: Alias | None = alias or an_alias()
        assert self.alias is not None
        self.deployment = begun(plan, self.alias)
        self.now = T0
        self.traffic = Traffic()
        self.moves: list[Move] = []

    def settle(self) -> None:
        """Advance until nothing moves."""
        for _ in range(20):
            before = self.deployment
            facts = Facts(alias=self.alias, traffic=self.traffic)
            self.deployment, moves = advance(self.deployment, self.now, facts)
            for move in moves:
                self.moves.append(move)
                if move.routing is not None and self.alias is not None:
                    self.alias = move.routing.put(self.alias)
            if not moves:
                assert self.deployment == before
                return
        raise AssertionError("it does not come to rest")

    def wait(self) -> None:
        """Until it has something to do."""
        due = self.deployment.wake_at()
        assert due is not None
        assert due > self.now
        self.now = due
        self.settle()

    def report(self, status: EventStatus) -> None:
        event = self.deployment.hook_due
        assert event is not None
        self.deployment = with_event(self.deployment, replace(event, reported=status))
        self.settle()

    def run_out(self) -> None:
        self.settle()
        while not self.deployment.status.ended:
            if self.deployment.hook_due is not None:
                self.report(EventStatus.SUCCEEDED)
            else:
                self.wait()

    def let(self, happens: str) -> None:
        """One of `HAPPENINGS`; nothing, where it cannot happen now."""
        hook = self.deployment.hook_due
        if happens == "wait":
            self.wait()
        elif happens == "tick":
            self.now += timedelta(seconds=1)
        elif happens == "bad":
            self.traffic = BAD
        elif happens in ("stop", "leave") and self.deployment.stop is None:
            request = StopRequest(at=self.now, rollback=happens == "stop")
            self.deployment = replace(self.deployment, stop=request)
        elif happens in ("ok", "no") and hook is not None:
            self.report(EventStatus.SUCCEEDED if happens == "ok" else EventStatus.FAILED)
        self.settle()

    @property
    def status(self) -> DeploymentStatus:
        return self.deployment.status

    @property
    def shares(self) -> list[float]:
        return [move.weight for move in self.moves if move.routing is not None]


# --- the whole way ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PREDEFINED)
def test_every_predefined_strategy_ends_where_it_should_in_its_time(name: str) -> None:
    world = World(a_plan(name))
    strategy = PREDEFINED[name]
    world.run_out()

    assert world.status is DeploymentStatus.SUCCEEDED
    assert world.alias == an_alias(version=NEW)
    assert world.shares == [strategy.weight(step + 1) for step in range(strategy.steps)]
    assert world.now - T0 == timedelta(seconds=strategy.duration_s)
    assert [event.status for event in world.deployment.events] == [
        EventStatus.SKIPPED,
        EventStatus.SUCCEEDED,
        EventStatus.SKIPPED,
    ]


def test_its_life_cycle_with_hooks_is_codedeploys() -> None:
    world = World(a_plan("allatonce", before_hook=CHECK, after_hook=CHECK))
    world.settle()

    before = world.deployment.hook_due
    assert before is not None
    assert (before.name, before.hook) == (EventName.BEFORE, CHECK)
    assert world.deployment.weight == 0

    world.report(EventStatus.SUCCEEDED)
    after = world.deployment.hook_due
    assert after is not None
    assert after.name is EventName.AFTER
    assert world.deployment.weight == 1
    assert not world.status.ended

    world.report(EventStatus.SUCCEEDED)
    assert world.status is DeploymentStatus.SUCCEEDED
    assert [move.event for move in world.moves] == [
        "Start",
        "BeforeAllowTraffic",
        "BeforeAllowTraffic",
        "AllowTraffic",
        "AfterAllowTraffic",
        "AfterAllowTraffic",
        "End",
    ]


def test_who_takes_over_late_gives_each_share_its_whole_time() -> None:
    world = World(a_plan("linear:50%:1m"))
    world.settle()
    world.now += timedelta(hours=3)
    world.settle()

    assert world.shares == [0.5, 1.0]
    assert world.now == T0 + timedelta(hours=3)

    three = World(a_plan("linear:40%:1m"))
    three.settle()
    three.now += timedelta(seconds=90)
    three.settle()
    assert three.shares == [0.4, 0.8]
    assert three.deployment.next_at == T0 + timedelta(seconds=150)


# --- what goes wrong ------------------------------------------------------------------------------------


def test_an_alarm_rolls_back_at_once() -> None:
    world = World(a_plan(alarms=(parse_alarm("error-rate>5%"),)))
    world.settle()
    world.traffic = Traffic(calls=20, errors=10)
    world.settle()

    ended = world.deployment
    assert world.alias == an_alias()
    assert (ended.status, ended.code) == (DeploymentStatus.STOPPED, ErrorCode.ALARM_ACTIVE)
    assert ended.rolled_back
    assert ended.why == "Alarm error-rate>5%: it is 50% over 20 calls."
    assert world.moves[-1].reason.endswith("Rolled back to 7 100%.")


def test_an_alarm_counts_until_the_last_hook_has_reported() -> None:
    world = World(a_plan("allatonce", after_hook=CHECK, alarms=(parse_alarm("p95>1s"),)))
    world.settle()
    assert world.deployment.weight == 1
    world.traffic = BAD
    world.settle()

    assert world.alias == an_alias()
    assert world.deployment.code is ErrorCode.ALARM_ACTIVE


@pytest.mark.parametrize("event", [EventName.BEFORE, EventName.AFTER])
def test_a_hook_that_fails_or_says_nothing_for_an_hour_rolls_back(event: EventName) -> None:
    def at_the_hook() -> World:
        hooks = {"before_hook": CHECK} if event is EventName.BEFORE else {"after_hook": CHECK}
        world = World(a_plan("allatonce", **hooks))
        world.settle()
        return world

    refused = at_the_hook()
    refused.report(EventStatus.FAILED)
    assert refused.deployment.code is ErrorCode.HOOK_EXECUTION_FAILURE
    assert refused.deployment.why == "The hook orders-check reported Failed."

    broken = at_the_hook()
    due = broken.deployment.hook_due
    assert due is not None
    broken.deployment = with_event(broken.deployment, replace(due, failure="It raised ValueError."))
    broken.settle()
    assert broken.deployment.code is ErrorCode.HOOK_EXECUTION_FAILURE

    silent = at_the_hook()
    silent.wait()
    assert silent.now - T0 == timedelta(hours=1)
    assert silent.deployment.code is ErrorCode.TIMEOUT

    for world in (refused, broken, silent):
        assert world.status is DeploymentStatus.FAILED
        assert world.alias == an_alias()


def test_a_person_may_stop_it_with_and_without_rolling_back() -> None:
    for rollback, left in ((True, an_alias()), (False, an_alias(additional=NEW, weight=0.1))):
        world = World(a_plan())
        world.settle()
        stop = StopRequest(at=world.now, rollback=rollback)
        world.deployment = replace(world.deployment, stop=stop)
        world.settle()

        assert world.alias == left
        assert world.status is DeploymentStatus.STOPPED
        assert world.deployment.code is ErrorCode.MANUAL_STOP
        assert world.deployment.rolled_back is rollback


def test_what_somebody_else_did_to_the_alias_is_left_alone() -> None:
    for theirs in (an_alias(version=THIRD), None):
        world = World(a_plan())
        world.settle()
        world.alias = theirs
        world.wait()

        assert world.alias == theirs
        assert world.status is DeploymentStatus.FAILED
        assert world.deployment.code is ErrorCode.INVALID_LAMBDA_CONFIGURATION
        assert not world.deployment.rolled_back


def test_another_description_disturbs_nothing() -> None:
    world = World(a_plan())
    world.settle()
    assert world.alias is not None
    world.alias = replace(world.alias, description="what customers use", revision_id="another")
    world.wait()

    assert world.status is DeploymentStatus.SUCCEEDED
    assert world.alias.description == "what customers use"


# --- beginning ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "version", "strategy"),
    [
        (an_alias(version=NEW), NEW, "allatonce"),
        (an_alias(version=NEW, additional=OLD, weight=0.2), NEW, "allatonce"),
        (an_alias(), LATEST, "allatonce"),
        (an_alias(version=LATEST), NEW, "canary10percent5minutes"),
    ],
)
def test_what_cannot_be_shifted_is_refused(alias: Alias, version: Qualifier, strategy: str) -> None:
    with pytest.raises(InvalidParameter):
        begun(a_plan(strategy, version=version), alias)


def test_at_most_ten_alarms() -> None:
    alarm = parse_alarm("throttles>0")
    begun(a_plan(alarms=(alarm,) * 10), an_alias())
    with pytest.raises(InvalidParameter, match="at most 10 alarms"):
        begun(a_plan(alarms=(alarm,) * 11), an_alias())


def test_latest_may_be_left_all_at_once() -> None:
    world = World(a_plan("allatonce"), an_alias(version=LATEST))
    world.run_out()
    assert world.alias == an_alias(version=NEW)


def test_an_execution_is_found_by_its_id_only_where_there_is_a_hook() -> None:
    deployment = begun(a_plan(before_hook=CHECK), an_alias())

    found = event_of(deployment, f"execution-{EventName.BEFORE}")
    assert found is not None
    assert found.name is EventName.BEFORE
    assert event_of(deployment, f"execution-{EventName.AFTER}") is None
    assert event_of(deployment, "") is None


def test_ids() -> None:
    assert is_deployment_id("d-ABC123XYZ")
    assert not any(map(is_deployment_id, ("", "d-abc123xyz", "d-ABC123XY", "x-ABC123XYZ")))


# --- the laws ---------------------------------------------------------------------------------------------

aliases = st.sampled_from(
    [
        an_alias(),
        an_alias(additional=NEW, weight=0.0),
        an_alias(additional=NEW, weight=0.35),
        an_alias(additional=NEW, weight=1.0),
        an_alias(additional=THIRD, weight=0.5, description="split"),
    ]
)
plans = st.builds(
    a_plan,
    st.sampled_from([*PREDEFINED, "canary:25%:90s", "linear:20%:1m", "linear:33.3%:7s"]),
    before_hook=st.sampled_from([None, CHECK]),
    after_hook=st.sampled_from([None, CHECK]),
    alarms=st.sampled_from([(), (parse_alarm("error-rate>5%"),), (parse_alarm("throttles>0"),)]),
)
HAPPENINGS = ["wait", "wait", "wait", "ok", "ok", "tick", "no", "bad", "stop", "leave"]
happenings = st.lists(
    st.sampled_from(HAPPENINGS),
    max_size=40,
)


@given(plans, aliases, happenings)
def test_shares_only_grow_and_the_end_is_all_or_as_it_was(
    plan: DeploymentPlan, alias: Alias, what_happens: list[str]
) -> None:
    world = World(plan, alias)
    world.settle()
    for happens in what_happens:
        if not world.deployment.status.ended:
            world.let(happens)
    if not world.deployment.status.ended:
        world.run_out()

    ended = world.deployment
    growing = [Routing.of(alias).share(plan.version), *world.shares]
    if ended.rolled_back:
        growing.pop()
    assert growing == sorted(growing)
    assert world.alias is not None
    if ended.status is DeploymentStatus.SUCCEEDED:
        assert world.alias == replace(alias, version=NEW, additional=None, weight=0.0)
        assert growing[-1] == 1.0
    elif ended.code is not ErrorCode.MANUAL_STOP or (ended.stop and ended.stop.rollback):
        assert world.alias == alias
    assert Routing.of(world.alias) == ended.routing
    assert ended.ended_at == world.now
    assert ended.wake_at() is None
    assert not any(event.status is EventStatus.IN_PROGRESS for event in ended.events)
    assert advance(ended, world.now + timedelta(days=1), Facts(alias=None)) == (ended, ())
