"""How concurrency is shared out: who is refused, and in which words. Pure, so every law is tried."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConstraintViolated, InvalidParameter
from workbench.model.concurrency import (
    Shares,
    Standing,
    ThrottleReason,
    refusal,
    share_out,
)
from workbench.model.names import LATEST, FunctionName, Qualifier

ORDERS, BILLING, MAIL = map(FunctionName, ("orders", "billing", "mail"))
ONE, TWO = Qualifier("1"), Qualifier("2")

# --- reserved ------------------------------------------------------------------------------------------


def test_reservations_are_taken_from_what_nobody_has() -> None:
    shares = Shares(limit=1000).with_reserved(ORDERS, 300).with_reserved(BILLING, 0)

    assert shares.reserved == {ORDERS: 300, BILLING: 0}
    assert shares.unreserved == 700
    assert shares.with_reserved(ORDERS, 20).unreserved == 980
    assert shares.with_reserved(ORDERS, None).unreserved == 1000


def test_reserving_too_much_is_refused_as_recorded() -> None:
    shares = Shares(limit=1000).with_reserved(ORDERS, 900)
    assert shares.unreserved == 100

    with pytest.raises(InvalidParameter) as refused:
        shares.with_reserved(ORDERS, 901)

    assert refused.value.parameter == "ReservedConcurrentExecutions"
    assert str(refused.value) == (
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )


def test_reserving_less_than_nothing_is_refused_as_recorded() -> None:
    with pytest.raises(ConstraintViolated) as refused:
        Shares(limit=1000).with_reserved(ORDERS, -1)
    assert str(refused.value) == (
        "1 validation error detected: Value '-1' at 'reservedConcurrentExecutions' failed to satisfy "
        "constraint: Member must have value greater than or equal to 0"
    )


def test_reserving_less_than_is_provisioned_is_refused_as_recorded() -> None:
    shares = Shares(limit=1000).with_provisioned(ORDERS, ONE, 1).with_provisioned(ORDERS, TWO, 1)
    with pytest.raises(InvalidParameter) as refused:
        shares.with_reserved(ORDERS, 1)
    assert str(refused.value) == (
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned "
        "concurrency [2]."
    )


@pytest.mark.parametrize(
    ("limit", "minimum"), [(1000, 100), (200, 100), (150, 75), (10, 5), (3, 1), (1, 0)]
)
def test_a_small_account_keeps_half_unreserved(limit: int, minimum: int) -> None:
    shares = Shares(limit=limit)
    most = shares.with_reserved(ORDERS, limit - minimum)

    assert shares.minimum_unreserved == most.unreserved == minimum
    with pytest.raises(InvalidParameter, match=rf"minimum value of \[{minimum}\]"):
        shares.with_reserved(ORDERS, limit - minimum + 1)


def test_what_was_promised_under_a_larger_limit_may_be_given_back_step_by_step() -> None:
    shares = Shares(limit=10, provisioned={(ORDERS, ONE): 9, (BILLING, ONE): 9})
    assert shares.unreserved == 0
    assert shares.with_provisioned(ORDERS, ONE, 5).unreserved == 0
    assert shares.with_reserved(MAIL, 0).unreserved == 0


# --- provisioned ---------------------------------------------------------------------------------------


def refused(shares: Shares, version: Qualifier, count: int) -> str:
    with pytest.raises((InvalidParameter, ConstraintViolated)) as caught:
        shares.with_provisioned(ORDERS, version, count)
    return str(caught.value)


def test_unpublished_code_has_nothing_provisioned() -> None:
    assert refused(Shares(limit=1000), LATEST, 1) == (
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    )


def test_provisioning_nothing_is_refused_as_recorded() -> None:
    assert refused(Shares(limit=1000), ONE, 0) == (
        "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to "
        "satisfy constraint: Member must have value greater than or equal to 1"
    )


def test_provisioning_more_than_is_reserved_is_refused_as_recorded() -> None:
    shares = Shares(limit=1000).with_reserved(ORDERS, 3).with_provisioned(ORDERS, ONE, 2)

    assert shares.with_provisioned(ORDERS, TWO, 1).provisioned_of(ORDERS) == 3
    assert refused(shares, TWO, 2) == (
        "Requested Provisioned Concurrency should not be greater than the "
        "reservedConcurrentExecution for function"
    )


def test_provisioning_more_than_the_account_has_is_refused() -> None:
    assert refused(Shares(limit=1000), ONE, 1001) == (
        "Specified ConcurrentExecutions for function is greater than account's unreserved "
        "concurrency [1000]."
    )
    assert refused(Shares(limit=1000), ONE, 901) == (
        "Specified ConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )


def test_what_is_provisioned_comes_out_of_a_reservation_where_there_is_one() -> None:
    apart = Shares(limit=1000).with_provisioned(ORDERS, ONE, 20)
    within = Shares(limit=1000).with_reserved(ORDERS, 50).with_provisioned(ORDERS, ONE, 20)

    assert apart.unreserved == 980
    assert (within.unreserved, within.on_demand_room(ORDERS)) == (950, 30)
    assert within.with_provisioned(ORDERS, ONE, None).on_demand_room(ORDERS) == 50


# --- all of a project's at once ----------------------------------------------------------------------------

NAMES = st.sampled_from((ORDERS, BILLING, MAIL))


@given(
    limit=st.integers(1, 300),
    wanted=st.dictionaries(NAMES, st.integers(0, 300)),
    provisioned=st.dictionaries(st.tuples(NAMES, st.sampled_from((ONE, TWO))), st.integers(1, 60)),
)
def test_what_is_in_force_always_fits(
    limit: int,
    wanted: dict[FunctionName, int],
    provisioned: dict[tuple[FunctionName, Qualifier], int],
) -> None:
    before = Shares(limit=limit, provisioned=provisioned)
    shared = share_out(limit, wanted, provisioned)
    shares = shared.shares

    assert set(shares.reserved) | set(shared.refused) == set(wanted)
    assert not set(shares.reserved) & set(shared.refused)
    assert all(shares.reserved[name] == wanted[name] for name in shares.reserved)
    assert shares.unreserved >= min(shares.minimum_unreserved, before.unreserved)
    assert all(
        shares.provisioned_of(name) + shares.on_demand_room(name) == shares.reserved[name]
        for name in shares.reserved
    )


# --- one more ----------------------------------------------------------------------------------------------


def standing(**changes: int | bool) -> Standing:
    """Everything is full, but nothing is promised to anyone in particular."""
    usual = Standing(
        limit=4,
        in_use=4,
        provisioned=0,
        provisioned_in_use=0,
        room=4,
        room_in_use=4,
        reserves=False,
    )
    return usual._replace(**changes)  # type: ignore[arg-type] # real fields


def test_each_limit_has_its_reason() -> None:
    assert refusal(standing()) is ThrottleReason.ACCOUNT
    assert refusal(standing(reserves=True)) is ThrottleReason.RESERVED
    assert refusal(standing(in_use=3, room_in_use=3)) is None
    assert refusal(standing(in_use=3)) is ThrottleReason.ACCOUNT
    assert refusal(standing(in_use=3, provisioned=1)) is None
    assert refusal(standing(provisioned=1)) is ThrottleReason.ACCOUNT


def test_nothing_runs_without_a_place_and_everything_with_one() -> None:
    for limit, used, own, own_used, room, room_used, reserves in product(
        *(range(3),) * 6, (False, True)
    ):
        said = refusal(Standing(limit, used, own, own_used, room, room_used, reserves))
        has_place = own_used < own or room_used < room
        assert (said is None) is (has_place and used < limit)
