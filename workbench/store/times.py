"""Wall times as whole microseconds since the epoch, UTC: exact, sortable, and half the size of text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """`at`, which has its zone."""
    return (at - _EPOCH) // _MICROSECOND


def to_optional_us(at: datetime | None) -> int | None:
    """The same, where there may be none."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def from_us(at_us: int) -> datetime:
    """The inverse. Raises `OverflowError` beyond the year 9999."""
    return _EPOCH + timedelta(microseconds=at_us)


def from_optional_us(at_us: int | None) -> datetime | None:
    """The same, where there may be none."""
    return None if at_us is None else from_us(at_us)
