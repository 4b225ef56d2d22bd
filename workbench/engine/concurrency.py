"""The concurrency ledger: who holds how much. Immediate; it decides nothing itself.

Invariants: every lease is given back exactly once; whoever changes the shares takes nothing away
from an invocation that runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from workbench.errors import InternalError, ThrottledError
from workbench.model.concurrency import (
    ProvisionedKey,
    SharedOut,
    Shares,
    Standing,
    refusal,
    share_out,
)
from workbench.model.names import LATEST, FunctionName, Qualifier

_POOL = None
"""In the place of a function's name: what nobody has reserved."""


class Ledger:
    """Counts invocations in progress against what everyone was promised."""

    def __init__(self, *, limit: int) -> None:
        self._in_use: dict[ProvisionedKey, int] = {}
        self._total = 0
        self._adopt(Shares(limit=limit))
        self._shared_out = SharedOut(shares=self._shares, refused={})

    # --- what is promised -------------------------------------------------------------------------

    @property
    def shares(self) -> Shares:
        """What is in force."""
        return self._shares

    @property
    def shared_out(self) -> SharedOut:
        """What came of the newest reservations; those that do not fit are not in force."""
        return self._shared_out

    def reserve(self, reservations: Mapping[FunctionName, int], *, limit: int) -> SharedOut:
        """These reservations and this limit of the account hold from now on, as far as they fit."""
        self._shared_out = share_out(limit, reservations, self._shares.provisioned)
        self._adopt(self._shared_out.shares)
        return self._shared_out

    def provision(self, function: FunctionName, version: Qualifier, count: int | None) -> None:
        """Set aside `count` for a version, or nothing. Raises as `Shares.with_provisioned`."""
        self._adopt(self._shares.with_provisioned(function, version, count))

    def _adopt(self, shares: Shares) -> None:
        self._shares = shares
        self._rooms: dict[FunctionName | None, int] = {
            _POOL: shares.unreserved,
            **{function: shares.on_demand_room(function) for function in shares.reserved},
        }
        self._room_in_use: Counter[FunctionName | None] = Counter()
        for (function, version), count in self._in_use.items():
            beyond = count - shares.provisioned.get((function, version), 0)
            if beyond > 0:
                self._room_in_use[function if function in shares.reserved else _POOL] += beyond

    # --- what is used -----------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Invocations in progress."""
        return self._total

    @property
    def unreserved_in_use(self) -> int:
        """Of what nobody has reserved."""
        return self._room_in_use[_POOL]

    def in_use(self, function: FunctionName) -> int:
        """Invocations of `function` in progress."""
        return sum(count for (name, _), count in self._in_use.items() if name == function)

    def lease(self, function: FunctionName, version: Qualifier = LATEST) -> None:
        """Take one. Raises `ThrottledError` when there is none."""
        shares = self._shares
        key = (function, version)
        held = self._in_use.get(key, 0)
        provisioned = shares.provisioned.get(key, 0)
        payer = function if function in shares.reserved else _POOL
        reason = refusal(
            Standing(
                shares.limit,
                self._total,
                provisioned,
                held,
                self._rooms[payer],
                self._room_in_use[payer],
                payer is not _POOL,
            )
        )
        if reason is not None:
            raise ThrottledError(
                "Rate Exceeded.", reason=reason, detail=shares.explained(function, reason)
            )
        self._in_use[key] = held + 1
        self._total += 1
        if held >= provisioned:
            self._room_in_use[payer] += 1

    def release(self, function: FunctionName, version: Qualifier = LATEST) -> None:
        """Give one back."""
        key = (function, version)
        held = self._in_use.get(key, 0)
        if held <= 0:
            raise InternalError(f"{function} gave back a lease that it does not hold.")
        if held == 1:
            del self._in_use[key]
        else:
            self._in_use[key] = held - 1
        self._total -= 1
        if held > self._shares.provisioned.get(key, 0):
            self._room_in_use[function if function in self._shares.reserved else _POOL] -= 1
