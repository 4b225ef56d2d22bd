"""The ledger: as many leases as are in use, never more than the limit."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from workbench.engine.concurrency import Ledger
from workbench.errors import InternalError, ThrottledError
from workbench.model.names import FunctionName

ORDERS, BILLING = FunctionName("orders"), FunctionName("billing")
LIMIT = 4


def test_over_the_limit_is_refused_as_lambda_says_it() -> None:
    ledger = Ledger(limit=1)
    ledger.lease(ORDERS)
    with pytest.raises(ThrottledError, match=r"^Rate Exceeded\.$") as caught:
        ledger.lease(BILLING)
    assert caught.value.reason == "ConcurrentInvocationLimitExceeded"


def test_a_limit_of_nothing_lets_nothing_run() -> None:
    with pytest.raises(ThrottledError):
        Ledger(limit=0).lease(ORDERS)


def test_giving_back_what_one_does_not_hold_is_a_bug() -> None:
    ledger = Ledger(limit=2)
    ledger.lease(BILLING)
    with pytest.raises(InternalError, match="orders gave back"):
        ledger.release(ORDERS)
    assert ledger.total == 1


class LedgerMachine(RuleBasedStateMachine):
    """Against the simplest thing that could count."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(limit=LIMIT)
        self.held: Counter[FunctionName] = Counter()

    @rule(function=st.sampled_from((ORDERS, BILLING)))
    def lease(self, function: FunctionName) -> None:
        if self.held.total() < LIMIT:
            self.ledger.lease(function)
            self.held[function] += 1
        else:
            with pytest.raises(ThrottledError):
                self.ledger.lease(function)

    @rule(function=st.sampled_from((ORDERS, BILLING)))
    def release(self, function: FunctionName) -> None:
        if self.held[function]:
            self.ledger.release(function)
            self.held[function] -= 1
        else:
            with pytest.raises(InternalError):
                self.ledger.release(function)

    @invariant()
    def counts_agree(self) -> None:
        assert self.ledger.total == self.held.total() <= LIMIT
        for function in (ORDERS, BILLING):
            assert self.ledger.in_use(function) == self.held[function]


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(stateful_step_count=25)
