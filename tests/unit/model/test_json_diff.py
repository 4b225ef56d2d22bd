from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InvalidParameter
from workbench.model.difference import ChangeType
from workbench.model.json_diff import JsonChange, json_changes, json_value, path_text, pattern

KEYS = st.text(max_size=4) | st.sampled_from(["a", "b-c", "0", "*", "a.b", '"', "$", "[0]"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "", "[", "{}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(KEYS | st.integers(0, 20), max_size=4).map(tuple)


def told(a: Any, b: Any, *ignored: str) -> dict[str, tuple[ChangeType, Any, Any]]:
    changes = json_changes(a, b, ignored=[pattern(text) for text in ignored])
    return {each.where: (each.type, each.a, each.b) for each in changes}


def applied(value: Any, changes: tuple[JsonChange, ...]) -> Any:
    """`value` with every change made."""
    whole = [copy.deepcopy(value)]
    for change in reversed(changes):  # of lists the last places first
        holder: Any = whole
        steps = (0, *change.path)
        for step in steps[:-1]:
            holder = holder[step]
        if change.type is ChangeType.REMOVED:
            del holder[steps[-1]]
    for change in changes:
        holder = whole
        steps = (0, *change.path)
        for step in steps[:-1]:
            holder = holder[step]
        if change.type is ChangeType.ADDED and isinstance(holder, list):
            holder.append(change.b)
        elif change.type is not ChangeType.REMOVED:
            holder[steps[-1]] = change.b
    return whole[0]


@given(VALUES, VALUES)
def test_the_changes_of_two_values_make_one_of_the_other(a: Any, b: Any) -> None:
    changes = json_changes(a, b)

    assert json.dumps(applied(a, changes), sort_keys=True) == json.dumps(b, sort_keys=True)
    assert json_changes(a, copy.deepcopy(a)) == ()


@given(VALUES, VALUES)
def test_what_is_told_can_be_left_out_by_the_same_words(a: Any, b: Any) -> None:
    paths = told(a, b)

    assert told(a, b, *paths) == {}
    assert told(a, b, "$") == {}


@given(PATHS)
def test_a_path_is_read_as_it_is_written(path: tuple[str | int, ...]) -> None:
    assert pattern(path_text(path)) == path


@given(st.text(max_size=12))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    with suppress(InvalidParameter):
        assert path_text(tuple("*" if step is None else step for step in pattern(text)))


def test_paths() -> None:
    a = {"items": [{"id": 1}, {"id": 2}], "odd key": {"x": 1}, "gone": None, "same": [1, {}]}
    b = {"items": [{"id": 3}, {"id": 4}, {}], "odd key": {"x": True}, "same": [1.0, {}]}

    assert told(a, b) == {
        "gone": (ChangeType.REMOVED, None, None),
        "items[0].id": (ChangeType.CHANGED, 1, 3),
        "items[1].id": (ChangeType.CHANGED, 2, 4),
        "items[2]": (ChangeType.ADDED, None, {}),
        '"odd key".x': (ChangeType.CHANGED, 1, True),
    }
    assert list(told(a, b, "items[*].id", "gone", '"odd key"')) == ["items[2]"]
    assert list(told(a, b, "$.items", "*.x")) == ["gone"]
    assert list(told(a, b, "items.0.id", "items.1", "items[2]", "gone")) == ['"odd key".x']
    assert told(1, 2) == {"$": (ChangeType.CHANGED, 1, 2)}


def test_a_body_that_is_json_is_looked_into() -> None:
    a = {"body": json.dumps({"at": 1, "total": 2}), "text": "[a"}
    b = {"body": json.dumps({"total": 3, "at": 4}, indent=1), "text": "[b"}

    assert list(told(a, b)) == ["body.at", "body.total", "text"]
    assert list(told(a, b, "body.at", "text")) == ["body.total"]


def test_a_thousand_brackets_and_many_changes_are_within_bounds() -> None:
    deep = b"[" * 900 + b"%d" + b"]" * 900
    (change,) = json_changes(json_value(deep % 1), json_value(deep % 2))
    assert len(change.path) == 900
    assert len(json_changes(list(range(5000)), list(range(1, 5001)))) == 1000
    assert isinstance(json_value(b"[" * 1_000_000), str)


@pytest.mark.parametrize("text", ["a[", "a[x]", '"', 'a."x', "a b c]", '"\\x"', "a..b"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        pattern(text)
