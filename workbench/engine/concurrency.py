"""The concurrency ledger: who may run one more invocation. Pure and immediate.

Source: Lambda Developer Guide, "Lambda function scaling": the account's limit, and what a
function has reserved of it; texts and reasons as recorded from the Invoke API.
"""

from __future__ import annotations

from collections import Counter

from workbench.errors import InternalError, ThrottledError
from workbench.model.names import FunctionName


class Ledger:
    """Counts invocations in progress against the account's limit."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._in_use: Counter[FunctionName] = Counter()
        self._total = 0

    @property
    def total(self) -> int:
        """Invocations in progress."""
        return self._total

    def in_use(self, function: FunctionName) -> int:
        """Invocations of `function` in progress."""
        return self._in_use[function]

    def lease(self, function: FunctionName) -> None:
        """Take one. Raises `ThrottledError` when there is none."""
        if self._total >= self._limit:
            raise ThrottledError("Rate Exceeded.", reason="ConcurrentInvocationLimitExceeded")
        self._in_use[function] += 1
        self._total += 1

    def release(self, function: FunctionName) -> None:
        """Give one back."""
        if self._in_use[function] <= 0:
            raise InternalError(f"{function} gave back a lease that it does not hold.")
        self._in_use[function] -= 1
        if not self._in_use[function]:
            del self._in_use[function]
        self._total -= 1
