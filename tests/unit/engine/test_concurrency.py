"""The ledger: nobody gets more than was promised, everybody gets what was, nothing leaks."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workbench.engine.concurrency import Ledger
from workbench.errors import InternalError, InvalidParameter, RequestError, ThrottledError
from workbench.model.names import LATEST, FunctionName, Qualifier

ORDERS, BILLING, MAIL = map(FunctionName, ("orders", "billing", "mail"))
ONE = Qualifier("1")
ACCOUNT = "ConcurrentInvocationLimitExceeded"
RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"


def refused(ledger: Ledger, function: FunctionName, version: Qualifier = LATEST) -> tuple[str, str]:
    """Lambda's message and reason."""
    with pytest.raises(ThrottledError) as caught:
        ledger.lease(function, version)
    return caught.value.message, caught.value.reason


def test_over_the_limit_is_refused_as_lambda_says_it() -> None:
    ledger = Ledger(limit=1)
    ledger.lease(ORDERS)
    assert refused(ledger, BILLING) == ("Rate Exceeded.", ACCOUNT)


def test_a_person_is_told_which_limit_it_was() -> None:
    ledger = Ledger(limit=10)
    ledger.reserve({ORDERS: 0, BILLING: 1}, limit=10)
    ledger.lease(BILLING)
    for _ in range(9):
        ledger.lease(MAIL)

    told = {
        ORDERS: "orders is switched off: it has reserved_concurrency = 0.",
        BILLING: "billing may run 1 invocations at a time (reserved_concurrency).",
        MAIL: "The account may run 10 invocations at a time ([account] concurrency), 9 of them "
        "unreserved.",
    }
    for function, detail in told.items():
        with pytest.raises(ThrottledError) as caught:
            ledger.lease(function)
        assert str(caught.value) == f"Rate Exceeded. {detail}"


def test_a_reservation_is_kept_for_its_function_and_bounds_it() -> None:
    ledger = Ledger(limit=10)
    ledger.reserve({ORDERS: 3}, limit=10)

    for _ in range(7):
        ledger.lease(BILLING)
    assert refused(ledger, BILLING) == ("Rate Exceeded.", ACCOUNT)
    for _ in range(3):
        ledger.lease(ORDERS)
    ledger.release(BILLING)
    assert refused(ledger, ORDERS) == ("Rate Exceeded.", RESERVED)
    ledger.lease(BILLING)


def test_a_reservation_of_nothing_is_an_off_switch() -> None:
    ledger = Ledger(limit=10)
    ledger.reserve({ORDERS: 0}, limit=10)

    assert refused(ledger, ORDERS) == ("Rate Exceeded.", RESERVED)
    ledger.reserve({}, limit=10)
    ledger.lease(ORDERS)


def test_with_all_that_is_reserved_provisioned_other_versions_are_throttled() -> None:
    ledger = Ledger(limit=1000)
    ledger.reserve({ORDERS: 1}, limit=1000)
    ledger.provision(ORDERS, ONE, 1)

    assert refused(ledger, ORDERS) == ("Rate Exceeded.", RESERVED)
    ledger.lease(ORDERS, ONE)
    assert refused(ledger, ORDERS, ONE) == ("Rate Exceeded.", RESERVED)


def test_what_is_beyond_the_provisioned_spills_over_into_the_unreserved() -> None:
    ledger = Ledger(limit=6)
    ledger.provision(ORDERS, ONE, 2)
    for _ in range(4):
        ledger.lease(BILLING)
    assert refused(ledger, BILLING) == ("Rate Exceeded.", ACCOUNT)

    ledger.lease(ORDERS, ONE)
    ledger.lease(ORDERS, ONE)
    assert refused(ledger, ORDERS, ONE) == ("Rate Exceeded.", ACCOUNT)
    ledger.release(BILLING)
    ledger.lease(ORDERS, ONE)
    assert ledger.unreserved_in_use == 4


def test_what_cannot_be_set_aside_changes_nothing() -> None:
    ledger = Ledger(limit=10)
    before = ledger.shares
    with pytest.raises(InvalidParameter):
        ledger.provision(ORDERS, LATEST, 1)
    refused_ones = ledger.reserve({ORDERS: 6}, limit=10).refused

    assert ledger.shares == before
    assert set(refused_ones) == set(ledger.shared_out.refused) == {ORDERS}


