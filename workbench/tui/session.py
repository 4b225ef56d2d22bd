"""What the screen remembers from one time to the next: `.workbench/session.json`.

Invariant: written whole or not at all, and read without trust: whatever in it is not understood is
as if it were not there. It is a convenience; deleting it loses drafts that were never saved, no more.
"""

from __future__ import annotations

import json
import os
from dataclasses import field
from pathlib import Path
from typing import Any

from workbench.model.names import FunctionName
from workbench.tui.drafts import EDITABLE_BYTES, Draft
from workbench.values import dataclass

_FORMAT = 1
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """All of it."""

    function: FunctionName | None = None
    open_events: dict[FunctionName, str | None] = field(default_factory=dict)
    drafts: tuple[tuple[FunctionName, Draft], ...] = ()
    """Only what differs from the disk; `Draft.saved` is not kept."""
    tab: str | None = None
    theme: str | None = None
    ascii_only: bool | None = None
    """`None`: as the terminal says."""
    welcomed: bool = False
    """The card of the first start was shown."""


def session_path(root: Path) -> Path:
    """Where a project's session is kept."""
    return root / ".workbench" / "session.json"


def read_session(path: Path) -> Session:
    """What was kept; an empty one when there is none or it cannot be understood."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return Session()
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return Session()
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        return Session()
    return Session(
        function=_function(found.get("function")),
        open_events=_open_events(found.get("open")),
        drafts=_drafts(found.get("drafts")),
        tab=_text(found.get("tab")),
        theme=_text(found.get("theme")),
        ascii_only=found["ascii"] if isinstance(found.get("ascii"), bool) else None,
        welcomed=found.get("welcomed") is True,
    )


def write_session(path: Path, session: Session) -> None:
    """Keep it. Blocking. Raises `OSError`."""
    text = json.dumps(
        {
            "format": _FORMAT,
            "function": session.function,
            "open": session.open_events,
            "drafts": [
                {
                    "function": name,
                    "event": draft.event,
                    "text": draft.text,
                    "cursor": draft.cursor,
                }
                for name, draft in session.drafts
            ],
            "tab": session.tab,
            "theme": session.theme,
            "ascii": session.ascii_only,
            "welcomed": session.welcomed,
        },
        indent=1,
    )
    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # drafts may hold what is nobody else's business
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _function(value: Any) -> FunctionName | None:
    text = _text(value)
    return None if text is None else FunctionName(text)


def _open_events(value: Any) -> dict[FunctionName, str | None]:
    if not isinstance(value, dict):
        return {}
    return {
        FunctionName(name): event
        for name, event in value.items()
        if event is None or isinstance(event, str)
    }


def _drafts(value: Any) -> tuple[tuple[FunctionName, Draft], ...]:
    found: list[tuple[FunctionName, Draft]] = []
    for each in value if isinstance(value, list) else ():
        if not isinstance(each, dict):
            continue
        name, text, event = _function(each.get("function")), each.get("text"), each.get("event")
        if name is None or not isinstance(text, str) or len(text) > EDITABLE_BYTES:
            continue
        found.append(
            (
                name,
                Draft(
                    event=_text(event), saved=None, text=text, cursor=_cursor(each.get("cursor"))
                ),
            )
        )
    return tuple(found)


def _cursor(value: Any) -> tuple[int, int]:
    if (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(each, int) and 0 <= each < EDITABLE_BYTES for each in value)
    ):
        return value[0], value[1]
    return 0, 0
