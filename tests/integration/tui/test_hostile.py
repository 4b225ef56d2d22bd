"""What comes from outside is shown, never obeyed: by the terminal or by anything that reads markup."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.runtime import Event, FakeRuntime
from tests.integration.tui import projects
from tests.integration.tui.player import Player, playing
from tests.integration.tui.stage import Scene
from workbench.errors import BuildFailed
from workbench.model.container import LogStream

ATTACKS = (
    "\x1b]52;c;cm0gLXJmIH4=\x07",  # writes the clipboard
    "\x1b]0;owned\x07",  # sets the title
    "\x1b[2J\x1b[H",  # clears the screen
    "\x9b2J\x9d52;c;eA==\x9c",  # the same as C1
    "\u202eevil\u202c",  # turns the text round
    "[bold red]markup[/]",
    "[@click=app.bell]press[/]",
    "\x00\x07\x08\x7f",
)
NASTY = "".join(ATTACKS)
_OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Controls, formats such as the one that turns the text round, halves of pairs, separators."""


def drawn(player: Player) -> str:
    """Everything that would go to the terminal as text: segments, styles apart."""
    strips = player.app.screen._compositor.render_strips(player.app.screen.size)
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def assert_harmless(player: Player) -> None:
    for character in drawn(player):
        category = unicodedata.category(character)
        assert character == "\n" or category not in _OBEYED, f"{character!r} is {category}"


async def nasty_answer(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
    runtime.print(f"log {NASTY}\n\x1b[31mred\x1b[0m and \x1b[9999999mwhat\x1b[m\n")
    await runtime.respond(event, json.dumps({NASTY: [NASTY]}, ensure_ascii=False).encode())


async def nasty_text(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
    await runtime.respond(event, f"plain {NASTY}\nlines".encode())


async def nasty_error(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
    body = {
        "errorMessage": NASTY,
        "errorType": NASTY,
        "stackTrace": [f'  File "/var/task/app.py", line 1, in {NASTY}'],
    }
    await runtime.fail(event, json.dumps(body).encode())


@pytest.mark.parametrize("script", [nasty_answer, nasty_text, nasty_error])
async def test_nothing_a_function_says_reaches_the_terminal(shop: Path, script: object) -> None:
    def set_up(scene: Scene) -> None:
        scene.scripts["orders"] = script  # type: ignore[assignment] # each is one

    async with playing(shop, prepare=set_up) as player:
        await player.run("ctrl+r")
        assert_harmless(player)
        await player.press("shift+tab")
        seen = drawn(player)
        for _ in range(3):
            await player.press("]", "G", "g")
            assert_harmless(player)
            seen += drawn(player)
        assert "[bold red]markup[/]" in seen, "shown as it stands"
        await player.press("ctrl+p")
        assert_harmless(player)
        await player.press("escape", "ctrl+o")
        assert_harmless(player)
        await player.press("escape")


async def test_nothing_in_an_event_reaches_the_terminal(shop: Path) -> None:
    text = json.dumps({"a": NASTY}, ensure_ascii=False).replace("\\u001b", "\x1b")
    (shop / "orders" / "events" / "bad-sku.json").write_text(text)
    (shop / "orders" / "events" / "big.json").write_text(text + " " * 300_000)
    async with playing(shop) as player:
        assert_harmless(player)
        await player.press("enter", "enter", "end")
        assert_harmless(player)
        await player.press("escape", "]")
        assert "not JSON" in player.text
        assert_harmless(player)


async def test_nothing_a_build_says_reaches_the_terminal(shop: Path) -> None:
    def broken(scene: Scene) -> None:
        scene.images.fails = BuildFailed(f"image {NASTY}", step=NASTY, output=f"{NASTY}\n{NASTY}")

    async with playing(shop, prepare=broken) as player:
        await player.press("ctrl+r")
        await player.until(lambda: "could not be built" in player.text)

        assert_harmless(player)


async def test_nothing_in_a_file_name_reaches_the_terminal(tmp_path: Path) -> None:
    root = projects.shop(tmp_path).rename(tmp_path / "[red]up\x1b]0;owned\x07")
    broken = root / "legacy-import" / "function.toml"
    broken.write_text('runtime = "[bold]x[/]\\u001b]52;c;eA==\\u0007"\nhandler = "a.b"\n')
    async with playing(root) as player:
        await player.select("legacy-import")
        assert_harmless(player)
        await player.press("ctrl+p")
        await player.type("legacy")
        assert_harmless(player)
        await player.press("escape")


@pytest.mark.slow
@settings(
    max_examples=1, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(st.tuples(st.binary(max_size=300), st.text(max_size=200)), min_size=20))
async def test_any_answer_and_any_log_can_be_shown(
    shop: Path, sayings: list[tuple[bytes, str]]
) -> None:
    """One screen for all: what takes time is to open it."""
    said: list[tuple[bytes, str]] = []

    async def script(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
        answer, log = said[-1]
        runtime.host.write_log(LogStream.STDOUT, log.encode("utf-8", "surrogatepass") + b"\n")
        await runtime.respond(event, answer)

    async with playing(shop, prepare=lambda s: s.scripts.update(orders=script)) as player:
        for saying in sayings:
            said.append(saying)
            await player.run("ctrl+r")
            assert_harmless(player)
            await player.press("L")
            assert_harmless(player)
            await player.press("esc")
