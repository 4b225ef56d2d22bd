from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.versions import new_request_id
from tests.unit.store import strategies as values
from workbench.model import failures
from workbench.model.invocation import NO_SPLIT, Acceptance, InvocationRecord, LogEntry
from workbench.store.changes import (
    Change,
    Ended,
    Logged,
    Reported,
    decode,
    encode,
    ended,
    reported,
)
from workbench.store.frames import Frame, FrameKind

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=15) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=40,
)


def there_and_back(change: Change) -> Change:
    kind, metadata, payload = encode(change)
    return decode(Frame(kind=kind, sequence=1, metadata=metadata, payload=payload))


@given(values.acceptances())
def test_an_acceptance_survives_the_journal(acceptance: Acceptance) -> None:
    assert there_and_back(acceptance) == acceptance


@given(values.records().filter(lambda record: record.outcome is not None))
def test_an_outcome_and_its_figures_survive_the_journal(record: InvocationRecord) -> None:
    assert there_and_back(ended(record)) == ended(record)
    assert there_and_back(reported(record)) == reported(record)


def test_figures_of_a_journal_from_before_the_split_leave_it_unknown() -> None:
    figures = [0.5, 190.0, 60.0, 12.5, 73, 128, 40_000_000, 9.5]
    metadata = json.dumps([new_request_id(), figures, 3, 0]).encode()
    change = decode(Frame(kind=FrameKind.REPORTED, sequence=1, metadata=metadata, payload=b""))

    assert isinstance(change, Reported)
    assert change.measurements is not None
    assert change.measurements.container_ms == 190.0
    assert change.measurements.init_ms == 60.0
    assert change.measurements.split == NO_SPLIT


@given(st.lists(values.entries() | values.entries(request_id=None), max_size=5))
def test_log_entries_survive_the_journal(entries: list[LogEntry]) -> None:
    assert there_and_back(Logged(tuple(entries))) == Logged(tuple(entries))


def test_a_lone_surrogate_in_a_message_survives_the_journal() -> None:
    message = "no such file: caf\udce9.py"
    outcome = failures.not_started(new_request_id(), message)
    change = Ended(new_request_id(), outcome, None, None, None)

    assert there_and_back(change) == change


@given(st.sampled_from(FrameKind), json_values, st.binary(max_size=20))
def test_any_metadata_is_a_change_or_refused(
    kind: FrameKind, metadata: object, payload: bytes
) -> None:
    frame = Frame(kind=kind, sequence=1, metadata=json.dumps(metadata).encode(), payload=payload)
    try:
        change = decode(frame)
    except ValueError:
        return
    assert there_and_back(change) == change


@given(st.sampled_from(FrameKind), st.binary(max_size=60))
def test_any_bytes_are_a_change_or_refused(kind: FrameKind, metadata: bytes) -> None:
    try:
        decode(Frame(kind=kind, sequence=1, metadata=metadata, payload=b""))
    except ValueError:
        return


@pytest.mark.parametrize(
    "metadata",
    [
        b'["id", "unheard of", null, null, null, null, null]',
        b'["id", "success", null, null, null, 1, null]',
        b'["id", "success", null, null, null, null, 99999999999999999999999]',
        b'["id", "success", 7, null, null, null, null]',
        b"{}",
        b"[" * 5000,
    ],
)
def test_an_outcome_of_wrong_types_is_refused(metadata: bytes) -> None:
    with pytest.raises(ValueError, match="Not a record of a journal"):
        decode(Frame(kind=FrameKind.ENDED, sequence=1, metadata=metadata, payload=b""))
