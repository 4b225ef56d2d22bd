"""How the account's concurrency is shared out, and whether one more invocation may run.

Pure: frozen values in, a decision or a refusal in Lambda's own words out. Laws: what is reserved or
provisioned is taken from the account's limit before anyone else gets any; an invocation is counted
against the provisioned concurrency of its version first, then against what its function has
reserved, or, where it has reserved nothing, against what nobody has.

Source: Lambda Developer Guide, "Lambda function scaling", "Configuring reserved concurrency",
"Configuring provisioned concurrency"; messages as recorded from the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from workbench.errors import (
    ConflictError,
    ConstraintViolated,
    InvalidParameter,
    WorkbenchError,
)
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.values import dataclass

MINIMUM_UNRESERVED = 100
"""What the account keeps for functions that reserve nothing. Source: Lambda Developer Guide."""

ProvisionedKey = tuple[FunctionName, Qualifier]
"""A function, and the version that has environments of its own ready."""


class ThrottleReason(StrEnum):
    """Why an invocation was throttled. Source: Lambda API reference, TooManyRequestsException."""

    ACCOUNT = "ConcurrentInvocationLimitExceeded"
    RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
    """The function's own reservation is used up; with a reservation of 0 it always is."""


class InitializationType(StrEnum):
    """How an environment came to be. Source: AWS_LAMBDA_INITIALIZATION_TYPE."""

    ON_DEMAND = "on-demand"
    PROVISIONED = "provisioned-concurrency"


class ProvisionedStatus(StrEnum):
    """Source: Lambda API reference, ProvisionedConcurrencyConfig."""

    IN_PROGRESS = "IN_PROGRESS"
    READY = "READY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedConcurrency:
    """The provisioned concurrency of one version, and how far it is."""

    function: FunctionName
    qualifier: Qualifier
    """The version or alias it was asked for."""
    version: Qualifier
    """The version that has the environments."""
    requested: int
    allocated: int
    """Environments that were initialised for it."""
    available: int
    """Those of them that are there."""
    status: ProvisionedStatus
    reason: str | None
    """Why it has failed, or what it waits for."""
    last_modified: datetime


