from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.config.dotenv import parse


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("export NAME=value", "value"),
        ("  export\tNAME=value", "value"),
        ("NAME=", ""),
        ("NAME=   ", ""),
        ("NAME= # nothing but a comment", ""),
        ("NAME=two words  ", "two words"),
        ("NAME=value # comment", "value"),
        ("NAME=value\t# comment", "value"),
        ("NAME=#fff", "#fff"),
        ("NAME=a#b", "a#b"),
        ("NAME=a=b", "a=b"),
        ("NAME=$HOME/$(date)`id`", "$HOME/$(date)`id`"),
        (r"NAME=C:\temp\new", r"C:\temp\new"),
        ("NAME='as it $stands \\n'", "as it $stands \\n"),
        ("NAME='a \"b\" c'", 'a "b" c'),
        ("NAME='#' # comment", "#"),
        (r'NAME="a\tb\n\"c\" \\ \$d \r"', 'a\tb\n"c" \\ $d \r'),
        ('NAME="it\'s"', "it's"),
        ('NAME=""', ""),
        ("NAME='first\n second\n\n# third'", "first\n second\n\n# third"),
        ('NAME="{\n  \\"a\\": 1\n}" # json', '{\n  "a": 1\n}'),
        ("NAME=ü", "ü"),
    ],
)
def test_reads_a_value(line: str, value: str) -> None:
    found = parse(f"# before\n\n{line}\nAFTER=1")

    assert found.complaints == []
    assert found.values["NAME"] == (value, 3)
    assert found.values["AFTER"] == ("1", 4 + value.count("\n") * ("\n" in line))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("A=1\nNAME", 2, 'Expected NAME=value or a # comment, not "NAME".'),
        ("export NAME", 1, 'Expected NAME=value or a # comment, not "export NAME".'),
        ("=value", 1, 'Expected NAME=value or a # comment, not "=value".'),
        ("'NAME'=1", 1, "Expected NAME=value or a # comment, not \"'NAME'=1\"."),
        ("NAME = value", 1, "Remove the blanks around the = after NAME."),
        ("NAME =value", 1, "Remove the blanks around the = after NAME."),
        ("NAME= value", 1, "Remove the blanks around the = after NAME."),
        ('NAME= "value"', 1, "Remove the blanks around the = after NAME."),
        ("NAME=it's", 1, "A quote in the middle of a value: quote all of the value of NAME."),
        (
            'NAME="open\nB=2',
            1,
            'The value of NAME begins with " and has no closing ".',
        ),
        ("NAME='open\nB=2", 1, "The value of NAME begins with ' and has no closing '."),
        ('NAME="a"b', 1, 'Unexpected text after the closing " of NAME.'),
        ("NAME='a'#b", 1, "Unexpected text after the closing ' of NAME."),
        (
            'B=1\nNAME="a\\q"',
            2,
            (
                r'Unknown escape "\\q" in the value of NAME; allowed: \n \t \r \" \\ \$. '
                "Single quotes take a value as it stands."
            ),
        ),
        ("NAME=1\nB=2\nNAME=3", 3, "NAME was set in line 1 already."),
        ("NAME=a\0b", 1, "The value of NAME holds a NUL byte, which no variable can."),
    ],
)
def test_complains_with_the_line(text: str, line: int, message: str) -> None:
    assert parse(text).complaints == [(line, message)]


def test_a_mistake_hides_no_other_line() -> None:
    found = parse("A=1\nwrong\nB='open\nC=3\nalso wrong\nD=4")

    assert found.values == {"A": ("1", 1), "C": ("3", 4), "D": ("4", 6)}
    assert [line for line, _ in found.complaints] == [2, 3, 5]


lines = st.lists(
    st.one_of(
        st.sampled_from(["A=", "B='", 'C="', "export ", "#", "\\", "\n", " ", "'", '"', "D=1\n"]),
        st.text(max_size=3),
    )
).map("".join)


@given(lines)
def test_any_text_is_values_and_complaints_with_lines_that_exist(text: str) -> None:
    found = parse(text)

    count = text.count("\n") + 1
    assert all(1 <= line <= count for line, _ in found.complaints)
    assert all(1 <= line <= count for _, line in found.values.values())
    assert all("\0" not in value for value, _ in found.values.values())


@given(st.text(st.characters(exclude_characters="'\0", codec="utf-8")))
def test_single_quotes_keep_any_text(value: str) -> None:
    assert parse(f"NAME='{value}'").values == {"NAME": (value, 1)}


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_escaped_double_quotes_keep_any_text(value: str) -> None:
    written = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert parse(f'NAME="{written}"').values == {"NAME": (value, 1)}
