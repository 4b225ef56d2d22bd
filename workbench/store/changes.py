"""What the history is told, as values, and as the journal's records of them.

Both ways into the database, live and from a journal left behind, carry these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from workbench.model.concurrency import InitializationType
from workbench.model.container import LogStream
from workbench.model.invocation import (
    Acceptance,
    InitSplit,
    InvocationRecord,
    LogEntry,
    Measurements,
    Origin,
    Outcome,
    OutcomeKind,
)
from workbench.model.names import EnvironmentId, FunctionName, Qualifier, RequestId, Target
from workbench.store.frames import Frame, FrameKind
from workbench.store.times import from_optional_us, from_us, to_optional_us, to_us

_T = TypeVar("_T")


class Ended(NamedTuple):
    """An invocation's outcome is settled."""

    request_id: RequestId
    outcome: Outcome
    environment_id: EnvironmentId | None
    cold: bool | None
    ended_at: datetime | None
    initialization_type: InitializationType | None = None


class Reported(NamedTuple):
    """Its figures are final."""

    request_id: RequestId
    measurements: Measurements | None
    log_lines: int
    log_bytes_dropped: int


class Logged(NamedTuple):
    """Log entries, in order."""

    entries: Sequence[LogEntry]


Change = Acceptance | Ended | Reported | Logged


def ended(record: InvocationRecord) -> Ended:
    """What a record adds to its acceptance once its outcome is known."""
    assert record.outcome is not None, "it has ended"
    return Ended(
        record.request_id,
        record.outcome,
        record.environment_id,
        record.cold,
        record.ended_at,
        record.initialization_type,
    )


def reported(record: InvocationRecord) -> Reported:
    """What it adds once its figures are final."""
    return Reported(
        record.request_id, record.measurements, record.log_lines, record.log_bytes_dropped
    )


# --- to the journal ---------------------------------------------------------------------------------

# Escaped ASCII, so that text with a lone surrogate (a file name in an error message) is written too.
# Measured: 1.4 µs for an acceptance.
_encoder = json.JSONEncoder(separators=(",", ":"))


