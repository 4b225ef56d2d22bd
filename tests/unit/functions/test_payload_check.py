from __future__ import annotations

import pytest

from workbench.errors import InvalidRequestContent
from workbench.functions.invoker import check_json


@pytest.mark.parametrize(
    "payload", [b"{}", b"null", b"1", b'"text"', b"[1, 2.5, true]", b' {"a": "\xc3\xa9"}\n']
)
def test_any_json_value_is_taken(payload: bytes) -> None:
    check_json(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b" ",
        b"'single'",
        b'{"a": NaN}',
        b"-Infinity",
        b"\xff\xfe{\x00}\x00",
        '{"a": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"bom": 1}',
        b'"\xed\xa0\x80"',
        b"[" * 100_000,
        b'{"a": 1} {"b": 2}',
    ],
)
def test_what_a_runtime_could_not_parse_is_refused_with_the_recorded_prefix(payload: bytes) -> None:
    with pytest.raises(
        InvalidRequestContent,
        match=r"^Could not parse request body into json: Could not parse payload into json: ",
    ):
        check_json(payload)
