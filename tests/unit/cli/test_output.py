from __future__ import annotations

import json

import pytest

from tests.unit.cli.streams import ClosedPipe, Stream, output
from workbench.cli.output import Output, ReaderGone, styled

HOSTILE = "\x1b]52;c;ZXZpbA==\x07\x1b[31mred\x1b[0m\x1b[2J\n"


def test_a_pipe_gets_the_data_byte_for_byte() -> None:
    out, stdout, _ = output()

    out.data(b"\x00\xff\x1b[2J no line end")

    assert stdout.written == b"\x00\xff\x1b[2J no line end"


def test_a_terminal_gets_only_what_is_safe_for_it() -> None:
    out, stdout, stderr = output(terminal=True)

    out.data(HOSTILE.encode())
    out.say(HOSTILE)

    assert stdout.text == "\x1b[31mred\x1b[0m\n\n"
    assert stderr.text == "\x1b[31mred\x1b[0m\n\n"


def test_a_terminal_without_colours_gets_none() -> None:
    stdout = Stream(terminal=True)
    out = Output(stdout=stdout, stderr=Stream(terminal=True))

    out.line(HOSTILE)

    assert stdout.text == "red\n\n"


def test_json_is_one_line_in_a_pipe_and_readable_on_a_terminal() -> None:
    piped, pipe, _ = output()
    shown, terminal, _ = output(terminal=True)
    value = {"a": [1, "é\x1b[2J"]}

    piped.object(value)
    shown.object(value)

    assert pipe.written.count(b"\n") == 1
    assert json.loads(pipe.written) == value
    assert terminal.text.count("\n") > 1
    assert json.loads(terminal.text) == {"a": [1, "é\x1b[2J"]}


def test_narration_never_goes_to_stdout() -> None:
    out, stdout, stderr = output()

    out.say("working")

    assert (stdout.written, stderr.written) == (b"", b"working\n")


@pytest.mark.parametrize("act", ["data", "line", "object", "say"])
def test_a_reader_that_left_is_told_apart_from_any_other_pipe(act: str) -> None:
    out = Output(stdout=ClosedPipe(), stderr=ClosedPipe())

    with pytest.raises(ReaderGone):
        getattr(out, act)(b"x" if act == "data" else "x")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, True),
        ({"TERM": "xterm"}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    variables: dict[str, str], expected: bool
) -> None:
    assert styled(Stream(terminal=True), variables) is expected
    assert styled(Stream(terminal=False), variables) is False
