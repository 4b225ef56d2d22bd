from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tui.json_lines import Folds, JsonLines, Kind

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=40,
)


def whole(text: str) -> JsonLines:
    lines = JsonLines(text)
    while not lines.read(7):
        pass
    return lines


def sources(lines: JsonLines) -> list[str]:
    return [lines.text[each.start : each.end] for each in map(lines.line, range(len(lines)))]


@given(JSON, st.sampled_from([None, 0, 2]))
def test_every_json_text_is_read_to_its_end(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)

    lines = whole(text)

    assert lines.complete
    assert lines.problem is None
    # nothing is lost and nothing is written anew
    shown = "".join(sources(lines)).translate(str.maketrans("", "", " \n,:"))
    assert shown == text.translate(str.maketrans("", "", " \n,:"))


@given(st.text(alphabet='{}[]",:01.e-+truefalsn \n\\u', max_size=40))
def test_what_is_json_is_what_python_says_is_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        valid = False
    else:
        valid = True

    assert whole(text).complete is valid


@given(st.text(max_size=60))
def test_any_text_is_read_or_has_a_problem(text: str) -> None:
    lines = whole(text)

    assert lines.complete is (lines.problem is None)


def test_slices_make_no_difference() -> None:
    text = json.dumps({"a": [{"b": [1, [2, {"c": None}]]}] * 5, "d": "x" * 70})
    at_once = JsonLines(text)
    at_once.read(100_000)

    assert sources(at_once) == sources(whole(text))


def test_small_containers_of_scalars_stand_on_one_line() -> None:
    lines = whole('{"a": {"id": 42, "tier": "gold"}, "b": [1, 2], "c": {}, "d": [[1]]}')

    kinds = [lines.line(index).kind for index in range(len(lines))]
    assert kinds == [
        Kind.OPEN,
        Kind.INLINE,
        Kind.INLINE,
        Kind.INLINE,
        Kind.OPEN,
        Kind.INLINE,
        Kind.CLOSE,
        Kind.CLOSE,
    ]
    assert lines.line(1).children == 2
    assert lines.line(3).children == 0


def test_a_container_too_wide_for_a_line_is_opened() -> None:
    lines = whole(json.dumps({"a": ["x" * 30, "y" * 30]}))

    assert lines.line(1).kind is Kind.OPEN
    assert lines.line(1).partner == 4
    assert lines.line(4).partner == 1


@pytest.mark.parametrize(
    ("line", "path", "value"),
    [
        (0, ".", None),
        (1, ".version", '"1.0"'),
        (2, '["detail-type"]', "7"),
        (4, ".lines[0]", None),
        (5, ".lines[0].sku", None),
        (7, ".lines[1]", '"x"'),
    ],
)
def test_a_line_knows_its_path_and_its_value(line: int, path: str, value: str | None) -> None:
    text = '{"version":"1.0","detail-type":7,"lines":[{"sku":[[1]]},"x"]}'
    lines = whole(text)

    # 0 { 1 version 2 detail-type 3 lines [ 4 { 5 sku [ 6 [1] 7 ] 8 } 9 "x" …
    index = {4: 4, 5: 5, 7: 9}.get(line, line)
    assert lines.path(index) == path
    if value is not None:
        assert lines.value(index) == value


def test_the_value_of_a_container_is_all_of_it() -> None:
    lines = whole('{"a": [[1], [2]], "b": 1}')

    assert lines.value(1) == "[[1], [2]]"
    assert lines.value(0) == lines.text
    assert lines.value(len(lines) - 1) == lines.text  # its closing line


def test_a_place_in_the_text_is_on_a_line() -> None:
    lines = whole('{"a": [[1], [22]], "b": 333}')

    assert lines.path(lines.at_offset(lines.text.index("22"))) == ".a[1]"
    assert lines.path(lines.at_offset(lines.text.index("333"))) == ".b"


def test_nesting_without_end_is_a_problem_not_a_crash() -> None:
    lines = JsonLines("[" * 100_000)

    assert lines.read(1_000_000)
    assert lines.problem == 500


def test_a_huge_string_is_one_token() -> None:
    text = json.dumps("x\\" * 1_000_000)
    lines = JsonLines(text)

    assert lines.read(10)
    assert lines.complete
    assert len(lines) == 1


# --- folds ---------------------------------------------------------------------------------------------


def test_folded_lines_are_out_of_sight() -> None:
    folds = Folds()
    folds.fold({1: 4, 6: 8})

    rows = [folds.line_of(row) for row in range(10 - folds.hidden)]
    assert rows == [0, 1, 5, 6, 9]


def test_a_fold_inside_a_fold_comes_back_folded() -> None:
    folds = Folds()
    folds.fold({3: 4})
    folds.fold({1: 8})
    assert [folds.line_of(row) for row in range(3)] == [0, 1, 9]

    folds.unfold([1])

    assert [folds.line_of(row) for row in range(5)] == [0, 1, 2, 3, 5]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8).map(
        lambda pairs: {start: start + length for start, length in pairs}
    )
)
def test_rows_and_lines_agree(pairs: dict[int, int]) -> None:
    nested = {
        start: end
        for start, end in pairs.items()
        if all(end <= e or start > e or s >= start for s, e in pairs.items())
        and not any(s < start <= e < end for s, e in pairs.items())
    }
    folds = Folds()
    folds.fold(nested)
    hidden = {line for start, end in nested.items() for line in range(start + 1, end + 1)}
    in_sight = [line for line in range(100) if line not in hidden]

    assert [folds.line_of(row) for row in range(len(in_sight))] == in_sight
    assert [folds.row_of(line) for line in in_sight] == list(range(len(in_sight)))
    assert folds.hidden == len(hidden)


def test_a_hidden_line_has_the_row_of_what_hides_it() -> None:
    folds = Folds()
    folds.fold({1: 4})

    assert folds.row_of(3) == folds.row_of(1) == 1
