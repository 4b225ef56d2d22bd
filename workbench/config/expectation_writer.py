r"""Records an expectation from a run, as a file its author will want to edit.

What differs from run to run (UUIDs, times) becomes `*`. What TOML cannot say (null, a number that
is none) is left out, where comparing ignores it too. Invariant: the run it was recorded from meets
it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.config.files import write_atomically
from workbench.errors import AlreadyExists, InvalidParameter
from workbench.expression import expression
from workbench.model.invocation import InvocationRecord, OutcomeKind

_PASSING = expression(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
)
"""UUIDs and ISO times."""
_BARE = expression(r"[A-Za-z0-9_-]+")
_IDENTIFIER = expression(r"[A-Za-z_][A-Za-z0-9_]*")  # Source: JMESPath grammar, unquoted-string
_SURROGATE = expression("[\ud800-\udfff]+")
"""JSON can hold half of a character; UTF-8 cannot."""
_DEEPEST = 16
_LARGEST_BYTES = 64 * 1024
"""Of a response that is worth writing down."""
_NOTHING = object()


def write_expectation(path: Path, record: InvocationRecord, *, overwrite: bool = False) -> None:
    """Write down how `record` ended as what is expected from now on.

    Raises `AlreadyExists` unless `overwrite`, and `InvalidParameter` for a run that has not ended
    or ended in a way nobody can expect.
    """
    try:
        write_atomically(path, expectation_of(record), overwrite=overwrite)
    except FileExistsError as error:
        raise AlreadyExists(f"{path} exists already.") from error


def expectation_of(record: InvocationRecord) -> bytes:
    """The content of the file. Raises `InvalidParameter` as above."""
    return "".join(f"{line}\n" for line in _lines(record)).encode()


def _lines(record: InvocationRecord) -> Iterator[str]:
    outcome = record.outcome
    if outcome is None or outcome.kind in (
        OutcomeKind.STOPPED,
        OutcomeKind.LOST,
        OutcomeKind.NOT_STARTED,
    ):
        raise InvalidParameter(
            "Only a run that ended by itself says what to expect.", parameter="request_id"
        )
    yield f"# Recorded from run {record.request_id}. Remove what does not matter."
    yield f'outcome = "{outcome.kind}"'
    if outcome.error_type is not None:
        yield f"error_type = {_text(outcome.error_type)}"
    if outcome.kind is OutcomeKind.SUCCESS and len(outcome.payload) <= _LARGEST_BYTES:
        yield from _response(outcome.payload)


def _response(payload: bytes) -> Iterator[str]:
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):
        return
    members: dict[str, Any] = answer if isinstance(answer, dict) else {"": answer}
    written = [
        (_expression(key) if members is answer else '"@"', value)
        for key, member in members.items()
        if (value := _value(member, 0)) is not _NOTHING and not _SURROGATE.search(key)
    ]
    if written:
        yield ""
        yield "[response]"
        yield from (f"{expression} = {value}" for expression, value in written)


def _expression(key: str) -> str:
    """The JMESPath of a member, as a TOML key."""
    path = key if _IDENTIFIER.fullmatch(key) else json.dumps(key)
    return path if _BARE.fullmatch(path) else _text(path, stars=False)


def _value(value: Any, depth: int) -> Any:
    """A JSON value as TOML; `_NOTHING` for what cannot be said and need not be."""
    if value is None or depth > _DEEPEST:
        return _NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return repr(value) if math.isfinite(value) else _NOTHING
    if isinstance(value, list):
        elements = [_value(element, depth + 1) for element in value]
        # An array is compared as a whole: without one element nothing can be said of it.
        return _NOTHING if _NOTHING in elements else f"[{', '.join(elements)}]"
    members = {key: _value(member, depth + 1) for key, member in value.items()}
    inside = ", ".join(
        f"{key if _BARE.fullmatch(key) else _text(key, stars=False)} = {member}"
        for key, member in members.items()
        if member is not _NOTHING and not _SURROGATE.search(key)
    )
    return f"{{ {inside} }}" if inside else "{}"


def _text(text: str, *, stars: bool = True) -> str:
    """A TOML basic string; with `stars`, one that is compared: `*` escaped, what passes made `*`."""
    if stars:
        text = _PASSING.sub("*", text.replace("*", "\\*"))
        text = _SURROGATE.sub("*", text)
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
