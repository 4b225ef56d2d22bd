"""The locator against tomli itself: it finds exactly the paths that tomli's answer has."""

from __future__ import annotations

from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from workbench.config.toml_lines import KeyPath, locate

EVERYTHING = r"""# a comment = 1
title = "TOML # not a comment"
'quoted key' = 1
"esc\u0041ped".inner = 2
a.b . c = 3
time = 1979-05-27 07:32:00
multi = '''
[not.a.table]
key = 1
'''
basic = "" + ""

[table] # after
key = [1, 2,
  # within
  [3, "]"],
  { x = 1, y = { z = [1] } },
]
text = \"\"\"
[nor = this]
five quotes: \"\"\"\"\"

[table.sub]
x = 1

[[points]]
x = 1
[points.meta]
y = 2
[[points]]
x = 3
[[points.inner]]
z = 1
[[points.inner]]

[a.d]
[z.y.x]
[z]
k = { }
e = []
""".replace(' + ""', "").replace('\\"', '"')


def paths(value: Any, here: KeyPath = ()) -> set[KeyPath]:
    found: set[KeyPath] = {here} if here else set()
    if isinstance(value, dict):
        for key, member in value.items():
            found |= paths(member, (*here, key))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            found |= paths(element, (*here, index))
    return found


def test_finds_every_path_of_a_document_with_everything_in_it() -> None:
    assert set(locate(EVERYTHING)) == paths(tomli.loads(EVERYTHING))


@pytest.mark.parametrize(
    ("path", "begins"),
    [
        (("title",), "title"),
        (("quoted key",), "'quoted key'"),
        (("escAped", "inner"), '"esc'),
        (("a", "b", "c"), "a.b . c"),
        (("table",), "[table]"),
        (("table", "key", 1), "key = [1, 2,"),
        (("table", "key", 2, 1), '  [3, "]"]'),
        (("table", "key", 3, "y", "z", 0), "  { x = 1"),
        (("table", "text"), 'text = """'),
        (("table", "sub", "x"), "x = 1"),
        (("points",), "[[points]]"),
        (("points", 0, "meta", "y"), "y = 2"),
        (("points", 1, "x"), "x = 3"),
        (("points", 1, "inner", 1), "[[points.inner]]"),
        (("a", "d"), "[a.d]"),
        (("z",), "[z]"),
        (("z", "y", "x"), "[z.y.x]"),
    ],
)
def test_names_the_line_a_key_stands_on(path: KeyPath, begins: str) -> None:
    line = locate(EVERYTHING)[path]

    assert EVERYTHING.split("\n")[line - 1].startswith(begins)


keys = st.one_of(
    st.sampled_from(["a", "b", "c-d", "1", "e_f"]),
    st.text(max_size=4).map(lambda text: '"' + "".join(f"\\U{ord(c):08x}" for c in text) + '"'),
    st.text("ab [](){}#=.,", max_size=4).map(lambda text: f"'{text}'"),
).filter(lambda key: "\\U0000d8" not in key and "\\U0000d9" not in key)
scalars = st.sampled_from(
    [
        "1", "-1.5", "true", "inf", '"x"', "'[y]'", '"""a\n"b"\\"\n"""', "'''\n#'\n'''",
        "1979-05-27T07:32:00Z", "07:32:00.5", '""', '"# = ]"', '""""quoted""""',
    ]
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",\n ".join(items) + "\n]"),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda items: "[ # first\n" + ",".join(items) + ",]"
        ),
        st.lists(st.tuples(keys, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=6,
)
dotted = st.lists(keys, min_size=1, max_size=3).map(" . ".join)
statements = st.one_of(
    st.tuples(dotted, values).map(" = ".join),
    dotted.map(lambda key: f"[{key}] # header"),
    dotted.map(lambda key: f"[[ {key} ]]"),
    st.sampled_from(["", "# [comment]", "\t"]),
)


@given(st.lists(statements, max_size=12).map("\n".join))
def test_finds_exactly_what_tomli_finds(text: str) -> None:
    try:
        answer = tomli.loads(text)
    except tomli.TOMLDecodeError:
        return  # two of the statements do not go together

    found = locate(text.replace("\r\n", "\n"))

    assert set(found) == paths(answer)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


def test_deep_nesting_costs_no_stack() -> None:
    text = "a = " + "[" * 390 + "]" * 390
    assert len(locate(text)) == len(paths(tomli.loads(text)))
