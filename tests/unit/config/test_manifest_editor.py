"""Edits of function.toml: what is asked changes, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.config.manifest_editor import edited, value_of
from workbench.errors import InvalidManifest, InvalidParameter, RequestError

PATH = Path("/project/orders/function.toml")
BUSY = """\
# Orders.

runtime = "python3.13"   # ours
handler   = 'app.handler'
memory_mb = 128  # enough

# What it needs.
[environment]
TABLE = "orders"   # the table
LONG = '''
# no comment
two'''
"""


def edit(text: str, *unset: str, **values: str) -> str:
    made = edited(
        PATH,
        text.encode(),
        values={key.replace("environment_", "environment."): each for key, each in values.items()},
        unset=unset,
    )
    return made.decode()


# --- the layout stays ----------------------------------------------------------------------------------


def test_a_value_changes_where_it_stands() -> None:
    assert edit(BUSY, memory_mb="512") == BUSY.replace("= 128  #", "= 512  #")
    assert edit(BUSY, handler="app.other") == BUSY.replace("'app.handler'", '"app.other"')
    assert edit(BUSY, environment_TABLE="x") == BUSY.replace('"orders"', '"x"')


def test_a_new_key_stands_below_the_others_and_takes_no_comment_from_the_table() -> None:
    expected = BUSY.replace("# enough\n", "# enough\ntimeout_s = 9\n")
    assert edit(BUSY, timeout_s="9") == expected


def test_a_new_variable_stands_in_the_table() -> None:
    assert edit(BUSY, environment_NEW="x") == BUSY + 'NEW = "x"\n'


def test_what_is_unset_goes_alone() -> None:
    assert edit(BUSY, "memory_mb") == BUSY.replace("memory_mb = 128  # enough\n", "")
    assert edit(BUSY, "environment.TABLE") == BUSY.replace('TABLE = "orders"   # the table\n', "")


def test_a_table_is_made_where_there_is_none() -> None:
    text = 'runtime = "python3.13"'
    assert edit(text, environment_AA="x") == f'{text}\n\n[environment]\nAA = "x"\n'
    assert edit("", environment_AA="x") == '[environment]\nAA = "x"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('environment.AA = "1"\nmemory_mb = 128\n', {"AA": "1", "BB": "2"}),
        ('environment = {AA = "1"}\n', {"AA": "1", "BB": "2"}),
        ("environment = {}\n", {"BB": "2"}),
        ('environment.AA = "1"\nmemory_mb = 128\nenvironment.BB = "0"\n', {"AA": "1", "BB": "2"}),
        ('"environment"."AA" = "1" # why\n', {"AA": "1", "BB": "2"}),
    ],
)
def test_variables_are_set_however_their_table_is_written(
    text: str, expected: dict[str, str]
) -> None:
    assert tomli.loads(edit(text, environment_BB="2"))["environment"] == expected


def test_line_ends_stay_as_they_are() -> None:
    text = BUSY.replace("\n", "\r\n")
    made = edit(text, memory_mb="512", timeout_s="9", environment_NEW="x")
    assert made.count("\r\n") == made.count("\n") == text.count("\n") + 2


def test_a_byte_order_mark_is_not_our_business() -> None:
    assert edit("\ufeff" + BUSY, memory_mb="512").startswith("\ufeff# Orders.")


def test_what_is_so_already_is_the_same_file() -> None:
    for text in (BUSY, BUSY.replace("\n", "\r\n"), BUSY.replace("\n", "\r\n", 1)):
        assert edit(text, memory_mb="128", environment_TABLE="orders") == text


def test_what_looks_like_a_comment_in_a_text_is_left_alone() -> None:
    text = 'description = """\nwhat\n# not a comment"""\n\n[environment]\nAA = "1"\n'
    made = edit(text, memory_mb="512")
    assert tomli.loads(made) == {**tomli.loads(text), "memory_mb": 512}
    assert edit(made, "memory_mb").replace("\n", "") == text.replace("\n", "")


