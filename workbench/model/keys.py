"""Keys that variables of published versions are sealed with: their names, and what may be told of them."""

from __future__ import annotations

from typing import NewType

from workbench.errors import InvalidParameter
from workbench.expression import expression
from workbench.values import dataclass

KeyName = NewType("KeyName", str)
"""1-64 of letters, digits, - and _."""

DEFAULT_KEY = KeyName("default")
"""Of functions that name none, as Lambda's own `aws/lambda`."""

KEY_NAME = expression(r"[a-zA-Z0-9-_]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """One key, without what is secret of it."""

    name: str
    path: str
    """Its file."""
    generations: tuple[int, ...]
    """Oldest first; what is sealed now is sealed with the last. Several: a rotation did not end, or
    other projects are not sealed anew yet."""
    sealed: int
    """Values of this project that need it."""
    places: tuple[str, ...]
    """State folders of other projects that need it."""
    problem: str | None = None
    """Why its file cannot be used, a full sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What a rotation came to."""

    name: str
    generation: int
    """The new one."""
    resealed: int
    """Values of this project that were sealed anew."""
    unreadable: tuple[str, ...]
    """What they were about: values that no key here opens. They stay as they are."""
    kept: tuple[int, ...]
    """Older generations that something still needs."""
    places: tuple[str, ...]
    """State folders of other projects that need one of `kept`."""


def key_name(text: str) -> KeyName:
    """Check the name of a key: it becomes a file name. Raises `InvalidParameter`."""
    if not KEY_NAME.fullmatch(text):
        raise InvalidParameter(
            f"{text!r} cannot be the name of a key: use 1 to 64 letters, digits, - and _.",
            parameter="key",
        )
    return KeyName(text)
