"""Lambda's Invoke operation as HTTP carries it: requests read, answers written. Pure.

Invariant: whatever arrives, `parse_call` answers with a call or raises `RequestError`, nothing else.

Source of names, limits and texts: API model of 2015-03-31, Invoke; answers recorded from AWS
(docs/compatibility.md, "The endpoint").
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar
from urllib.parse import parse_qsl, unquote

from workbench.errors import (
    ConstraintViolated,
    InvalidParameter,
    InvalidRequestContent,
    UnknownOperation,
)
from workbench.model.invocation import Outcome
from workbench.model.names import Qualifier, RequestId, Target, qualifier, target
from workbench.values import dataclass

SERVED = "Invoke (POST /2015-03-31/functions/{FunctionName}/invocations)"

CLIENT_CONTEXT_BYTES = 3583
"""Of base64 text. Source: Lambda API reference, Invoke, X-Amz-Client-Context."""

_PREFIX = "/2015-03-31/functions/"
_SUFFIX = "/invocations"
_JSON = "application/json"

_NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_QUALIFIER_PATTERN = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
_NAME = re.compile(_NAME_PATTERN.replace(r"([a-zA-Z0-9-_\.]+)", r"(?P<name>[a-zA-Z0-9-_\.]+)"))
_NAME_LENGTH = 256
_SHORT_NAME_LENGTH = 64
_QUALIFIER_LENGTH = 128

_TRACE_ROOT = re.compile(r"1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}")
_TRACE_FIELD = re.compile(r"[A-Za-z]+=[\x21-\x3a\x3c-\x7e]+")
_TRACE_LENGTH = 1024
_Choice = TypeVar("_Choice", bound=StrEnum)
_TRACE_NAMES = {"root": "Root", "parent": "Parent", "sampled": "Sampled", "lineage": "Lineage"}


class InvocationType(StrEnum):
    """X-Amz-Invocation-Type, in the order in which Lambda's own message lists them."""

    EVENT = "Event"
    REQUEST_RESPONSE = "RequestResponse"
    DRY_RUN = "DryRun"


class LogType(StrEnum):
    """X-Amz-Log-Type."""

    NONE = "None"
    TAIL = "Tail"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeCall:
    """A request for Invoke, all but its body."""

    target: Target
    kind: InvocationType
    log_tail: bool
    client_context: bytes | None
    """JSON in one line, ASCII only: it becomes a header."""
    trace_id: str | None
    """`Root=…` first; `None` when none came, or one that X-Ray would not take."""
    cold: bool = False
    """It is to have a new environment. Ours: X-Workbench-Cold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back."""

    status: int
    headers: dict[str, str]
    body: bytes


# --- requests -------------------------------------------------------------------------------------


def parse_call(method: str, raw_target: str, headers: Mapping[str, str]) -> InvokeCall:
    """Read an Invoke request.

    raw_target is the request line's, still percent-encoded; `headers` have names in lower case.
    Raises `RequestError`.
    """
    path, _, query = raw_target.partition("?")
    label = path[len(_PREFIX) : -len(_SUFFIX)]
    served = (
        method == "POST"
        and path.startswith(_PREFIX)
        and path.endswith(_SUFFIX)
        and label != ""
        and "/" not in label
    )
    if not served:
        raise UnknownOperation(method, path, served=SERVED)
    return _parse_known(label, query, *map(headers.get, _HEADERS))


_HEADERS = (
    *("x-amz-invocation-type", "x-amz-log-type", "x-amz-client-context", "x-amzn-trace-id"),
    "x-workbench-cold",
)


@lru_cache(maxsize=256)  # clients ask for the same few things again and again
def _parse_known(  # noqa: PLR0913, PLR0917 - the headers that mean something
    label: str,
    query: str,
    kind: str | None,
    log_type: str | None,
    context: str | None,
    trace: str | None,
    cold: str | None,
) -> InvokeCall:
    return InvokeCall(
        target=parse_target(unquote(label), query),
        kind=_member(
            InvocationType,
            InvocationType.REQUEST_RESPONSE if kind is None else kind,
            member="invocationType",
        ),
        log_tail=_member(LogType, log_type or LogType.NONE, member="logType") is LogType.TAIL,
        client_context=None if context is None else parse_client_context(context),
        trace_id=parse_trace_id(trace or ""),
        cold=False if cold is None else parse_cold(cold),
    )


def parse_target(name: str, query: str) -> Target:
    """The function a request names, in its path and its query together."""
    named = _parse_name(name)
    if not query:
        return named
    asked = _parse_qualifiers(query)
    if asked is None or asked == named.qualifier:
        return named
    if named.qualifier is not None:
        raise InvalidParameter(
            "The derived qualifier from the function name does not match the specified qualifier.",
            parameter="Qualifier",
        )
    return Target(name=named.name, qualifier=asked, region=named.region, account=named.account)


def _parse_name(name: str) -> Target:
    if len(name) > _NAME_LENGTH:
        raise _too_long(name, "functionName", _NAME_LENGTH)
    try:
        return target(name)
    except InvalidParameter:
        match = _NAME.fullmatch(name)
        if match is not None and len(match["name"]) > _SHORT_NAME_LENGTH:
            # Source: recorded; this one check answers with the other exception.
            text = str(_too_long(name, "functionName", _SHORT_NAME_LENGTH))
            raise InvalidParameter(text, parameter="functionName") from None
        raise _unlike(name, "functionName", _NAME_PATTERN) from None