# --- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        (
            "memory_mb",
            "64",
            "memory_mb must be a whole number from 128 to 10240, not the number 64.",
        ),
        ("memory_mb", "lots", 'not the text "lots".'),
        ("memory_mb", "512\ntimeout_s = 9", "must be a whole number"),
        ("memory_mb", "9" * 5000, "must be a whole number"),
        ("memory_mb", "[" * 5000, "must be a whole number"),
        ("memory_mb", "true", "not true"),
        ("timeout_s", "1.5", "must be a whole number"),
        ("keep_alive_s", "inf", "must be a number"),
        ("freeze", "yes", "must be true or false"),
        ("architecture", "risc", "must be"),
        ("handler", "a b", "must be 1 to 128 characters without blanks"),
        ("layers", "../common", "must be an array of at most 5 layers"),
        ("layers", '["a","b","c","d","e","f"]', "Cannot reference more than 5 layers."),
        ("kms_key", "../key", "must be 1 to 64 letters"),
        ("memroy_mb", "512", "did you mean memory_mb?"),
        ("environment", "{}", "environment is a table"),
        ("environment.", "x", "Unknown key"),
        ("", "x", "Unknown key"),
        ("description", "\udc80", "must be UTF-8"),
        ("environment.A\udc80", "x", "must be UTF-8"),
    ],
)
def test_what_is_not_allowed_is_refused_as_the_reader_would(key: str, text: str, said: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        edited(PATH, BUSY.encode(), values={key: text})
    assert said in str(refused.value)


def test_only_what_is_there_can_be_unset() -> None:
    with pytest.raises(InvalidParameter, match=r"timeout_s is not set in .*function\.toml"):
        edit(BUSY, "timeout_s")
    with pytest.raises(InvalidParameter, match="to be set, and to be unset"):
        edit(BUSY, "memory_mb", memory_mb="512")


@pytest.mark.parametrize("content", [b"memory_mb = ", b"\xff\xfea\x00", b"a = '\xff'"])
def test_a_file_that_is_no_toml_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidManifest):
        edited(PATH, content, values={"memory_mb": "512"})


def test_a_table_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidManifest, match="environment must be a table of variables"):
        edit("environment = 3\n", environment_AA="x")


# --- any allowed value ---------------------------------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "memory_mb": st.integers(128, 10240),
    "timeout_s": st.integers(1, 900),
    "keep_alive_s": st.one_of(st.integers(0, 86400), st.floats(0, 86400)),
    "freeze": st.booleans(),
    "description": _TEXT,
    "handler": st.from_regex(r"\A[a-z\"'\\#=.]{1,40}\Z"),
    "layers": st.lists(_TEXT.filter(bool), max_size=5),
    "ignore": st.lists(_TEXT.filter(bool), max_size=3),
    "environment.NAME": _TEXT,
}
_FILES = (BUSY, "", "# only a comment", 'environment.NAME = "x"\n', BUSY.replace("\n", "\r\n"))


@given(
    text=st.sampled_from(_FILES),
    wanted=st.fixed_dictionaries({}, optional=_VALUES),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_allowed_value_is_read_back_as_it_was_given(text: str, wanted: dict[str, Any]) -> None:
    written = {
        key: each if isinstance(each, str) else tomlkit.item(each).as_string()
        for key, each in wanted.items()
    }
    made = edited(PATH, text.encode(), values=written)
    expected = tomli.loads(text.replace("\r\n", "\n"))
    for key, each in wanted.items():
        assert value_of(key, written[key]) == each
        table = expected
        *tables, name = key.split(".")
        for part in tables:
            table = table.setdefault(part, {})
        table[name] = each
    assert tomli.loads(made.decode().replace("\r\n", "\n")) == expected
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert [line for line in made.decode().splitlines() if line in comments] == comments
    again = edited(PATH, made, values=written)
    assert again == made


@given(text=st.text(max_size=200), key=st.text(max_size=20), value=st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_whatever_it_is_given_it_refuses_or_does(text: str, key: str, value: str) -> None:
    try:
        made = edited(PATH, text.encode("utf-8", "replace"), values={key: value})
    except RequestError:
        return
    assert tomli.loads(made.decode().removeprefix("\ufeff"))
