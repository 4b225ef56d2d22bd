"""What stands in the event editor, for every event of every function.

Invariant: nothing typed is lost by looking at something else, and what is sent is exactly what is
seen: the saved file byte for byte as long as nothing was typed, else the text in UTF-8.
"""

from __future__ import annotations

import json
from dataclasses import field, replace

from workbench.model.names import FunctionName
from workbench.values import dataclass

EDITABLE_BYTES = 256 * 1024
"""Measured: a text area takes 0.1 s to load this much; more is shown, and edited in $EDITOR."""
_EDITABLE_LINE = 16 * 1024
EMPTY = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Why a text is not JSON."""

    line: int
    """From 1, as `column`."""
    column: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


def flaw_of(text: str | bytes) -> Flaw | None:
    """Why `text` is not JSON, by the same parser that will judge it; `None` when it is."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return Flaw(line=error.lineno, column=error.colno, message=error.msg)
    except UnicodeDecodeError as error:
        return Flaw(line=1, column=1, message=f"not UTF-8 from byte {error.start + 1} on")
    except (ValueError, RecursionError) as error:
        return Flaw(line=1, column=1, message=str(error) or "nested too deeply")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One event as it stands in the editor."""

    event: str | None
    """Its name; `None` until it is saved for the first time."""
    saved: bytes | None
    """As it is on disk; `None` when it is not."""
    text: str | None = None
    """What was typed; `None` while nothing was."""
    cursor: tuple[int, int] = (0, 0)

    @property
    def dirty(self) -> bool:
        """It differs from what is saved."""
        return self.text is not None

    @property
    def payload(self) -> bytes:
        """What a run sends."""
        if self.text is not None:
            return self.text.encode("utf-8", "surrogatepass")
        return EMPTY if self.saved is None else self.saved

    @property
    def shown(self) -> str | None:
        """The text for the editor; `None`: too large for it, or no text at all."""
        if self.text is not None:
            return self.text
        payload = self.payload
        if len(payload) > EDITABLE_BYTES:
            return None
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError:
            return None
        longest = max((len(line) for line in text.splitlines()), default=0)
        return None if longest > _EDITABLE_LINE else text

    def typed(self, text: str, *, unchanged: str) -> Draft:
        """The editor now holds `text`; `unchanged` is what it held before anything was typed."""
        return replace(self, text=None if text == unchanged and self.saved is not None else text)


@dataclass(slots=True)
class Drafts:
    """All of them, and which one each function has open."""

    _open: dict[FunctionName, str | None] = field(default_factory=dict)
    _drafts: dict[tuple[FunctionName, str | None], Draft] = field(default_factory=dict)

    def opened(self, function: FunctionName) -> str | None:
        """The event a function has open; `None`: a new one, or none was ever opened."""
        return self._open.get(function)

    def knows(self, function: FunctionName) -> bool:
        """Something was opened for it."""
        return function in self._open

    def current(self, function: FunctionName) -> Draft:
        """What the editor shows for it."""
        event = self._open.get(function)
        return self._drafts.get((function, event)) or Draft(event=event, saved=None)

    def get(self, function: FunctionName, event: str | None) -> Draft | None:
        return self._drafts.get((function, event))

    def open(self, function: FunctionName, draft: Draft) -> None:
        """Make it the one shown."""
        self._open[function] = draft.event
        self._drafts[function, draft.event] = draft

    def put(self, function: FunctionName, draft: Draft) -> None:
        """Keep it, shown or not."""
        self._drafts[function, draft.event] = draft

    def saved(self, function: FunctionName, event: str, payload: bytes) -> Draft:
        """What is shown was saved as `event`."""
        before = self.current(function)
        draft = Draft(event=event, saved=payload, cursor=before.cursor)
        self._drafts.pop((function, before.event), None)
        self.open(function, draft)
        return draft

    def drop(self, function: FunctionName, event: str | None) -> None:
        """It is gone, and nothing is shown in its place yet."""
        self._drafts.pop((function, event), None)
        if self._open.get(function) == event:
            self._open.pop(function, None)

    def unsaved(self) -> list[tuple[FunctionName, Draft]]:
        """Everything typed that is on no disk."""
        return [(name, draft) for (name, _), draft in self._drafts.items() if draft.dirty]

    def places(self) -> dict[FunctionName, str | None]:
        """What each function has open."""
        return dict(self._open)
