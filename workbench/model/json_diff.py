"""Two JSON values held against each other, path by path. Pure.

Paths are written so that what is told can be left out by the same words: `items[0].id`,
`"odd key".x`, `$` for the whole; in what is left out `*` is any key and `[*]` any place of a list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from workbench.errors import InvalidParameter
from workbench.expression import expression
from workbench.model.difference import ChangeType
from workbench.values import dataclass

Path = tuple[str | int, ...]
"""Keys of objects and places of lists, from 0."""
Pattern = tuple[str | int | None, ...]
"""`None` is any. A number is a key of that name too."""

_PLAIN = expression(r"[A-Za-z_][A-Za-z0-9_-]*")
_STEP = expression(
    r'\.?(?:\[(?P<place>\d{1,15}|\*)\]|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<any>\*)|(?P<name>[^\s."\[\]*]+))'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonChange:
    """What is not the same at one path."""

    path: Path
    type: ChangeType
    a: Any
    """`None` where it was added; JSON's null is `None` too."""
    b: Any

    @property
    def where(self) -> str:
        """The path, as it is written."""
        return path_text(self.path)


def json_value(payload: bytes) -> Any:
    """JSON as its value, anything else as its text."""
    text = payload.decode("utf-8", errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def json_changes(
    a: Any, b: Any, *, ignored: Sequence[Pattern] = (), limit: int = 1000
) -> tuple[JsonChange, ...]:
    """What becomes of `a` on the way to `b`, in the order of keys and places, at most `limit`.

    Lists are compared place by place; a string that is itself an object or a list, as API Gateway's
    `body`, is looked into. `ignored`: nothing at or below these is told.
    """
    found = []
    for change in _changes(a, b, ignored):
        found.append(change)
        if len(found) == limit:
            break
    return tuple(found)


def path_text(path: Path) -> str:
    """As `pattern` reads it."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _PLAIN.fullmatch(step) else json.dumps(step))
    return text or "$"


def pattern(text: str) -> Pattern:
    """Read a path. Raises `InvalidParameter`."""
    rest = text.removeprefix("$")
    found: list[str | int | None] = []
    at = 0
    while at < len(rest):
        match = _STEP.match(rest, at)
        if match is None:
            raise InvalidParameter(
                f"{text!r} is no path. Write it as items[0].id, with * for any key and [*] for "
                'any place, and other keys in quotes: "odd key".id',
                parameter="--ignore",
            )
        found.append(_step(match.groupdict(), text))
        at = match.end()
    return tuple(found)


# --- inside -------------------------------------------------------------------------------------------


def _step(match: dict[str, str | None], text: str) -> str | int | None:
    place, quoted, name = match["place"], match["quoted"], match["name"]
    if quoted is not None:
        try:
            return str(json.loads(quoted, strict=False))
        except ValueError as error:
            raise InvalidParameter(
                f"{text!r} is no path: {quoted} is no JSON string.", parameter="--ignore"
            ) from error
    if place is not None:
        return None if place == "*" else int(place)
    if name is None:
        return None
    return (
        int(name) if name.isascii() and name.isdigit() and len(name) <= len("999999999") else name
    )


def _changes(a: Any, b: Any, ignored: Sequence[Pattern]) -> Iterator[JsonChange]:
    """Without recursion: a function may answer with a thousand brackets."""
    pending: list[tuple[Path, Any, Any]] = [((), a, b)]
    while pending:
        path, one, other = pending.pop()
        if any(_matches(path, each) for each in ignored):
            continue
        one, other = _looked_into(one, other)
        if isinstance(one, dict) and isinstance(other, dict):
            inner: Sequence[str] | Sequence[int] = sorted(one.keys() | other.keys())
        elif isinstance(one, list) and isinstance(other, list):
            inner = range(max(len(one), len(other)))
        else:
            if (change := _change(path, one, other)) is not None:
                yield change
            continue
        keys: Iterator[str | int] = reversed(inner)
        pending += [((*path, key), _at(one, key), _at(other, key)) for key in keys]


class _Missing:
    """Not there."""


_MISSING = _Missing()


def _at(whole: Any, key: str | int) -> Any:
    if isinstance(whole, dict):
        return whole.get(key, _MISSING)
    return whole[key] if isinstance(key, int) and key < len(whole) else _MISSING


def _change(path: Path, a: Any, b: Any) -> JsonChange | None:
    if a is _MISSING:
        return JsonChange(path=path, type=ChangeType.ADDED, a=None, b=b)
    if b is _MISSING:
        return JsonChange(path=path, type=ChangeType.REMOVED, a=a, b=None)
    if isinstance(a, bool) == isinstance(b, bool) and a == b:
        return None
    return JsonChange(path=path, type=ChangeType.CHANGED, a=a, b=b)


def _looked_into(a: Any, b: Any) -> tuple[Any, Any]:
    """Two strings that are objects or lists, as those."""
    if not (isinstance(a, str) and isinstance(b, str)) or a == b:
        return a, b
    if a[:1] not in ("{", "[") or b[:1] not in ("{", "["):
        return a, b
    one, other = json_value(a.encode("utf-8", "replace")), json_value(b.encode("utf-8", "replace"))
    return (a, b) if isinstance(one, str) or isinstance(other, str) else (one, other)


def _matches(path: Path, wanted: Pattern) -> bool:
    return len(path) == len(wanted) and all(
        step is None or step == here or (isinstance(step, int) and str(step) == here)
        for step, here in zip(wanted, path, strict=True)
    )
