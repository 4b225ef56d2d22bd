from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tui.values import ORDERS
from workbench.model.names import FunctionName
from workbench.tui.drafts import Draft
from workbench.tui.session import Session, read_session, session_path, write_session

NAMES = st.text(min_size=1, max_size=8).map(FunctionName)
DRAFTS = st.builds(
    Draft,
    event=st.none() | st.text(min_size=1, max_size=8),
    saved=st.none(),
    text=st.text(max_size=40),
    cursor=st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
SESSIONS = st.builds(
    Session,
    function=st.none() | NAMES,
    open_events=st.dictionaries(NAMES, st.none() | st.text(max_size=8), max_size=3),
    drafts=st.lists(st.tuples(NAMES, DRAFTS), max_size=3).map(tuple),
    tab=st.none() | st.just("logs"),
    theme=st.none() | st.just("nord"),
    ascii_only=st.none() | st.booleans(),
    welcomed=st.booleans(),
)


@given(SESSIONS)
def test_what_is_kept_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, session: Session
) -> None:
    path = session_path(tmp_path_factory.mktemp("project"))

    write_session(path, session)

    assert read_session(path) == session


def test_drafts_are_nobody_elses_business(tmp_path: Path) -> None:
    path = session_path(tmp_path)

    write_session(path, Session(drafts=((ORDERS, Draft(event="a", saved=None, text="secret")),)))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["session.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": 2}',
        "[" * 100_000,
        '{"format": 1, "function": 7, "open": [1], "drafts": {"a": 1}, "tab": [], "ascii": 3}',
        '{"format": 1, "drafts": [7, {}, {"function": "a"}, {"function": "a", "text": 7}]}',
        '{"format": 1, "open": {"a": 7}}',
    ],
)
def test_what_is_not_understood_is_as_if_it_were_not_there(tmp_path: Path, content: str) -> None:
    path = session_path(tmp_path)
    path.parent.mkdir()
    path.write_text(content)

    assert read_session(path) == Session()


def test_a_cursor_out_of_all_bounds_is_at_the_beginning(tmp_path: Path) -> None:
    path = session_path(tmp_path)
    path.parent.mkdir()
    draft = {"function": "a", "event": "e", "text": "1", "cursor": [-1, 1e9]}
    path.write_text(json.dumps({"format": 1, "drafts": [draft]}))

    assert read_session(path).drafts[0][1].cursor == (0, 0)


def test_no_file_is_no_session(tmp_path: Path) -> None:
    assert read_session(session_path(tmp_path)) == Session()
