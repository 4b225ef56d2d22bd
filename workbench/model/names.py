"""Identifiers, each its own type, and the texts they are read from.

Source of the rules: Lambda API reference; names in the API model of 2015-03-31.
"""

from __future__ import annotations

from typing import NewType

from workbench.errors import InvalidParameter
from workbench.expression import expression
from workbench.values import dataclass

FunctionName = NewType("FunctionName", str)
"""1-64 of letters, digits, - and _."""

Qualifier = NewType("Qualifier", str)
"""`$LATEST`, a version number, or an alias."""

RequestId = NewType("RequestId", str)
"""A UUID, lower case, with dashes."""

EnvironmentId = NewType("EnvironmentId", str)
"""32 hex digits: the suffix of the environment's log stream."""

RuntimeName = NewType("RuntimeName", str)
"""Lambda's own identifier: `python3.13`, `nodejs22.x`, `provided.al2023`."""

LATEST = Qualifier("$LATEST")

_FUNCTION_NAME = expression(r"[a-zA-Z0-9-_]{1,64}")
_QUALIFIER = expression(r"\$LATEST|[a-zA-Z0-9-_]{1,128}")
_EVENT_NAME = expression(r"[a-zA-Z0-9._-]{1,100}")
_ARN = expression(
    r"(?:arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):)?"
    r"(?:(?P<account>[0-9]{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_]{1,64})(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]{1,128}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A function as a caller names it: `orders`, `orders:live`, or any ARN form of it."""

    name: FunctionName
    qualifier: Qualifier | None = None
    """`None` when the caller gave none; the ARN handed to the runtime then has none either."""
    region: str | None = None
    account: str | None = None

    def __str__(self) -> str:
        return self.name if self.qualifier is None else f"{self.name}:{self.qualifier}"


def function_name(text: str) -> FunctionName:
    """Check a function name."""
    if not _FUNCTION_NAME.fullmatch(text):
        raise InvalidParameter(
            f"{text!r} cannot be a function name: use 1 to 64 letters, digits, - and _.",
            parameter="functionName",
        )
    return FunctionName(text)


def qualifier(text: str) -> Qualifier:
    """Check a qualifier."""
    if not _QUALIFIER.fullmatch(text):
        raise InvalidParameter(
            f"{text!r} cannot be a qualifier: use $LATEST, a version number or an alias.",
            parameter="qualifier",
        )
    return Qualifier(text)


def event_name(text: str) -> str:
    """Check the name of a saved event: it becomes a file name, so no separators and no dot first."""
    if not _EVENT_NAME.fullmatch(text) or text.startswith("."):
        raise InvalidParameter(
            f"{text!r} cannot be an event name: use letters, digits, '.', '-' and '_', "
            "not starting with a dot.",
            parameter="event",
        )
    return text


def target(text: str) -> Target:
    """Read a function reference in any of the forms Lambda takes.

    Source: Lambda API reference, Invoke, FunctionName: name, `name:qualifier`, partial ARN, ARN.
    """
    match = _ARN.fullmatch(text)
    if match is None:
        raise InvalidParameter(
            f"{text!r} does not name a function: use NAME, NAME:QUALIFIER or a function ARN.",
            parameter="functionName",
        )
    found = match["qualifier"]
    return Target(
        name=FunctionName(match["name"]),
        qualifier=None if found is None else Qualifier(found),
        region=match["region"],
        account=match["account"],
    )


def function_arn(name: FunctionName, named: Qualifier | None, *, region: str, account: str) -> str:
    """The function's ARN, qualified exactly as the caller named it."""
    arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
    return arn if named is None else f"{arn}:{named}"
