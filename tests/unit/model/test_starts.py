"""Which container is started next, and what goes before it: every law of the decision."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.model.starts import MAX_PASSED, WAIT, Decision, Load, Want, next_start


def load(**changes: object) -> Load:
    """Half of 1,000 MB are used; nothing is idle or going."""
    usual = Load(budget_mb=1000, used_mb=500, leaving_mb=0, pinned_mb=0, idle_mb=(), free_starts=1)
    return usual._replace(**changes)  # type: ignore[arg-type] # real fields


def want(memory_mb: int, passed: int = 0, *, pinned: bool = False) -> Want:
    return Want(memory_mb, passed, pinned)


def test_who_is_next_starts_where_there_is_room_and_a_start_is_free() -> None:
    line = [want(500), want(1)]
    assert next_start(line, load()) == Decision(start=0, evict=0)
    assert next_start(line, load(free_starts=0)) == WAIT
    assert next_start([], load()) == WAIT


def test_no_more_is_evicted_than_it_takes() -> None:
    full = load(used_mb=1000, idle_mb=(200, 200, 200))
    assert next_start([want(100)], full) == Decision(start=None, evict=1)
    assert next_start([want(201)], full) == Decision(start=None, evict=2)
    assert next_start([want(601)], full) == WAIT, "it would not be enough: they may be of use"


def test_what_is_going_already_is_waited_for() -> None:
    line = [want(300), want(50)]
    going = load(used_mb=900, leaving_mb=200, idle_mb=(100,))
    assert next_start(line, going) == WAIT
    assert next_start(line, going._replace(leaving_mb=150)) == Decision(start=None, evict=1)


def test_small_ones_pass_a_large_one_that_waits_for_others_but_not_for_ever() -> None:
    assert next_start([want(600), want(500)], load()) == Decision(start=1, evict=0)
    assert next_start([want(600), want(501), want(9)], load()) == Decision(start=2, evict=0)
    assert next_start([want(600, MAX_PASSED), want(9)], load()) == WAIT


def test_what_can_never_fit_runs_alone() -> None:
    giant = want(5000)
    assert next_start([giant], load(used_mb=300, idle_mb=(300,))) == Decision(None, 1)
    assert next_start([giant], load(used_mb=300, leaving_mb=300)) == WAIT
    assert next_start([giant], load(used_mb=0)) == Decision(0, 0)
    assert next_start([want(1)], load(used_mb=5000)) == WAIT
    assert next_start([want(1)], load(used_mb=5000, idle_mb=(5000,))) == Decision(None, 1)


def test_what_is_provisioned_goes_for_nobody_and_stops_nobody() -> None:
    crowded = load(used_mb=1000, pinned_mb=1000)
    assert next_start([want(128)], crowded) == Decision(0, 0), "one at a time beside them"
    assert next_start([want(128)], crowded._replace(used_mb=1128)) == WAIT
    assert next_start([want(128, pinned=True)], crowded) == WAIT
    assert next_start([want(5000, pinned=True)], load(used_mb=0)) == Decision(0, 0)


SIZES = st.integers(1, 500)


@given(
    line=st.lists(st.builds(Want, SIZES, st.integers(0, 20), st.booleans()), max_size=4),
    idle=st.lists(SIZES, max_size=4),
    busy=st.lists(SIZES, max_size=3),
    leaving=st.lists(SIZES, max_size=3),
    pinned=st.lists(SIZES, max_size=3),
    budget=st.integers(1, 1500),
)
def test_it_goes_on_until_somebody_starts_or_nobody_but_the_busy_could_let_them(
    line: list[Want],
    idle: list[int],
    busy: list[int],
    leaving: list[int],
    pinned: list[int],
    budget: int,
) -> None:
    rest = sum(busy) + sum(pinned)
    now = Load(
        budget_mb=budget,
        used_mb=sum(idle) + sum(leaving) + rest,
        leaving_mb=sum(leaving),
        pinned_mb=sum(pinned),
        idle_mb=idle,
        free_starts=1,
    )
    while (decision := next_start(line, now)).evict:
        assert decision.start is None
        evicted = sum(now.idle_mb[: decision.evict])
        now = now._replace(
            leaving_mb=now.leaving_mb + evicted, idle_mb=now.idle_mb[decision.evict :]
        )
    if decision.start is not None:
        chosen = line[decision.start]
        alone = 0 if chosen.pinned else now.pinned_mb
        assert now.used_mb + chosen.memory_mb <= budget or now.used_mb == alone
        assert decision.start == 0 or line[0].passed < MAX_PASSED
    elif line:
        # once all that is going has gone, either it starts or somebody is at work, or provisioned
        after = now._replace(used_mb=now.used_mb - now.leaving_mb, leaving_mb=0)
        again = next_start(line, after)
        assert again != WAIT or bool(busy) or (line[0].pinned and now.pinned_mb)
