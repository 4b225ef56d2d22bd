"""What importing a room drags in. A static graph cannot see deferred imports; a process can."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workbench"
SCREEN = ("textual",)

IMPORTER = """
import importlib, json, sys
found = {}
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
    for forbidden in json.loads(sys.argv[2]):
        if forbidden in sys.modules and forbidden not in found:
            found[forbidden] = name
print(json.dumps(found))
"""


def dragged_in(modules: list[str], forbidden: tuple[str, ...]) -> dict[str, str]:
    """Import `modules` in a fresh process: what of `forbidden` came with which one."""
    ended = subprocess.run(
        [sys.executable, "-I", "-c", IMPORTER, json.dumps(modules), json.dumps(forbidden)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, str] = json.loads(ended.stdout)
    return found


def headless_modules() -> list[str]:
    """Every module but the terminal UI's."""
    names = [
        info.name
        for info in pkgutil.walk_packages([str(PACKAGE)], "workbench.")
        if info.name.split(".")[1] not in ("tui", "__main__")
    ]
    assert len(names) > 30
    return names


def test_no_room_but_the_terminal_uis_own_imports_textual() -> None:
    assert dragged_in(headless_modules(), SCREEN) == {}


def test_the_model_needs_nothing_but_python() -> None:
    model = [name for name in headless_modules() if name.startswith("workbench.model")]
    third_party = (
        "docker",
        "httptools",
        "rich",
        "textual",
        "tomli",
        "watchdog",
        "sqlite3",
        "asyncio",
    )
    assert dragged_in(model, third_party) == {}


def test_help_waits_for_no_large_library() -> None:
    large = (
        "cryptography",
        "docker",
        "httptools",
        "rich",
        "sqlite3",
        "textual",
        "tomli",
        "watchdog",
    )
    assert dragged_in(["workbench.cli.main"], large) == {}


def test_the_first_paint_waits_for_nothing_that_it_does_not_show() -> None:
    later = (
        "aiohttp",
        "cryptography",
        "docker",
        "markdown_it",
        "requests",
        "rich.progress",
        "textual.widgets._text_area",
        "tree_sitter",
        "watchdog",
        "workbench.cli.commands.replay",
        "workbench.docker",
        "workbench.engine.scheduler",
        "workbench.facade.replay",
        "workbench.store.commits",
        "workbench.runtime_api.server",
        "workbench.tui.overlays.help",
        "workbench.tui.overlays.jump",
        "workbench.tui.overlays.picker",
        "workbench.tui.overlays.prompt",
        "workbench.tui.overlays.question",
        "workbench.tui.panes.empty_pane",
        "workbench.tui.panes.keys_pane",
        "workbench.tui.report_rows",
        "workbench.tui.widgets.editor",
        "workbench.tui.widgets.json_view",
        "workbench.tui.widgets.log_view",
        "workbench.tui.widgets.report_view",
    )
    screen = [
        "workbench.cli.main",
        "workbench.cli.commands.start",
        "workbench.api.control",
        "workbench.tui.app",
    ]
    assert dragged_in(screen, later) == {}