def test_giving_back_what_one_does_not_hold_is_a_bug() -> None:
    ledger = Ledger(limit=2)
    ledger.lease(BILLING)
    with pytest.raises(InternalError, match="orders gave back"):
        ledger.release(ORDERS)
    with pytest.raises(InternalError, match="billing gave back"):
        ledger.release(BILLING, ONE)
    assert ledger.total == 1


FUNCTIONS = st.sampled_from((ORDERS, BILLING, MAIL))
VERSIONS = st.sampled_from((LATEST, ONE))


class LedgerMachine(RuleBasedStateMachine):
    """Leases and promises in any order, against nothing but a list of who holds what."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = 12
        self.ledger = Ledger(limit=self.limit)
        self.held: Counter[tuple[FunctionName, Qualifier]] = Counter()
        self.calm = True
        """Nothing that was given under other promises is still held."""

    def of(self, function: FunctionName) -> int:
        return sum(count for (name, _), count in self.held.items() if name == function)

    @property
    def beyond(self) -> int:
        """What functions without a reservation hold beyond what they have provisioned."""
        shares = self.ledger.shares
        return sum(
            max(0, count - shares.provisioned.get(key, 0))
            for key, count in self.held.items()
            if key[0] not in shares.reserved
        )

    @rule(function=FUNCTIONS, version=VERSIONS)
    def lease(self, function: FunctionName, version: Qualifier) -> None:
        shares = self.ledger.shares
        key = (function, version)
        own = self.held[key] < shares.provisioned.get(key, 0)
        reserved = shares.reserved.get(function)
        others = sum(
            max(0, self.held[function, each] - shares.provisioned.get((function, each), 0))
            for each in (LATEST, ONE)
        )
        try:
            self.ledger.lease(function, version)
        except ThrottledError as error:
            if error.reason == RESERVED:
                assert reserved is not None
                assert self.of(function) >= reserved - shares.provisioned_of(function)
            if self.calm:  # nobody is refused what was promised
                assert not own
                assert others >= (
                    shares.unreserved - self.beyond + others
                    if reserved is None
                    else shares.on_demand_room(function)
                )
            return
        self.held[key] += 1
        assert self.held.total() <= shares.limit
        if not own and reserved is None:
            assert self.beyond <= shares.unreserved
        if reserved is not None and self.calm:
            assert self.of(function) <= reserved

    @precondition(lambda self: self.held.total())
    @rule(index=st.integers(0, 100))
    def release(self, index: int) -> None:
        held = list(self.held.elements())
        key = held[index % len(held)]
        self.ledger.release(*key)
        self.held[key] -= 1
        self.calm = self.calm or not self.held.total()

    @rule(function=FUNCTIONS, version=VERSIONS)
    def release_what_nobody_holds(self, function: FunctionName, version: Qualifier) -> None:
        if not self.held[function, version]:
            with pytest.raises(InternalError):
                self.ledger.release(function, version)

    @rule(wanted=st.dictionaries(FUNCTIONS, st.integers(0, 6)), limit=st.integers(1, 16))
    def reserve(self, wanted: dict[FunctionName, int], limit: int) -> None:
        self.ledger.reserve(wanted, limit=limit)
        self.calm = not self.held.total()

    @rule(function=FUNCTIONS, version=VERSIONS, count=st.none() | st.integers(0, 5))
    def provision(self, function: FunctionName, version: Qualifier, count: int | None) -> None:
        with suppress(RequestError):
            self.ledger.provision(function, version, count)
            self.calm = not self.held.total()

    @invariant()
    def counts_agree(self) -> None:
        assert self.ledger.total == self.held.total()
        assert self.ledger.unreserved_in_use == self.beyond
        for function in (ORDERS, BILLING, MAIL):
            assert self.ledger.in_use(function) == self.of(function)

    def teardown(self) -> None:
        for key in list(self.held.elements()):
            self.ledger.release(*key)
        assert self.ledger.total == self.ledger.unreserved_in_use == 0


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(stateful_step_count=40)
