from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from workbench.tui.stack import stack_of

PYTHON = {
    "errorMessage": "'sku'",
    "errorType": "KeyError",
    "stackTrace": [
        '  File "/var/task/app.py", line 12, in handler\n    price = reserve(order)\n',
        '  File "/opt/python/stock/client.py", line 88, in reserve\n    return line["sku"]\n',
    ],
}
NODE = {
    "errorType": "TypeError",
    "errorMessage": "x is not a function",
    "trace": [
        "TypeError: x is not a function",
        "    at handler (file:///var/task/src/index.mjs:3:9)",
        "    at run (/var/task/node_modules/lib/main.js:7:1)",
        "    at node:internal/process/task_queues:95:5",
    ],
}


def test_python_frames_are_read() -> None:
    lines = stack_of(json.dumps(PYTHON).encode())

    assert [line.own for line in lines] == [True, True, False, False]
    assert (lines[0].file, lines[0].line) == (PurePosixPath("app.py"), 12)


def test_node_frames_are_read_and_dependencies_are_not_ones_own() -> None:
    lines = stack_of(json.dumps(NODE).encode())

    assert [line.own for line in lines] == [False, True, False, False]
    assert (lines[1].file, lines[1].line) == (PurePosixPath("src/index.mjs"), 3)


def test_without_a_container_the_code_is_elsewhere() -> None:
    payload = {"stackTrace": ['  File "/srv/shop/.workbench/code/77c2/app.py", line 3, in f']}

    lines = stack_of(json.dumps(payload).encode(), Path("/srv/shop/.workbench/code/77c2"))

    assert lines[0].file == PurePosixPath("app.py")


def test_no_path_leads_out_of_the_function() -> None:
    payload = {"stackTrace": ['  File "/var/task/../../etc/passwd", line 1, in f']}

    assert stack_of(json.dumps(payload).encode())[0].file is None


def test_a_stack_is_safe_for_a_terminal() -> None:
    payload = {"stackTrace": ["\x1b]52;c;cm0gLXJm\x07 at \x9b2Jx (/var/task/a.py:1)"]}

    assert all(c.isprintable() for c in stack_of(json.dumps(payload).encode())[0].text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["stackTrace", "trace"]), inner)
        ),
        max_leaves=8,
    )
)
def test_any_payload_has_a_stack_or_none(payload: object) -> None:
    stack_of(json.dumps(payload).encode())


@given(st.binary(max_size=40))
def test_any_bytes_have_a_stack_or_none(payload: bytes) -> None:
    stack_of(payload)
