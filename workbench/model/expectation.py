"""What is expected of the answer to a saved event, and how an answer is held against it.

Pure: a record and its log go in, mismatches come out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.model.invocation import InvocationRecord, LogEntry, OutcomeKind
from workbench.model.terminal_text import plain, safe
from workbench.values import dataclass

_SHOWN_CHARACTERS = 200
_MISSING = object()
_OF_ITS_OWN = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
"""What jmespath lets through when an expression does not suit an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One thing that is not as expected. `str()` is a sentence, safe for a terminal."""

    subject: str
    """`outcome`, `response total`, `logs`, …"""
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.subject}: expected {self.expected}, found {self.found}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    r"""What `NAME.expect.toml` says. Without that file: success, whatever the response.

    In expected text `*` stands for any text, and `*` alone for any value but null; `\*` is a star.
    Numbers are compared as JSON does (1 is 1.0, true is not 1). Of an object only the members that
    are named are compared; arrays must be as long as expected.
    """

    outcome: OutcomeKind = OutcomeKind.SUCCESS
    error_type: str | None = None
    response: tuple[tuple[str, Any], ...] = ()
    """JMESPath expressions, checked when they were read, and the JSON value of each."""
    max_duration_ms: float | None = None
    """Of REPORT's Duration: without waiting, starting and init."""
    logs_contain: tuple[str, ...] = ()
    """Each must be found within some log entry, Lambda's own lines included."""
    logs_exclude: tuple[str, ...] = ()

    def check(self, record: InvocationRecord, logs: Sequence[LogEntry]) -> tuple[Mismatch, ...]:
        """Everything that is not as expected; nothing, when all is."""
        return (
            *self._outcome(record),
            *self._response(record),
            *self._duration(record),
            *self._logs(logs),
        )

    def _outcome(self, record: InvocationRecord) -> Iterator[Mismatch]:
        outcome = record.outcome
        if outcome is None:
            yield Mismatch(subject="outcome", expected=str(self.outcome), found="none yet: it runs")
            return
        if outcome.kind is not self.outcome:
            why = f" ({outcome.error_type}: {outcome.error_message})" if outcome.error_type else ""
            yield Mismatch(
                subject="outcome", expected=str(self.outcome), found=_cut(f"{outcome.kind}{why}")
            )
        if self.error_type is not None and not like(self.error_type, outcome.error_type):
            yield Mismatch(
                subject="error type", expected=self.error_type, found=outcome.error_type or "none"
            )

    def _response(self, record: InvocationRecord) -> Iterator[Mismatch]:
        if not self.response or record.outcome is None:
            return
        try:
            answer = json.loads(record.outcome.payload)
        except (ValueError, RecursionError):
            yield Mismatch(
                subject="response",
                expected="JSON",
                found=_cut(record.outcome.payload.decode("utf-8", "replace")) or "nothing",
            )
            return
        for expression, expected in self.response:
            found = _search(expression, answer)
            if not like(expected, found):
                yield Mismatch(
                    subject=f"response {expression}", expected=_shown(expected), found=_shown(found)
                )

    def _duration(self, record: InvocationRecord) -> Iterator[Mismatch]:
        if self.max_duration_ms is None:
            return
        measured = record.measurements
        if measured is None or measured.duration_ms > self.max_duration_ms:
            yield Mismatch(
                subject="duration",
                expected=f"at most {self.max_duration_ms:g} ms",
                found="none measured" if measured is None else f"{measured.duration_ms:.2f} ms",
            )

    def _logs(self, logs: Sequence[LogEntry]) -> Iterator[Mismatch]:
        texts = [plain(entry.text) for entry in logs]
        for wanted in self.logs_contain:
            if not any(_within(wanted, text) for text in texts):
                yield Mismatch(
                    subject="logs",
                    expected=f"a line with {_shown(wanted)}",
                    found=f"none in {len(texts)} entries",
                )
        for unwanted in self.logs_exclude:
            line = next((text for text in texts if _within(unwanted, text)), None)
            if line is not None:
                yield Mismatch(
                    subject="logs", expected=f"no line with {_shown(unwanted)}", found=_shown(line)
                )


def like(expected: Any, found: Any) -> bool:
    """Is a JSON value as expected? See `Expectation`."""
    if isinstance(expected, str):
        if expected == "*":
            return found is not None and found is not _MISSING
        return isinstance(found, str) and _pattern(expected).fullmatch(found) is not None
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and all(
            like(value, found.get(key, _MISSING)) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(expected) == len(found)
            and all(map(like, expected, found))
        )
    return bool(expected == found)


def _within(expected: str, text: str) -> bool:
    return _pattern(expected).search(text) is not None


def _pattern(expected: str) -> re.Pattern[str]:
    r"""`*` matches anything, `\*` a star, all else itself."""
    parts = re.findall(r"\\\*|\*|[^*\\]+|\\", expected)
    return re.compile(
        "".join(".*" if part == "*" else re.escape(part.replace("\\*", "*")) for part in parts),
        re.DOTALL,
    )


def _search(expression: str, answer: Any) -> Any:
    import jmespath  # 20 ms that only a replay needs

    try:
        return jmespath.search(expression, answer)
    except (jmespath.exceptions.JMESPathError, *_OF_ITS_OWN) as error:
        return _Failed(next(iter(str(error).splitlines()), type(error).__name__))


@dataclass(frozen=True, slots=True)
class _Failed:
    """An expression that could not be evaluated on this answer. Like nothing."""

    why: str


def _shown(value: Any) -> str:
    if isinstance(value, _Failed):
        return f"an error ({_cut(value.why)})"
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str) -> str:
    text = " ".join(plain(safe(text)).split("\n"))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