def already_provisioned(held: Qualifier, version: Qualifier) -> ConflictError:
    """A version has one configuration, here for `held`: itself, or an alias that means it.

    Source: recorded texts of ResourceConflictException.
    """
    if held == version:
        return ConflictError(
            "Alias can't be used for Provisioned Concurrency configuration on an already "
            "Provisioned version"
        )
    return ConflictError("Version is pointed by a Provisioned Concurrency alias")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConcurrency:
    """One function's part."""

    function: FunctionName
    reserved: int | None
    """`None`: nothing."""
    in_use: int
    """Invocations that have an environment now."""
    provisioned: int
    """Environments that are kept initialised for it."""
    refusal: str | None
    """Why what its function.toml reserves is not in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConcurrency:
    """All that may run at a time, and what does."""

    limit: int
    unreserved: int
    """For functions that reserve nothing, together."""
    in_use: int
    memory_budget_mb: int
    """What all containers may use together."""
    memory_used_mb: int
    """What those that there are may use."""
    in_line: int
    """Environments without a container yet: it is being made, or waits for its turn or for memory."""
    functions: tuple[FunctionConcurrency, ...]
    """Sorted by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Who was promised how much of the account's concurrency.

    `with_…` answer with other shares, or raise what Lambda would refuse them with.
    """

    limit: int
    """Of the account. 1 or more."""
    reserved: Mapping[FunctionName, int] = field(default_factory=dict)
    provisioned: Mapping[ProvisionedKey, int] = field(default_factory=dict)

    @property
    def unreserved(self) -> int:
        """What is left for functions that reserve nothing, without what they have provisioned."""
        return max(0, self._left)

    @property
    def minimum_unreserved(self) -> int:
        """What `unreserved` may not fall below: 100, but at most half of the limit, so that a small
        account can reserve something too.
        """
        return min(MINIMUM_UNRESERVED, self.limit // 2)

    def provisioned_of(self, function: FunctionName) -> int:
        """Provisioned by all versions of a function together."""
        return sum(count for (name, _), count in self.provisioned.items() if name == function)

    def on_demand_room(self, function: FunctionName) -> int:
        """How many invocations of a function with a reservation may run beside those that its
        provisioned environments are for.
        """
        return max(0, self.reserved[function] - self.provisioned_of(function))

    def explained(self, function: FunctionName, reason: ThrottleReason) -> str:
        """For a person: which limit it was, and where it is set."""
        if reason is ThrottleReason.RESERVED:
            held = self.reserved.get(function, 0)
            if held == 0:
                return f"{function} is switched off: it has reserved_concurrency = 0."
            apart = self.provisioned_of(function)
            besides = f", {apart} of them for what is provisioned" if apart else ""
            return (
                f"{function} may run {held} invocations at a time (reserved_concurrency){besides}."
            )
        besides = (
            f", {self.unreserved:,} of them unreserved" if self.unreserved < self.limit else ""
        )
        return (
            f"The account may run {self.limit:,} invocations at a time ([account] concurrency)"
            f"{besides}."
        )

    def with_reserved(self, function: FunctionName, count: int | None) -> Shares:
        """`function` reserves `count`, or nothing. Raises `InvalidParameter`, `ConstraintViolated`."""
        others = {name: held for name, held in self.reserved.items() if name != function}
        if count is None:
            return replace(self, reserved=others)
        if count < 0:
            raise ConstraintViolated(
                str(count),
                member="reservedConcurrentExecutions",
                constraint="Member must have value greater than or equal to 0",
            )
        changed = replace(self, reserved={**others, function: count})
        if self._falls_short(changed):
            raise InvalidParameter(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                "UnreservedConcurrentExecution below its minimum value of "
                f"[{self.minimum_unreserved}].",
                parameter="ReservedConcurrentExecutions",
            )
        total = self.provisioned_of(function)
        if count < total:
            raise InvalidParameter(
                f" ReservedConcurrentExecutions  {count} should not be lower than function's total "
                f"provisioned concurrency [{total}].",
                parameter="ReservedConcurrentExecutions",
            )
        return changed

    def with_provisioned(
        self, function: FunctionName, version: Qualifier, count: int | None
    ) -> Shares:
        """`version` has `count` provisioned, or none. Raises `InvalidParameter`,
        `ConstraintViolated`.
        """
        key = (function, version)
        others = {each: held for each, held in self.provisioned.items() if each != key}
        if count is None:
            return replace(self, provisioned=others)
        if version == LATEST:
            raise InvalidParameter(
                "Provisioned Concurrency Configs cannot be applied to unpublished function "
                "versions.",
                parameter="Qualifier",
            )
        if count < 1:
            raise ConstraintViolated(
                str(count),
                member="provisionedConcurrentExecutions",
                constraint="Member must have value greater than or equal to 1",
            )
        changed = replace(self, provisioned={**others, key: count})
        parameter = "ProvisionedConcurrentExecutions"
        if function in self.reserved:
            if changed.provisioned_of(function) > self.reserved[function]:
                raise InvalidParameter(
                    "Requested Provisioned Concurrency should not be greater than the "
                    "reservedConcurrentExecution for function",
                    parameter=parameter,
                )
        elif count > self.limit:
            raise InvalidParameter(
                "Specified ConcurrentExecutions for function is greater than account's unreserved "
                f"concurrency [{self.limit}].",
                parameter=parameter,
            )
        elif self._falls_short(changed):
            raise InvalidParameter(
                "Specified ConcurrentExecutions for function decreases account's "
                "UnreservedConcurrentExecution below its minimum value of "
                f"[{self.minimum_unreserved}].",
                parameter=parameter,
            )
        return changed

    @property
    def _left(self) -> int:
        """Less than nothing where the limit was lowered below what is promised."""
        apart = sum(
            count for (name, _), count in self.provisioned.items() if name not in self.reserved
        )
        return self.limit - sum(self.reserved.values()) - apart

    def _falls_short(self, changed: Shares) -> bool:
        """A change that takes away from the unreserved pool leaves too little of it."""
        return changed._left < min(self.minimum_unreserved, self._left)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOut:
    """What came of the reservations that the project's files ask for."""

    shares: Shares
    refused: Mapping[FunctionName, WorkbenchError]
    """Reservations that do not fit and are not in force, with Lambda's message."""


def share_out(
    limit: int,
    reservations: Mapping[FunctionName, int],
    provisioned: Mapping[ProvisionedKey, int],
) -> SharedOut:
    """Reserve what fits, function by function in the order of their names."""
    shares = Shares(limit=limit, provisioned=provisioned)
    refused: dict[FunctionName, WorkbenchError] = {}
    for function in sorted(reservations):
        try:
            shares = shares.with_reserved(function, reservations[function])
        except (InvalidParameter, ConstraintViolated) as error:
            refused[function] = error
    return SharedOut(shares=shares, refused=refused)


class Standing(NamedTuple):
    """What bears on whether one more invocation may run: counts of invocations."""

    limit: int
    """Of the account."""
    in_use: int
    """Of the account."""
    provisioned: int
    """Of the version."""
    provisioned_in_use: int
    """Invocations of the version, which may be more."""
    room: int
    """Of the function's reservation beside what it has provisioned, or of the unreserved pool."""
    room_in_use: int
    reserves: bool
    """The room is the function's own."""


def refusal(standing: Standing) -> ThrottleReason | None:
    """Why it may not run; `None`: it may."""
    if (
        standing.provisioned_in_use >= standing.provisioned
        and standing.room_in_use >= standing.room
    ):
        return ThrottleReason.RESERVED if standing.reserves else ThrottleReason.ACCOUNT
    # Only while a change of the shares takes effect: others still hold what is promised here now.
    return ThrottleReason.ACCOUNT if standing.in_use >= standing.limit else None