def _made_once() -> Callable[[Any], str]:
    """`JSONEncoder.encode` makes its encoder anew with each call, which takes longer than using it."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    plain = (_encoder.default, json.encoder.encode_basestring_ascii)
    chunks = make(None, *plain, None, _encoder.key_separator, _encoder.item_separator, 0, 0, 1)
    return lambda value: "".join(chunks(value, 0))


_to_json = _made_once()


def encode(change: Change) -> tuple[FrameKind, bytes, bytes]:
    """Kind, metadata and payload of its frame."""
    payload = b""
    metadata: list[Any]
    if isinstance(change, Acceptance):
        kind, metadata, payload = FrameKind.ACCEPTED, _acceptance_list(change), change.payload
    elif isinstance(change, Ended):
        outcome = change.outcome
        kind, payload = FrameKind.ENDED, outcome.payload
        metadata = [
            change.request_id,
            outcome.kind,
            outcome.error_type,
            outcome.error_message,
            change.environment_id,
            change.cold,
            to_optional_us(change.ended_at),
            change.initialization_type,
        ]
    elif isinstance(change, Reported):
        kind, metadata = FrameKind.REPORTED, _report_list(change)
    else:
        kind, metadata = FrameKind.LOGGED, [_entry_list(entry) for entry in change.entries]
    return kind, _to_json(metadata).encode("ascii"), payload


def _acceptance_list(acceptance: Acceptance) -> list[Any]:
    target = acceptance.target
    return [
        acceptance.request_id,
        acceptance.function,
        acceptance.version,
        target.name,
        target.qualifier,
        target.region,
        target.account,
        acceptance.origin,
        acceptance.event,
        to_us(acceptance.accepted_at),
        acceptance.code_digest,
        acceptance.memory_mb,
        acceptance.timeout_s,
    ]


def _report_list(change: Reported) -> list[Any]:
    measured = change.measurements
    figures = None
    if measured is not None:
        figures = [
            measured.queued_ms,
            measured.container_ms,
            measured.init_ms,
            measured.duration_ms,
            measured.billed_ms,
            measured.memory_mb,
            measured.max_memory_bytes,
            measured.cpu_ms,
            measured.split.create_ms,
            measured.split.start_ms,
            measured.split.boot_ms,
            measured.split.import_ms,
            measured.split.claim_ms,
        ]
    return [change.request_id, figures, change.log_lines, change.log_bytes_dropped]


def _entry_list(entry: LogEntry) -> list[Any]:
    return [
        to_us(entry.at),
        entry.function,
        entry.environment_id,
        entry.request_id,
        entry.stream,
        entry.text,
        entry.level,
    ]


# --- and back ---------------------------------------------------------------------------------------


def decode(frame: Frame) -> Change:
    """The change a frame tells of. Raises `ValueError` for anything that is not one."""
    try:
        return _DECODERS[frame.kind](_list(json.loads(frame.metadata)), frame.payload)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"Not a record of a journal: {error}") from error


def _acceptance(metadata: list[Any], payload: bytes) -> Acceptance:
    request_id, function, version, name, qualifier, region, account, *rest = metadata
    origin, event, accepted_at, code_digest, memory_mb, timeout_s = rest
    named = _optional(_text, qualifier)
    return Acceptance(
        request_id=RequestId(_text(request_id)),
        target=Target(
            name=FunctionName(_text(name)),
            qualifier=None if named is None else Qualifier(named),
            region=_optional(_text, region),
            account=_optional(_text, account),
        ),
        function=FunctionName(_text(function)),
        version=Qualifier(_text(version)),
        origin=Origin(origin),
        event=_optional(_text, event),
        accepted_at=from_us(_whole(accepted_at)),
        payload=payload,
        code_digest=_text(code_digest),
        memory_mb=_whole(memory_mb),
        timeout_s=_whole(timeout_s),
    )


def _ended(metadata: list[Any], payload: bytes) -> Ended:
    request_id, kind, error_type, error_message, environment_id, cold, ended_at, *how = metadata
    place = _optional(_text, environment_id)
    outcome = Outcome(
        kind=OutcomeKind(kind),
        payload=payload,
        error_type=_optional(_text, error_type),
        error_message=_optional(_text, error_message),
    )
    return Ended(
        RequestId(_text(request_id)),
        outcome,
        None if place is None else EnvironmentId(place),
        _optional(_truth, cold),
        from_optional_us(_optional(_whole, ended_at)),
        # a journal of a workbench that did not know of it is shorter
        InitializationType(how[0]) if how and how[0] is not None else None,
    )


def _reported(metadata: list[Any], payload: bytes) -> Reported:
    del payload  # it has none
    request_id, figures, log_lines, log_bytes_dropped = metadata
    measured = None
    if figures is not None:
        queued, container, init, duration, billed, memory, peak, cpu, *split = _list(figures)
        measured = Measurements(
            queued_ms=_number(queued),
            container_ms=_optional(_number, container),
            init_ms=_optional(_number, init),
            split=_split(split),
            duration_ms=_number(duration),
            billed_ms=_whole(billed),
            memory_mb=_whole(memory),
            max_memory_bytes=_optional(_whole, peak),
            cpu_ms=_optional(_number, cpu),
        )
    return Reported(
        RequestId(_text(request_id)), measured, _whole(log_lines), _whole(log_bytes_dropped)
    )


def _split(parts: list[Any]) -> InitSplit:
    """Shorter in a journal of a workbench that did not measure all of it."""
    parts = [*parts, *(None,) * (5 - len(parts))]
    create, start, boot, imported, claim = (_optional(_number, part) for part in parts)
    return InitSplit(
        create_ms=create, start_ms=start, boot_ms=boot, import_ms=imported, claim_ms=claim
    )


def _logged(metadata: list[Any], payload: bytes) -> Logged:
    del payload  # it has none
    return Logged(tuple(_entry(listed) for listed in metadata))


def _entry(listed: Any) -> LogEntry:
    at, function, environment_id, request_id, stream, text, level = _list(listed)
    known = _optional(_text, request_id)
    return LogEntry(
        at=from_us(_whole(at)),
        function=FunctionName(_text(function)),
        environment_id=EnvironmentId(_text(environment_id)),
        request_id=None if known is None else RequestId(known),
        stream=LogStream(stream),
        text=_text(text),
        level=_optional(_text, level),
    )


_DECODERS: dict[FrameKind, Callable[[list[Any], bytes], Change]] = {
    FrameKind.ACCEPTED: _acceptance,
    FrameKind.ENDED: _ended,
    FrameKind.REPORTED: _reported,
    FrameKind.LOGGED: _logged,
}


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.50} is not a list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.50} is not text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r:.50} is not a whole number")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{value!r:.50} is not a number")
    return float(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r:.50} is not true or false")
    return value


def _optional(read: Callable[[Any], _T], value: Any) -> _T | None:
    return None if value is None else read(value)
