"""`expression`: a regular expression that is compiled when it is first used.

A module has its expressions at the top, where they are read, and half of them are for what a command
never comes to; compiling them all took a tenth of the time until anything was imported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

__all__ = ["expression"]

if TYPE_CHECKING:
    from re import compile as expression
else:

    class expression:  # noqa: N801 - called as `re.compile` is
        """`re.compile`, later. Raises `re.error` when it is first used."""

        def __init__(self, text: str, flags: int = 0) -> None:
            self._stated = (text, flags)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            found = getattr(re.compile(*self._stated), name)
            setattr(self, name, found)  # from now on as quick as the pattern's own
            return found
