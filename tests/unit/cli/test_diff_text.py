from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from workbench.cli.diff_text import HIDDEN, Look, as_lines, as_value
from workbench.model.difference import (
    ChangeType,
    Difference,
    FieldChange,
    FileChange,
    FileFacts,
    LayerChange,
    LayerState,
    VariableChange,
)
from workbench.model.names import FunctionName, Qualifier
from workbench.model.terminal_text import plain

PIPE = Look(terminal=False, styled=False)
SCREEN = Look(terminal=True, styled=True)
SAME = Difference(function=FunctionName("orders"), a=Qualifier("7"), b=Qualifier("8"))
FACTS = FileFacts(size_bytes=2048, executable=False)
RUNS = FileFacts(size_bytes=4096, executable=True)
FULL = replace(
    SAME,
    code=(
        FileChange(path="app.py", a=FACTS, b=FACTS, diff=("@@ -1 +1 @@", "-old", "+new")),
        FileChange(path="logo.png", a=FACTS, b=RUNS, no_diff="binary"),
        FileChange(path="new\nname", a=None, b=FACTS, diff=()),
    ),
    dependencies=(FileChange(path="requirements.txt", a=FACTS, b=None, diff=("-idna",)),),
    configuration=(FieldChange(field="memory_mb", a=128, b=256),),
    variables=(
        VariableChange(name="API_KEY", type=ChangeType.CHANGED, secret=True, a=None, b=None),
        VariableChange(name="STAGE", type=ChangeType.CHANGED, secret=False, a="dev", b="prod"),
        VariableChange(name="URL", type=ChangeType.ADDED, secret=False, a=None, b="http://x"),
    ),
    layers=(LayerChange(position=1, a=None, b=LayerState(stated="common", digest="c" * 64)),),
    image=("a" * 64, "b" * 64),
)


def test_everything_is_told_by_part() -> None:
    assert list(as_lines(FULL, PIPE)) == [
        "orders: 7 -> 8",
        "",
        "code:",
        "~ app.py",
        "  @@ -1 +1 @@",
        "  -old",
        "  +new",
        "~ logo.png (mode 644 -> 755, binary, 2.0 KB -> 4.0 KB)",
        '+ "new\\nname"',
        "",
        "dependencies:",
        "- requirements.txt",
        "  -idna",
        "",
        "configuration:",
        "~ memory_mb: 128 -> 256",
        "",
        "variables:",
        f"~ API_KEY: {HIDDEN} (changed)",
        '~ STAGE: "dev" -> "prod"',
        '+ URL: "http://x"',
        "",
        "layers:",
        "+ 1: common (cccccccccccc)",
        "",
        "image:",
        "~ aaaaaaaaaaaa -> bbbbbbbbbbbb",
    ]


def test_no_difference_has_no_lines() -> None:
    assert list(as_lines(SAME, PIPE)) == []
    assert as_value(SAME)["equal"] is True


def test_colours_say_nothing_that_the_text_does_not() -> None:
    assert [plain(line) for line in as_lines(FULL, SCREEN)] == list(as_lines(FULL, PIPE))


@given(st.text(st.sampled_from("\x1b[]0;31mJ\x07\r\n\x9b\u202e+a")))
def test_a_hostile_file_neither_drives_a_terminal_nor_forges_a_line(text: str) -> None:
    file = FileChange(path=text, a=FACTS, b=FACTS, diff=(f"+{text}",))
    bare = Look(terminal=True, styled=False)
    found = replace(
        SAME,
        code=(file,),
        variables=(VariableChange(name=text, type=ChangeType.ADDED, secret=False, a=None, b=text),),
    )

    lines = list(as_lines(found, bare))

    assert len(lines) == 8
    assert all(line == plain(line) and "\n" not in line for line in lines)


def test_json_has_all_of_it_and_no_secret() -> None:
    value = json.loads(json.dumps(as_value(FULL)))

    assert list(value) == [
        "function", "a", "b", "equal", "code", "configuration", "variables", "layers",
        "dependencies", "image",
    ]  # fmt: skip
    assert value["code"][1] == {
        "path": "logo.png",
        "change": "changed",
        "a": {"size_bytes": 2048, "mode": "644"},
        "b": {"size_bytes": 4096, "mode": "755"},
        "diff": None,
        "no_diff": "binary",
    }
    assert value["variables"][0] == {
        "name": "API_KEY", "change": "changed", "secret": True, "a": None, "b": None,
    }  # fmt: skip
    assert value["image"] == {"a": "a" * 64, "b": "b" * 64}
