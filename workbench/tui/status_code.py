"""The `statusCode` of an answer to an HTTP event, for the frame of the result."""

from __future__ import annotations

import json

_MOST_BYTES = 64 * 1024


def status_code(payload: bytes) -> str | None:
    """`200`, where the answer is an object that says so; large answers are not looked into."""
    if len(payload) > _MOST_BYTES or b'"statusCode"' not in payload:
        return None
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    code = found.get("statusCode") if isinstance(found, dict) else None
    return str(code) if isinstance(code, int) and 100 <= code <= 599 else None
