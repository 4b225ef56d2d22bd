"""Palette, jumping, finding, filtering, help: what changes nothing but what is in sight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.events import Key

from tests.fakes.runtime import Event, FakeRuntime
from tests.integration.tui import stage
from tests.integration.tui.player import Player, playing
from tests.integration.tui.stage import Scene
from workbench.model.names import FunctionName
from workbench.tui.situation import Pane, Tab


async def many_lines(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
    for number in range(100):
        runtime.print(f"line {number} {'WARN slow' if number % 10 == 3 else 'fine'}\n")
    runtime.print("a traceback\n  of two lines\n")
    scene.clock.advance(0.01)
    await runtime.respond(event, b"1")


async def with_logs(player: Player) -> None:
    player.scene.scripts["orders"] = many_lines
    await player.run("ctrl+r")
    await player.press("shift+tab", "]")
    assert player.tab() is Tab.LOGS


async def test_everything_is_in_the_palette_by_a_few_letters(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("ctrl+p")
        await player.type("zoom")
        await player.press("enter")

        assert player.app.home.zoomed


async def test_the_palette_says_why_something_cannot_be_done(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("colon")
        await player.type("cancel")
        assert "Nothing is running." in player.text

        await player.press("enter")

        assert player.app.screen.is_modal  # it stays
        await player.press("escape")


async def test_the_palette_goes_to_functions_events_and_runs(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        await player.press("ctrl+g")
        await player.type("geo ber")
        await player.press("enter")
        assert player.app.desk.selected == FunctionName("geo-lookup")
        assert player.editor == '{"city": "Berlin"}'
        assert player.pane() is Pane.EVENT

        await player.press("ctrl+g")
        await player.type("orders bad-sku 14:01")
        await player.press("enter")

        assert player.app.desk.selected == FunctionName("orders")
        assert player.pane() is Pane.RESULT
        assert "accepted" in player.response


async def test_the_shell_line_of_a_command_is_in_the_palette(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("ctrl+p")

        assert "wb invoke orders -e bad-sku" in player.text


async def test_typed_letters_are_for_the_palette_even_before_it_is_there(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("enter", "enter")
        for key in ("ctrl+p", "z", "o", "o", "m"):
            player.app.post_message(events_key(key))
        await player.until(lambda: "zoom the pane" in player.text)

        assert player.editor == '{"sku": null}'


def events_key(key: str) -> Key:
    return Key(key, key if len(key) == 1 else None)


@pytest.mark.parametrize(
    ("letter", "pane", "tab"),
    [("s", Pane.RUNS, None), ("f", Pane.RESULT, None), ("h", Pane.RESULT, Tab.LOGS)],
)
async def test_a_letter_jumps_also_while_typing(
    shop: Path, letter: str, pane: Pane, tab: Tab | None
) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        await player.press("enter", "enter", "ctrl+o")
        assert "press a letter to go there" in player.text

        await player.press(letter)

        assert player.pane() is pane
        assert tab is None or player.tab() is tab
        assert player.editor == '{"sku": null}'


async def test_finding_keeps_everything_in_sight(shop: Path) -> None:
    async with playing(shop) as player:
        await with_logs(player)
        await player.press("g", "/")
        await player.type("WARN")
        await player.press("enter")
        assert player.status.startswith("10 matches")
        first = player.app.home.result.logs.entry_at_cursor
        await player.press("n", "n", "N")
        second = player.app.home.result.logs.entry_at_cursor

        assert first is not None
        assert second is not None
        assert (first.text, second.text) == ("line 3 WARN slow", "line 13 WARN slow")
        await player.press("escape", "n")
        assert player.status == "Nothing is being searched for: / does."


async def test_a_filter_hides_what_does_not_match_but_never_the_platform(shop: Path) -> None:
    async with playing(shop) as player:
        await with_logs(player)
        await player.press("ampersand")
        await player.type("!fine|slow")
        await player.press("enter")
        assert "only not fine|slow" in player.text
        assert "a traceback" in player.text
        assert "START RequestId" in player.text
        assert "line 3 WARN" not in player.text

        await player.press("escape")

        assert len(player.app.home.result.logs.entries) == 106
        assert "only not" not in player.text


async def test_what_is_looked_at_stays_while_a_log_grows(shop: Path) -> None:
    async def slow(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
        for number in range(50):
            runtime.print(f"early {number}\n")
        await scene.gate().wait()
        for number in range(50):
            runtime.print(f"late {number}\n")
        await runtime.respond(event, b"1")

    async with playing(shop, prepare=lambda s: s.scripts.update(orders=slow)) as player:
        await player.press("ctrl+r")
        await player.until(lambda: "handler" in player.status)
        await player.press("shift+tab", "]", "g")
        assert "early 3" in player.text

        player.scene.gate().set()
        await player.until(lambda: "new lines" in player.text)

        assert "early 3" in player.text
        assert "52 new lines" in player.text  # END and REPORT are two
        await player.press("G")
        assert "REPORT" in player.text
        assert "new lines" not in player.text


async def test_a_response_folds_and_says_where_one_is(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        await player.press("shift+tab", "j", "j", "j")
        assert "╰─ .body ─" in player.text
        await player.press("h")
        assert '"body": { "orderId": "8812"' in player.text
        assert "6 members" in player.text
        await player.press("l", "j")
        assert "╰─ .body.orderId ─" in player.text

        await player.press("/")
        await player.type("A-1")
        await player.press("enter")

        assert "╰─ .body.reserved[0] ─" in player.text


async def test_what_is_not_json_is_shown_as_text(shop: Path) -> None:
    async def text(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
        await runtime.respond(event, b"<html>\n<b>hi</b>\n</html>")

    async with playing(shop, prepare=lambda s: s.scripts.update(orders=text)) as player:
        await player.run("ctrl+r")

        assert "<b>hi</b>" in player.text
        assert not player.app.home.result.response.is_json


@pytest.mark.slow
async def test_six_megabytes_are_there_at_once(shop: Path) -> None:
    big = json.dumps([{"id": number, "name": f"item {number}"} for number in range(150_000)])

    async def answer(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
        await runtime.respond(event, big.encode())

    async with playing(shop, prepare=lambda s: s.scripts.update(orders=answer)) as player:
        await player.run("ctrl+r")
        response = player.app.home.result.response
        assert '{ "id": 0, "name": "item 0" }' in player.text
        assert response.reading  # the rest comes a few milliseconds at a time

        await player.until(lambda: not response.reading)
        await player.press("shift+tab", "G", "k")

        assert '{ "id": 149999, "name": "item 149999" }' in player.text


async def test_a_key_that_cannot_work_says_why(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("f9")
        assert player.status == "Nothing is running."
        await player.press("tab", "r")
        assert player.status == "There is no run to repeat yet: ^r makes the first."


async def test_help_is_about_the_pane(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("tab", "f1")
        assert "Help · Runs" in player.text
        assert "kept on disk" in player.text

        await player.press("x")

        assert "Help" not in player.lines[3]


async def test_the_keys_stand_beside_for_as_long_as_one_wants(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("question_mark")
        assert "Copy as CLI" in player.text
        await player.press("f8")
        assert "Copy as CLI" not in player.text


async def test_a_theme_is_shown_while_its_name_is_looked_at(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("ctrl+p")
        await player.type("theme")
        await player.press("enter", "down")
        assert player.app.theme == "workbench-light"
        await player.press("escape")
        assert player.app.theme == "workbench-dark"

        await player.press("ctrl+p")
        await player.type("theme")
        await player.press("enter")
        await player.type("nord")
        await player.press("enter", "ctrl+q")
        assert player.app.theme == "nord"

    async with playing(shop) as player:
        assert player.app.theme == "nord"


async def test_ctrl_c_says_how_to_quit_and_does_not(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("ctrl+c")

        assert player.status == "nothing is selected   ^q quits"
        assert player.app.is_running


async def test_quitting_with_runs_in_flight_asks_and_no_is_the_answer(shop: Path) -> None:
    async with playing(shop, prepare=lambda s: s.scripts.update(orders=stage.wait)) as player:
        await player.press("ctrl+r")
        await player.until(lambda: "handler" in player.status)
        await player.press("ctrl+q")
        assert player.status.startswith("1 run in flight.")
        await player.press("enter")
        assert player.app.is_running

        await player.press("ctrl+q")
        await player.press("y")

        assert player.app._exit


async def test_a_click_does_what_it_points_at(shop: Path) -> None:
    async with playing(shop) as player:
        await player.pilot.click("#functions-list", offset=(6, 6))
        await player.settle()
        assert player.app.desk.selected == FunctionName("search-index")
        await player.pilot.click("#functions-list", offset=(6, 5), times=2)
        await player.settle()
        assert player.app.desk.selected == FunctionName("orders")
        assert player.pane() is Pane.EVENT
        run = player.app.home.bar.text.index("^r Run")

        await player.pilot.click("#bar", offset=(run, 0))
        await player.until(lambda: "accepted" in player.response)
        await player.pilot.click("#result-tabs", offset=(14, 0))
        await player.settle()

        assert player.tab() is Tab.LOGS
