from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.config.files import MAX_BYTES
from workbench.config.toml_file import Document, parse_toml, read_toml


def only_problem(document: Document) -> tuple[int | None, str]:
    (problem,) = document.problems
    assert problem.path == document.path
    return problem.line, problem.message


def test_says_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b'a = 1\r\n[events]\r\nx = "y"\r\n')

    document = read_toml(path)

    assert document.values == {"a": 1, "events": {"x": "y"}}
    assert document.problems == ()
    assert document.line(("events", "x")) == 3


def test_line_of_what_is_not_there_is_that_of_what_is_around_it(tmp_path: Path) -> None:
    document = parse_toml(tmp_path, b"[events]\nx = [1,\n2]\n")

    assert document.line(("events", "x", 1)) == 3
    assert document.line(("events", "x", 7)) == 2
    assert document.line(("events", "y")) == 1
    assert document.line(("nothing",)) is None
    assert document.line(()) is None


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (
            b"a = 1\nb = \n",
            2,
            "Not valid TOML: not a value. Text needs quotes.",
        ),
        (
            b"a = 1\nmemory 128\n",
            2,
            "Not valid TOML: expected '=' after a key in a key/value pair.",
        ),
        (
            b"a = 1\na = 2\n",
            2,
            "Not valid TOML: this key or table was declared above already.",
        ),
        (
            b"[a]\n\n[a]\n",
            3,
            "Not valid TOML: this key or table was declared above already.",
        ),
        (
            b"\n\xc3\xbc = 1\n",
            2,
            (
                "Not valid TOML: expected KEY = VALUE, [TABLE] or a comment. Keys other than letters, "
                "digits, - and _ need quotes."
            ),
        ),
        (b'a = "x\n', 1, "Not valid TOML: illegal character '\\n'."),
        (
            b"a = 1 b = 2\n",
            1,
            "Not valid TOML: expected newline or end of document after a statement.",
        ),
        (b"ok = 1\nx = '\xff'\n", 2, "Byte 0xff is not UTF-8. Save the file as UTF-8."),
        (
            "a = 1\n".encode("utf-16"),
            1,
            "This is UTF-16, not UTF-8. Save it as UTF-8 without a byte order mark.",
        ),
        (
            b"\xef\xbb\xbfa = 1\n",
            1,
            "It starts with a byte order mark. Save it as UTF-8 without one.",
        ),
        (
            b"a = " + b"[" * 5000,
            None,
            "Not usable as TOML: TOML inline arrays/tables are nested more than the allowed 400 levels.",
        ),
    ],
)
def test_names_line_and_remedy_of_what_is_not_toml(
    tmp_path: Path, content: bytes, line: int | None, message: str
) -> None:
    path = tmp_path / "function.toml"
    path.write_bytes(content)

    assert only_problem(read_toml(path)) == (line, message)


def test_byte_order_mark_hides_nothing(tmp_path: Path) -> None:
    document = parse_toml(tmp_path, b"\xef\xbb\xbfa = 1\n")

    assert document.usable
    assert document.values == {"a": 1}


def test_folder_in_its_place_is_a_problem(tmp_path: Path) -> None:
    assert only_problem(read_toml(tmp_path)) == (
        None,
        "This is a folder; a file was expected here.",
    )


def test_pipe_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "function.toml"
    os.mkfifo(path)

    assert only_problem(read_toml(path)) == (
        None,
        "This is no regular file; a file was expected here.",
    )


def test_device_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "function.toml"
    path.symlink_to("/dev/zero")

    assert only_problem(read_toml(path))[1].startswith("This is no regular file")


def test_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "function.toml"
    path.write_bytes(b"#" * 10 * MAX_BYTES)

    assert only_problem(read_toml(path)) == (
        None,
        "It has 10,485,760 bytes; at most 1,048,576 are read.",
    )


def test_unreadable_file_says_why(unprivileged: Path) -> None:
    path = unprivileged / "function.toml"
    path.write_text("a = 1")
    path.chmod(0)

    assert only_problem(read_toml(path)) == (None, "It cannot be read: Permission denied.")


def test_link_that_leads_to_itself_says_so(tmp_path: Path) -> None:
    path = tmp_path / "function.toml"
    path.symlink_to(path)

    assert only_problem(read_toml(path)) == (
        None,
        "It cannot be read: Too many levels of symbolic links.",
    )


def test_missing_file_is_for_the_caller_to_judge(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_toml(tmp_path / "function.toml")


fragments = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "[",
                "]",
                "[[",
                "]]",
                "{",
                "}",
                "=",
                ",",
                ".",
                "\n",
                '"',
                "'",
                '"""',
                "'''",
                "a",
                "#",
                "\\",
                "1979-05-27T07:32:00+99:99",
                "1e999",
                "0x",
                "inf",
                "9" * 5000,
                "\r",
                "\x00",
                "é",
            ]
        ),
        st.text(max_size=3),
    )
).map("".join)


@given(st.one_of(st.binary(), fragments.map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_are_values_or_a_problem_with_a_line_that_exists(content: bytes) -> None:
    document = parse_toml(Path("x.toml"), content)

    assert document.usable or document.problems
    for problem in document.problems:
        assert problem.line is None or 1 <= problem.line <= content.count(b"\n") + 1
        assert "\n" not in problem.message
    for key in document.values:
        assert document.line((key,)) is not None
