from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model.test_expectation import a_record
from workbench.config.expectation_writer import write_expectation
from workbench.config.expectations import read_expectation
from workbench.errors import AlreadyExists, InvalidParameter
from workbench.model.invocation import InvocationRecord, OutcomeKind


def recorded(path: Path, record: InvocationRecord) -> str:
    write_expectation(path, record, overwrite=True)
    return path.read_text(encoding="utf-8")


def test_records_what_matters_and_leaves_out_what_passes(tmp_path: Path) -> None:
    record = a_record(
        json.dumps(
            {
                "statusCode": 200,
                "body": "order 7f1c9a52-0b6e-4f0a-9d55-2f1f7e3b9c11 at 2026-11-20T14:01:58.123Z",
                "items": [{"sku": "A-1", "qty": 3, "note": None}],
                "odd key": "5 * 3",
                "nothing": None,
            }
        ).encode()
    )

    assert recorded(tmp_path / "x.expect.toml", record) == (
        "# Recorded from run 00000000-0000-0000-0000-000000000001. Remove what does not matter.\n"
        'outcome = "success"\n'
        "\n"
        "[response]\n"
        "statusCode = 200\n"
        'body = "order * at *"\n'
        'items = [{ sku = "A-1", qty = 3 }]\n'
        '"\\"odd key\\"" = "5 \\\\* 3"\n'
    )


def test_records_a_failure_by_its_type(tmp_path: Path) -> None:
    record = a_record(
        b'{"errorType": "ValueError"}', kind=OutcomeKind.ERROR, error_type="ValueError"
    )

    assert recorded(tmp_path / "x.expect.toml", record).splitlines()[1:] == [
        'outcome = "error"',
        'error_type = "ValueError"',
    ]


@pytest.mark.parametrize(
    ("payload", "response"),
    [(b'"hello"', '"@" = "hello"'), (b"[1, 2]", '"@" = [1, 2]'), (b"1.5", '"@" = 1.5')],
)
def test_answer_that_is_no_object_is_recorded_whole(
    tmp_path: Path, payload: bytes, response: str
) -> None:
    assert recorded(tmp_path / "x.expect.toml", a_record(payload)).splitlines()[-1] == response


@pytest.mark.parametrize("payload", [b"null", b"", b"not JSON", b'"' + b"x" * 70_000 + b'"'])
def test_answer_not_worth_or_not_able_to_be_written_is_left_out(
    tmp_path: Path, payload: bytes
) -> None:
    assert "[response]" not in recorded(tmp_path / "x.expect.toml", a_record(payload))


@pytest.mark.parametrize(
    "kind", [None, OutcomeKind.STOPPED, OutcomeKind.LOST, OutcomeKind.NOT_STARTED]
)
def test_run_that_did_not_end_by_itself_says_nothing(
    tmp_path: Path, kind: OutcomeKind | None
) -> None:
    with pytest.raises(InvalidParameter):
        write_expectation(tmp_path / "x.expect.toml", a_record(kind=kind))

    assert list(tmp_path.iterdir()) == []


def test_an_expectation_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "x.expect.toml"
    path.write_text("mine")

    with pytest.raises(AlreadyExists):
        write_expectation(path, a_record())

    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("x.expect.toml", "mine")]


def test_half_a_character_does_not_keep_the_rest_from_being_written(tmp_path: Path) -> None:
    path = tmp_path / "x.expect.toml"
    record = a_record(b'{"a": "x\\ud800y", "\\udfff": 1, "b": {"\\ud800": 2, "c": 3}}')

    assert recorded(path, record).endswith('[response]\na = "x*y"\nb = { c = 3 }\n')


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text("*\\a\"'")
    | st.uuids().map(str)
    | st.datetimes().map(lambda at: at.isoformat()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_the_run_it_was_recorded_from_meets_it(
    tmp_path_factory: pytest.TempPathFactory, answer: Any
) -> None:
    path = tmp_path_factory.mktemp("events") / "x.expect.toml"
    record = a_record(json.dumps(answer).encode())

    write_expectation(path, record)
    expectation, problems = read_expectation(path)

    assert problems == ()
    assert expectation is not None
    assert [str(mismatch) for mismatch in expectation.check(record, [])] == []


def test_deep_answers_are_cut_where_they_get_too_deep(tmp_path: Path) -> None:
    path = tmp_path / "x.expect.toml"
    record = a_record(b'{"a":' * 300 + b"1" + b"}" * 300)

    write_expectation(path, record)
    expectation, problems = read_expectation(path)

    assert problems == ()
    assert expectation is not None
    assert expectation.check(record, []) == ()
