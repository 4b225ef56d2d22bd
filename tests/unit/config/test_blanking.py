"""A function.toml to be given away: nothing secret in it, and everything else as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from workbench.config.blanking import blanked, renamed
from workbench.config.toml_lines import places
from workbench.errors import InvalidManifest
from workbench.model.names import FunctionName

HERE = Path("orders/function.toml")


def test_values_go_and_layout_stays() -> None:
    content = b"""# the orders function
name = "orders"      # a name
[environment]
TABLE = "orders"     # it stays
DB_PASSWORD = "hunter2-hunter2"   # was not always hunter2-hunter2
  API_KEY='''
two
lines'''
URL = "https://me:s3cret-value@db.example/"
# OLD_TOKEN = "left-behind"
"""
    text, lost = blanked(content, HERE)

    assert (
        text.decode()
        == """# the orders function
name = "orders"      # a name
[environment]
TABLE = "orders"     # it stays
DB_PASSWORD = ""   # was not always …
  API_KEY=""
URL = ""
# OLD_TOKEN = ""
"""
    )
    assert lost == ("API_KEY", "DB_PASSWORD", "URL")


@pytest.mark.parametrize(
    "text",
    [
        'environment = { A = "1", DB_PASSWORD = "hunter2", B = "2" }',
        'environment.DB_PASSWORD = "hunter2"\nenvironment.A = "1"',
        '[environment]\n"DB_PASSWORD" = "hunter2"',
        "[environment]\nDB_PASSWORD = 'hunter2' # c",
        '[environment]\nDB_PASSWORD = """hunter2\nx"""',
        '[environment]\nDB_PASSWORD = ["hunter2", 3, "hunter2"]',
        '[environment]\nDB_PASSWORD = { inner = "hunter2" }',
        '[environment.DB_PASSWORD]\nx = "hunter2"',
        "[environment]\nDB_PASSWORD = 31.25",
        "[environment]\nDB_PASSWORD = 1979-05-27 07:32:00.25 # c",
        '[[environment]]\nDB_PASSWORD = "hunter2"',
    ],
)
def test_however_it_is_written_the_value_goes(text: str) -> None:
    found, lost = blanked(text.encode(), HERE)

    told = found.decode()
    for secret in ("hunter2", "31", "25", "1979", "07:32"):
        assert secret not in told
    tomli.loads(told)
    assert lost == ("DB_PASSWORD",)


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(InvalidManifest, match="what in it is secret"):
        blanked(b"[environment\nDB_PASSWORD = 'x'", HERE)


_KEYS = st.text(st.sampled_from("abcAB_-.\"' é\n"), min_size=1, max_size=6)
_VALUES = st.recursive(
    st.one_of(
        st.text("ab1\"\\'#=[]{},. \u00e9\n", max_size=8),
        st.integers(-5, 5),
        st.floats(allow_nan=False),
        st.booleans(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=6,
)


def _toml(value: object) -> str:
    match value:
        case dict():
            inner = (f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items())
            return "{" + ", ".join(inner) + "}"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case float():
            return "inf" if value == float("inf") else "-inf" if value < -1e308 else f"{value:e}"
        case _:
            return json.dumps(value, ensure_ascii=False)


@given(st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_every_value_stands_where_it_is_said_to(values: dict[str, object]) -> None:
    text = "\n".join(f"{json.dumps(key)} = {_toml(value)} # c" for key, value in values.items())
    whole = tomli.loads(text)
    spans, comments = places(text)

    leaves = {}

    def collect(value: object, path: tuple[str | int, ...]) -> None:
        match value:
            case dict():
                for key, each in value.items():
                    collect(each, (*path, key))
            case list():
                for index, each in enumerate(value):
                    collect(each, (*path, index))
            case _:
                leaves[path] = value

    collect(whole, ())
    assert {
        path: tomli.loads(f"x = {text[slice(*at)]}")["x"] for path, at in spans.items()
    } == leaves
    assert len(comments) == len(values)


def test_a_stated_name_is_changed_and_another_is_not_made() -> None:
    new = FunctionName("other")
    assert renamed(b'name = "orders" # c\nx = 1\n', HERE, new) == b'name = "other" # c\nx = 1\n'
    assert renamed(b"runtime = 'x'\n", HERE, new) == b"runtime = 'x'\n"