def _parse_qualifiers(query: str) -> Qualifier | None:
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise InvalidParameter("The query has too many fields.", parameter="Qualifier") from None
    found: Qualifier | None = None
    for key, value in fields:
        if key != "Qualifier":
            continue  # Lambda ignores what it does not know
        asked = _parse_qualifier(value)
        if found not in (None, asked):
            raise InvalidParameter(
                "The Qualifier is given twice, and not the same.", parameter="Qualifier"
            )
        found = asked
    return found


def _parse_qualifier(text: str) -> Qualifier:
    if len(text) > _QUALIFIER_LENGTH:
        raise _too_long(text, "qualifier", _QUALIFIER_LENGTH)
    if not text:
        raise ConstraintViolated(
            text,
            member="qualifier",
            constraint="Member must have length greater than or equal to 1",
        )
    try:
        return qualifier(text)
    except InvalidParameter:
        raise _unlike(text, "qualifier", _QUALIFIER_PATTERN) from None


def parse_client_context(text: str) -> bytes:
    """X-Amz-Client-Context as the runtime is handed it: decoded, in one line of ASCII."""
    if len(text) > CLIENT_CONTEXT_BYTES:
        raise _too_long(text, "clientContext", CLIENT_CONTEXT_BYTES)
    try:
        parsed = json.loads(
            base64.b64decode(text, validate=True).decode(), parse_constant=_refuse_constant
        )
        line = json.dumps(parsed, separators=(",", ":")).encode("ascii")
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        # Source: recorded text (boto3 issue 2153).
        raise InvalidRequestContent(
            "Client context must be a valid Base64-encoded JSON object."
        ) from None
    return line


def parse_cold(text: str) -> bool:
    """X-Workbench-Cold: `true` or `false`."""
    known = {"true": True, "false": False}.get(text.strip().lower())
    if known is None:
        raise InvalidParameter(
            f"X-Workbench-Cold is true or false, not {text!r:.40}.", parameter="X-Workbench-Cold"
        )
    return known


def parse_trace_id(header: str) -> str | None:
    """X-Amzn-Trace-Id as it is handed on; `None` when it has no root that X-Ray would take.

    Source: X-Ray Developer Guide, "Tracing header". What is not understood is left out, so that
    nothing a caller writes can break the header it becomes.
    """
    if not header or len(header) > _TRACE_LENGTH:
        return None
    fields: dict[str, str] = {}
    for part in header.split(";"):
        field = part.strip()
        if _TRACE_FIELD.fullmatch(field):
            key, _, value = field.partition("=")
            fields.setdefault(_TRACE_NAMES.get(key.lower(), key), value)
    root = fields.pop("Root", "")
    if not _TRACE_ROOT.fullmatch(root):
        return None
    fields.setdefault("Sampled", "0")
    return ";".join((f"Root={root}", *(f"{key}={value}" for key, value in fields.items())))


def _member(kind: type[_Choice], value: str, *, member: str) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        raise ConstraintViolated(
            value,
            member=member,
            constraint=f"Member must satisfy enum value set: [{', '.join(kind)}]",
        ) from None


def _too_long(value: str, member: str, limit: int) -> ConstraintViolated:
    return ConstraintViolated(
        value, member=member, constraint=f"Member must have length less than or equal to {limit}"
    )


def _unlike(value: str, member: str, pattern: str) -> ConstraintViolated:
    return ConstraintViolated(
        value,
        member=member,
        constraint=f"Member must satisfy regular expression pattern: {pattern}",
    )


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


# --- answers --------------------------------------------------------------------------------------


def invoked(
    outcome: Outcome, *, request_id: RequestId, version: Qualifier, trace_id: str
) -> Answer:
    """A RequestResponse that ran, well or not: 200 either way."""
    headers = {
        "Content-Type": _JSON,
        "x-amzn-RequestId": request_id,
        "x-amzn-Remapped-Content-Length": "0",
        "X-Amz-Executed-Version": version,
        "X-Amzn-Trace-Id": _traced(trace_id),
    }
    function_error = outcome.function_error
    if function_error is not None:
        headers["X-Amz-Function-Error"] = function_error
    return Answer(status=200, headers=headers, body=outcome.payload)


def with_log_tail(answer: Answer, tail: bytes) -> Answer:
    """The same, with the end of its log."""
    headers = answer.headers | {"X-Amz-Log-Result": base64.b64encode(tail).decode("ascii")}
    return Answer(status=answer.status, headers=headers, body=answer.body)


def dry_run(*, request_id: RequestId) -> Answer:
    """It would be accepted."""
    headers = {"x-amzn-RequestId": request_id, "x-amzn-Remapped-Content-Length": "0"}
    return Answer(status=204, headers=headers, body=b"")


def _traced(trace_id: str) -> str:
    """Source: recorded; the answer has the root and the sampling decision, in small letters."""
    root, _, rest = trace_id.partition(";")
    if rest == "Sampled=0" and root.startswith("Root="):  # as all of our own are
        return f"root={root[5:]};sampled=0"
    fields = dict(part.partition("=")[::2] for part in trace_id.split(";"))
    return f"root={fields.get('Root', '')};sampled={fields.get('Sampled', '0')}"
