"""Other programs: editor, pager, clipboard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.tui import stage
from tests.integration.tui.player import playing
from workbench.tui import clipboard
from workbench.tui.terminal import Terminal


def program(folder: Path, name: str, script: str) -> tuple[str, ...]:
    """An executable."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return (str(path),)


def copied(folder: Path) -> tuple[Terminal, Path]:
    """A terminal whose clipboard is a file."""
    target = folder / "clipboard"
    return Terminal(copier=program(folder, "copier", f"cat > {target}")), target


async def test_the_editor_gets_the_event_and_what_it_leaves_is_taken(
    shop: Path, tmp_path: Path
) -> None:
    editor = program(tmp_path, "editor", 'printf \'{"edited": true}\\n\' > "$1"')
    async with playing(shop, terminal=Terminal(editor=editor)) as player:
        await player.press("enter", "e")
        await player.until(lambda: player.editor == '{"edited": true}')

        assert "bad-sku •" in player.text
        assert not Path(player.app.lent[0][-1]).exists()  # nothing is left behind
        assert (shop / "orders" / "events" / "bad-sku.json").read_text() == '{"sku": null}'


async def test_broken_json_from_the_editor_is_kept(shop: Path, tmp_path: Path) -> None:
    editor = program(tmp_path, "editor", 'printf \'{"edited": tru\' > "$1"')
    async with playing(shop, terminal=Terminal(editor=editor)) as player:
        await player.press("enter", "f4")
        await player.until(lambda: player.editor == '{"edited": tru')

        assert player.status.startswith("not JSON yet: line 1, column 12")


async def test_an_editor_that_fails_changes_nothing(shop: Path, tmp_path: Path) -> None:
    editor = program(tmp_path, "editor", "echo oh > $1; exit 3")
    async with playing(shop, terminal=Terminal(editor=editor)) as player:
        await player.press("enter", "e")
        await player.until(lambda: "ended with status 3" in player.status)

        assert player.editor == '{"sku": null}'


async def test_a_missing_editor_is_said(shop: Path) -> None:
    async with playing(shop, terminal=Terminal(editor=None, pager=None)) as player:
        await player.press("enter", "e")
        assert player.status == "No editor was found: set EDITOR."
        await player.press("f3")
        assert player.status == "No pager was found: set PAGER."

    async with playing(shop, terminal=Terminal(editor=("/nowhere/editor",))) as player:
        await player.press("enter", "e")
        assert "could not be started" in player.status


async def test_the_code_is_opened_where_it_is_broken(shop: Path, tmp_path: Path) -> None:
    vim = program(tmp_path, "vim", "exit 0")
    async with playing(shop, terminal=Terminal(editor=vim)) as player:
        await player.press("e")
        await player.until(lambda: player.app.lent)
        assert player.app.lent[0][1:] == [str(shop / "orders" / "app.py")]

        await player.select("legacy-import")
        await player.press("e")
        await player.until(lambda: len(player.app.lent) == 2)

        assert player.app.lent[1][1:] == ["+3", str(shop / "legacy-import" / "function.toml")]


async def test_a_stack_frame_opens_its_file_at_its_line(shop: Path, tmp_path: Path) -> None:
    vim = program(tmp_path, "vim", "exit 0")
    prepare = lambda s: s.scripts.update(orders=stage.fail)  # noqa: E731 - one line says it
    async with playing(shop, terminal=Terminal(editor=vim), prepare=prepare) as player:
        await player.run("ctrl+r")
        await player.press("shift+tab", "]", "]", "j", "j", "j", "enter")
        await player.until(lambda: player.app.lent)

        assert player.app.lent[0][1:] == ["+12", str(shop / "orders" / "app.py")]


