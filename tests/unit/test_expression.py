"""An expression is the pattern that `re.compile` makes of it, only later."""

from __future__ import annotations

import copy
import re

import pytest

from workbench.expression import expression


def test_it_does_what_a_pattern_does() -> None:
    late = expression(r"(?P<word>[a-z]+)", re.IGNORECASE)
    found = late.search("12 Ab")
    assert found is not None
    assert found["word"] == "Ab"
    assert late.sub("-", "a1B") == "-1-"
    assert late.pattern == r"(?P<word>[a-z]+)"
    assert [each[0] for each in late.finditer("a B")] == ["a", "B"]
    assert copy.copy(late).fullmatch("abc")


def test_what_is_wrong_with_it_is_told_when_it_is_used() -> None:
    late = expression("(")
    with pytest.raises(re.error, match="unterminated"):
        late.search("a")
    with pytest.raises(AttributeError):
        expression("a").colour  # type: ignore[attr-defined] # noqa: B018
