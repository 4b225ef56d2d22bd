from __future__ import annotations

from pathlib import Path

import pytest

from workbench.tui.programs import editor_argv
from workbench.tui.terminal import read_terminal, unsuitable


@pytest.fixture
def path(tmp_path: Path) -> str:
    for name in ("vim", "nano", "less", "xclip", "wl-copy", "code"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return str(tmp_path)


def test_the_persons_own_editor_wins(path: str) -> None:
    assert read_terminal({"PATH": path, "EDITOR": "vim -n"}).editor == ("vim", "-n")
    assert read_terminal({"PATH": path, "EDITOR": "vim", "VISUAL": "code -w"}).editor == (
        "code",
        "-w",
    )
    assert read_terminal({"PATH": path}).editor == ("nano",)
    assert read_terminal({"PATH": "/nowhere"}).editor is None


@pytest.mark.parametrize("editor", ["'", "nowhere", "", "  "])
def test_an_editor_that_cannot_be_is_passed_over(path: str, editor: str) -> None:
    assert read_terminal({"PATH": path, "EDITOR": editor}).editor == ("nano",)


def test_the_clipboards_program_is_the_displays(path: str) -> None:
    assert read_terminal({"PATH": path}).copier is None
    x11 = read_terminal({"PATH": path, "DISPLAY": ":0"})
    assert x11.copier == ("xclip", "-selection", "clipboard")
    both = read_terminal({"PATH": path, "DISPLAY": ":0", "WAYLAND_DISPLAY": "w"})
    assert both.copier == ("wl-copy",)


@pytest.mark.parametrize(
    ("environment", "ascii_only"),
    [
        ({"LANG": "en_GB.UTF-8"}, False),
        ({"LANG": "C.utf8"}, False),
        ({}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "ja_JP.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "linux"}, True),
        ({"LANG": "de_DE.ISO-8859-1", "LC_ALL": "C.UTF-8"}, False),
    ],
)
def test_poor_terminals_get_plain_signs(environment: dict[str, str], ascii_only: bool) -> None:
    assert read_terminal(environment).ascii_only is ascii_only


def test_no_color_is_heeded() -> None:
    assert not read_terminal({"NO_COLOR": "1"}).colour
    assert read_terminal({"NO_COLOR": ""}).colour


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_draw_is_told_so(term: str) -> None:
    said = unsuitable({"TERM": term}, terminal=True)

    assert said is not None
    assert "workbench invoke" in said


def test_a_pipe_is_no_terminal() -> None:
    assert unsuitable({"TERM": "xterm"}, terminal=False) is not None
    assert unsuitable({"TERM": "xterm-256color"}, terminal=True) is None


@pytest.mark.parametrize(
    ("editor", "argv"),
    [
        (("vim",), ["vim", "+12", "/f.py"]),
        (("/usr/bin/nano", "-w"), ["/usr/bin/nano", "-w", "+12", "/f.py"]),
        (("hx",), ["hx", "/f.py:12"]),
        (("code",), ["code", "--wait", "--goto", "/f.py:12"]),
        (("code", "-w"), ["code", "-w", "--goto", "/f.py:12"]),
        (("ed",), ["ed", "/f.py"]),
    ],
)
def test_each_editor_is_told_the_line_in_its_own_way(
    editor: tuple[str, ...], argv: list[str]
) -> None:
    assert editor_argv(editor, Path("/f.py"), 12) == argv