async def test_the_pager_gets_what_the_pane_shows(shop: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    pager = program(tmp_path, "pager", f'cp "$1" {seen}')
    async with playing(shop, terminal=Terminal(pager=pager)) as player:
        await player.run("ctrl+r")
        await player.press("shift+tab", "f3")
        await player.until(seen.exists)
        assert json.loads(seen.read_text())["statusCode"] == 200

        seen.unlink()
        await player.press("]", "f3")
        await player.until(seen.exists)

        assert "stock is low  sku=B-7" in seen.read_text()  # without its colours


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (["y"], "orders"),
        (["Y"], "wb invoke orders -e bad-sku"),
        (["enter", "y"], '{"sku": null}'),
        (["shift+tab", "j", "y"], "200"),
        (["shift+tab", "]", "g", "j", "j", "y"], "handler start  orderId=8812"),
        (["shift+tab", "]", "]", "y"], "✔ ok"),
    ],
)
async def test_what_the_cursor_is_on_is_copied(
    shop: Path, tmp_path: Path, keys: list[str], text: str
) -> None:
    terminal, target = copied(tmp_path)
    async with playing(shop, terminal=terminal) as player:
        await player.run("ctrl+r")

        await player.press(*keys)
        await player.until(target.exists)

        await player.until(lambda: target.read_text() == text)
        assert player.status.startswith("copied")


async def test_a_selection_is_copied(shop: Path, tmp_path: Path) -> None:
    terminal, target = copied(tmp_path)
    async with playing(shop, terminal=terminal) as player:
        await player.press("enter", "enter", "shift+end", "ctrl+c")
        await player.until(target.exists)

        assert target.read_text() == '{"sku": null}'


async def test_lines_are_selected_with_the_mouse(shop: Path, tmp_path: Path) -> None:
    terminal, target = copied(tmp_path)
    async with playing(shop, terminal=terminal) as player:
        await player.run("ctrl+r")
        await player.press("shift+tab", "]")
        await player.pilot.mouse_down("#logs", offset=(14, 2))
        await player.pilot.hover("#logs", offset=(20, 4))
        await player.pilot.mouse_up("#logs", offset=(20, 4))
        await player.settle()

        await player.press("ctrl+c")
        await player.until(target.exists)

        lines = target.read_text().split("\n")
        assert lines[0] == "handler start  orderId=8812"
        assert lines[1].endswith("stock is low  sku=B-7")
        assert len(lines) == 3


# --- the clipboard itself ------------------------------------------------------------------------------


async def test_a_terminal_is_only_asked(tmp_path: Path) -> None:
    written: list[str] = []

    said = await clipboard.copy("hi", Terminal(), written.append)

    assert said == "asked the terminal to copy 2 B"
    assert written == ["\x1b]52;c;aGk=\a"]


async def test_tmux_is_asked_both_ways() -> None:
    written: list[str] = []

    await clipboard.copy("hi", Terminal(tmux=True), written.append)

    assert written == ["\x1b]52;c;aGk=\a\x1bPtmux;\x1b\x1b]52;c;aGk=\a\x1b\\"]


async def test_what_is_too_large_for_a_terminal_goes_to_a_file() -> None:
    said = await clipboard.copy("x" * 100_000, Terminal(), lambda _: None)

    path = Path(said.rpartition(" ")[2])
    try:
        assert path.read_text() == "x" * 100_000
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        path.unlink()


@pytest.mark.parametrize("script", ["exit 1", "exec /nowhere"])
async def test_a_program_that_fails_is_not_believed(tmp_path: Path, script: str) -> None:
    written: list[str] = []
    terminal = Terminal(copier=program(tmp_path, "copier", script))

    assert (await clipboard.copy("hi", terminal, written.append)).startswith("asked")
    assert written


async def test_a_program_that_stays_in_the_background_holds_nothing_up(tmp_path: Path) -> None:
    terminal = Terminal(copier=program(tmp_path, "copier", "cat > /dev/null; sleep 5 &"))

    assert (await clipboard.copy("hi", terminal, None)).startswith("copied 2 B")
