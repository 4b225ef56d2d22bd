from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.config.json_text import json_problem
from workbench.model.function import Severity

PATH = Path("events/created.json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \r\n\t",
        b"null",
        b'{"a": [1, 2.5e3, true]}\r\n',
        b"1" * 10_000,
        b'"NaN Infinity"',
        '"é"'.encode(),
    ],
)
def test_json_has_no_problem(content: bytes) -> None:
    assert json_problem(content, PATH) is None


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b'{\n  "a": 1,\n}', 3, "Not JSON: illegal trailing comma before end of object, column 1."),
        (b'{\n  "a" 1\n}', 2, "Not JSON: expecting ':' delimiter, column 7."),
        (b"{'a': 1}", 1, "Not JSON: expecting property name enclosed in double quotes, column 2."),
        (b"[1, 2", 1, "Not JSON: expecting ',' delimiter, column 6."),
        (b"{} {}", 1, "Not JSON: extra data, column 4."),
        (b'["NaN",\n NaN]', 2, 'Not JSON: there is no number "NaN", column 2.'),
        (b'["\\"NaN", -Infinity]', 1, 'Not JSON: there is no number "-Infinity", column 11.'),
        (b'{\n"a": "\xff"}', 2, "Byte 0xff is not UTF-8. Save the file as UTF-8."),
        (
            b"\xef\xbb\xbf{}",
            1,
            "It starts with a byte order mark. Save it as UTF-8 without one.",
        ),
        ("{}".encode("utf-16"), 1, "This is UTF-16, not UTF-8. Save it as UTF-8 without a byte"),
        (b"[" * 100_000, None, "It is nested too deeply to be read as JSON."),
    ],
)
def test_broken_json_is_a_warning_with_line_and_column(
    content: bytes, line: int | None, message: str
) -> None:
    problem = json_problem(content, PATH)

    assert problem is not None
    assert problem.path == PATH
    assert problem.severity is Severity.WARNING
    assert problem.line == line
    # Python 3.13 words a trailing comma better than 3.11 does
    assert problem.message.startswith((message, "Not JSON: expecting property name enclosed"))
    assert problem.message.endswith("Lambda refuses it as an event.")


@given(
    st.one_of(
        st.binary(max_size=40), st.text('[]{},:"\\Na1. \n-Infty', max_size=20).map(str.encode)
    )
)
def test_any_bytes_are_json_or_have_one_problem(content: bytes) -> None:
    problem = json_problem(content, PATH)

    try:
        text = content.decode("utf-8")
        json.loads(text, parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError):
        good = not content.strip(b" \t\r\n")
    else:
        good = True
    assert (problem is None) == good
    if problem is not None:
        assert problem.line is not None
        assert 1 <= problem.line <= content.count(b"\n") + 1
