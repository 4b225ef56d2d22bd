from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.config.expectations import parse_expectation, read_expectation
from workbench.config.toml_file import parse_toml
from workbench.model.expectation import Expectation
from workbench.model.invocation import OutcomeKind

PATH = Path("created.expect.toml")


def read(text: str | bytes) -> tuple[Expectation | None, list[tuple[int | None, str]]]:
    content = text.encode() if isinstance(text, str) else text
    expectation, problems = parse_expectation(parse_toml(PATH, content))
    assert all(problem.path == PATH for problem in problems)
    return expectation, [(problem.line, problem.message) for problem in problems]


def test_without_a_file_success_is_expected(tmp_path: Path) -> None:
    assert read_expectation(tmp_path / "created.expect.toml") == (Expectation(), ())


def test_every_key_arrives(tmp_path: Path) -> None:
    path = tmp_path / "created.expect.toml"
    path.write_text(
        """
        outcome = "error"
        error_type = "UnknownSku"
        max_duration_ms = 250.5
        [response]
        errorMessage = "*B-7*"
        "items[0].qty" = 1
        "length(items)" = 2
        [logs]
        contain = ["rejected"]
        exclude = ["Traceback"]
        """
    )

    assert read_expectation(path) == (
        Expectation(
            outcome=OutcomeKind.ERROR,
            error_type="UnknownSku",
            response=(("errorMessage", "*B-7*"), ("items[0].qty", 1), ("length(items)", 2)),
            max_duration_ms=250.5,
            logs_contain=("rejected",),
            logs_exclude=("Traceback",),
        ),
        (),
    )


def test_error_type_alone_means_that_the_handler_fails_with_it() -> None:
    assert read('error_type = "ValueError"') == (
        Expectation(outcome=OutcomeKind.ERROR, error_type="ValueError"),
        [],
    )


@pytest.mark.parametrize(
    "outcome", ["success", "error", "timeout", "exit", "out_of_memory", "init_error"]
)
def test_whatever_a_function_can_do_can_be_expected(outcome: str) -> None:
    assert read(f'outcome = "{outcome}"') == (Expectation(outcome=OutcomeKind(outcome)), [])


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('\noutcom = "error"', 2, 'Unknown key "outcom"; did you mean outcome?'),
        (
            'outcome = "lost"',
            1,
            (
                'outcome must be "success" or "error" or "timeout" or "exit" or "out_of_memory" or '
                '"init_error", not the text "lost".'
            ),
        ),
        (
            'error_type = "ValueError"\noutcome = "success"',
            1,
            "A success has no error_type. Remove it, or set outcome to how it fails.",
        ),
        (
            "max_duration_ms = -1",
            1,
            "max_duration_ms must be a number from 0 to 900000, not the number -1.",
        ),
        ("response = 1", 1, "response must be a table of JMESPath expressions, not the number 1."),
        ("logs = []", 1, "logs must be a table, not an array."),
        ("[logs]\ncontains = []", 2, 'Unknown key "contains" in [logs]; did you mean contain?'),
        (
            "[logs]\ncontain = [1]",
            2,
            "logs.contain must be an array of text, without the number 1.",
        ),
        (
            "[response]\nwhen = 2026-11-20",
            2,
            "JSON has no value like the date or time 2026-11-20. Write it in quotes if it is text.",
        ),
        (
            "[response]\na = [1,\n{ b = nan }]",
            3,
            "JSON has no value like the number nan. Write it in quotes if it is text.",
        ),
        ("[oops", 1, "Not valid TOML: expected ']' at the end of a table declaration."),
    ],
)
def test_complains_with_the_line(text: str, line: int, message: str) -> None:
    assert read(text) == (None, [(line, message)])


@pytest.mark.parametrize("expression", ["a[", "a..b", "", "`{`", "no_such(@)(", "(" * 5000])
def test_what_is_no_jmespath_is_said_with_its_line(expression: str) -> None:
    expectation, problems = read(f"[response]\na = 1\n'{expression}' = 1")

    assert expectation is None
    ((line, message),) = problems
    assert line == 3
    assert "is no JMESPath expression: " in message


def test_all_mistakes_at_once() -> None:
    _, problems = read("outcome = 1\nmax = 2\n[response]\n'a[' = 1\nb = 2026-01-01\n[logs]\nx = 1")

    assert [line for line, _ in problems] == [1, 2, 4, 5, 7]


texts = st.lists(
    st.sampled_from(
        [
            "outcome",
            "error_type",
            "response",
            "logs",
            " = ",
            '"error"',
            "1",
            "\n",
            "[response]",
            "[logs]",
            "contain",
            "[]",
            '"a[0]"',
            '"[?"',
            "inf",
            "2026-01-01",
            "{}",
            "'`'",
            "'length(a)'",
        ]
    )
).map("".join)


@given(st.one_of(texts.map(str.encode), st.binary(max_size=40)))
def test_any_file_is_an_expectation_or_has_problems(content: bytes) -> None:
    expectation, problems = read(content)

    assert (expectation is None) == bool(problems)


@given(st.text(max_size=12))
def test_any_expression_is_taken_or_complained_about(expression: str) -> None:
    escaped = "".join(f"\\U{ord(c):08x}" for c in expression if not 0xD800 <= ord(c) < 0xE000)

    expectation, problems = read(f'[response]\n"{escaped}" = 1')

    assert (expectation is None) == bool(problems)
