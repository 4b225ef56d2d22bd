from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from workbench.model.text_diff import NO_LINE_END, LineDiff, as_text, whole

LINES = st.lists(
    st.sampled_from(["", "a", "b", "@@ -1 +1 @@", "--- x", "\r", "c\u2028d"]), max_size=40
)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + ("\n" if end else ""), LINES, st.booleans())


def patched(a: str, hunks: tuple[str, ...]) -> str:
    """`a` with a unified diff applied, as patch(1) does, checking all that is in it."""
    source = re.findall(r"[^\n]*\n|[^\n]+", a)
    result: list[str] = []
    position = 0
    for number, line in enumerate(hunks):
        ended = number + 1 < len(hunks) and hunks[number + 1] == NO_LINE_END
        content = line[1:] + ("" if ended else "\n")
        if header := re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line):
            at = int(header[1]) - (header[2] != "0")
            result += source[position:at]
            position = at
            assert int(header[3]) - (header[4] != "0") == len(result)
        elif line == NO_LINE_END:
            continue
        elif line[0] == "+":
            result.append(content)
        else:
            assert source[position] == content
            position += 1
            if line[0] == " ":
                result.append(content)
    return "".join((*result, *source[position:]))


@given(TEXTS, TEXTS)
def test_the_diff_of_two_texts_makes_one_of_the_other(a: str, b: str) -> None:
    lines = LineDiff(a, b).lines()

    assert patched(a, lines) == b
    assert (lines == ()) == (a == b)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_what_is_the_same_before_and_after_changes_nothing_but_line_numbers(
    before: str, a: str, b: str, after: str
) -> None:
    one, other = f"{before}\n{a}\n{after}", f"{before}\n{b}\n{after}"

    assert patched(one, LineDiff(one, other).lines()) == other


@given(TEXTS)
def test_a_whole_text_is_added_or_removed(text: str) -> None:
    assert patched("", whole(text, added=True)) == text
    assert patched(text, whole(text, added=False)) == ""


def test_a_hunk_is_as_gnu_diff_writes_it() -> None:
    a = "".join(f"{n}\n" for n in range(1, 21))

    assert LineDiff(a, a.replace("\n10\n", "\nten\n")).lines() == (
        "@@ -7,7 +7,7 @@",
        " 7",
        " 8",
        " 9",
        "-10",
        "+ten",
        " 11",
        " 12",
        " 13",
    )
    assert LineDiff("a\nb", "a\nb\n").lines() == ("@@ -1,2 +1,2 @@", " a", "-b", NO_LINE_END, "+b")


def test_one_change_in_a_long_text_is_little_work_and_a_hostile_pair_is_much() -> None:
    long = "".join(f"line {n}\n" for n in range(20_000))
    hostile = "".join(f"{n % 101}\n" for n in range(5_000))

    assert LineDiff(long, long.replace("line 7000\n", "changed\n")).work < 1_000
    assert LineDiff(hostile, "x\n" + hostile[::-1]).work > 500_000_000


def test_what_is_no_text() -> None:
    assert as_text("grün\n".encode()) == "grün\n"
    assert as_text(b"a\0b") is None
    assert as_text(b"\xff\xfe") is None
