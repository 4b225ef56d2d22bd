"""What people do all day, and how many keys it takes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.runtime import Event, FakeRuntime
from tests.integration.tui import stage
from tests.integration.tui.player import playing
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName
from workbench.tui.situation import Pane, Tab

ORDERS = FunctionName("orders")


async def test_the_last_event_is_run_with_one_key(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")

        assert json.loads(player.response)["body"]["status"] == "accepted"
        assert "✔ 200" in player.text
        assert "38 ms · billed 213 ms · 64/128 MB · cold 174 ms" in player.text


async def test_function_event_run_are_three_keys(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("j")  # search-index
        await player.press("]")
        await player.run("ctrl+r")

        row = player.app.desk.rows(FunctionName("search-index"))[0]
        assert (row.kind, row.event) == (OutcomeKind.SUCCESS, "reindex")


async def test_keys_take_effect_in_the_order_they_were_pressed(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("up", "up")
        await player.pilot.press("down", "down", "]", "ctrl+r")
        await player.until(lambda: player.app.desk.rows(ORDERS))

        row = player.app.desk.rows(ORDERS)[0]
        assert row.function == "orders"
        assert row.event == "created"


async def test_what_stands_in_the_editor_is_sent_and_the_file_is_left_alone(shop: Path) -> None:
    seen: list[bytes] = []

    async def note(scene: stage.Scene, runtime: FakeRuntime, event: Event) -> None:
        seen.append(event.payload)
        await stage.answer(scene, runtime, event)

    async with playing(shop, prepare=lambda s: s.scripts.update(orders=note)) as player:
        before = (shop / "orders" / "events" / "bad-sku.json").read_bytes()
        await player.press("enter", "enter", "end", "backspace")
        await player.type(', "x": 1}')
        assert "bad-sku •" in player.text

        await player.run("ctrl+r")

        assert seen == [b'{"sku": null, "x": 1}']
        assert (shop / "orders" / "events" / "bad-sku.json").read_bytes() == before


async def test_a_run_in_progress_says_how_far_it_is_and_can_be_cancelled(shop: Path) -> None:
    async with playing(shop, prepare=lambda s: s.scripts.update(orders=stage.wait)) as player:
        await player.press("ctrl+r")
        await player.until(lambda: "handler" in player.status)
        player.scene.clock.advance(1.4)
        await player.pilot.pause(0.3)
        assert "handler 1.4 s" in player.status
        assert "init 174 ms" in player.status
        assert "f9 cancels" in player.status

        await player.run("f9")

        assert player.app.desk.rows(ORDERS)[0].kind is OutcomeKind.STOPPED
        assert "■ stopped" in player.text
        assert "waiting for the stock service" in [
            entry.text for entry in player.app.home.result.logs.entries
        ]


async def test_a_run_is_repeated_with_the_payload_it_had(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        await player.press("]")  # another event is in the editor by now

        await player.run("r")

        rows = player.app.desk.rows(ORDERS)
        assert [row.event for row in rows] == ["bad-sku", "bad-sku"]


async def test_an_answer_stays_in_sight_until_the_next_one_lands(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        player.scene.scripts["orders"] = stage.wait
        await player.press("ctrl+r")
        await player.until(lambda: "the answer of 14:01:58" in player.text)
        assert player.stale()

        player.scene.gate().set()
        await player.until(lambda: not len(player.app.desk.live))

        assert not player.stale()
        assert "the answer of" not in player.text


async def test_a_result_is_never_shown_beside_another_function(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        await player.press("j")
        assert player.response == ""
        assert "Result ─" in player.text

        await player.press("k")

        assert "accepted" in player.response


async def test_a_failure_shows_where_in_ones_own_code(shop: Path) -> None:
    async with playing(shop, prepare=lambda s: s.scripts.update(orders=stage.fail)) as player:
        await player.run("ctrl+r")
        assert "✖ failed · KeyError" in player.text
        assert "KeyError: 'sku'" in player.text  # below its row

        await player.press("shift+tab", "]", "]")

        assert player.tab() is Tab.REPORT
        assert 'File "/var/task/app.py", line 12, in handler' in player.text


async def test_a_timeout_is_told_as_one(shop: Path) -> None:
    async with playing(shop, prepare=lambda s: s.scripts.update(orders=stage.hang)) as player:
        await player.press("ctrl+r")
        await player.until(lambda: "handler" in player.status)

        player.scene.clock.advance(3.0)
        await player.until(lambda: not len(player.app.desk.live))

        assert "✖ timed out" in player.text
        assert "Task timed out" in player.text


async def test_logs_are_followed_while_the_function_runs(shop: Path) -> None:
    async with playing(shop, prepare=lambda s: s.scripts.update(orders=stage.wait)) as player:
        await player.press("ctrl+r")
        await player.until(lambda: "handler" in player.status)

        await player.press("shift+tab", "]")

        assert player.tab() is Tab.LOGS
        assert "waiting for the stock service" in player.text
        assert "● follow" in player.text
        player.scene.gate().set()
        await player.until(lambda: "REPORT RequestId" in player.text)


async def test_past_runs_are_there_the_next_time(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        await player.press("]")
        player.scene.scripts["orders"] = stage.fail
        await player.run("ctrl+r")

    async with playing(shop) as player:
        await player.until(lambda: "KeyError: 'sku'" in player.text)
        await player.press("tab", "j")
        await player.until(lambda: "accepted" in player.response)
        await player.press("L")

        assert "stock is low" in player.text  # its log came from the history too
        assert player.pane() is Pane.RESULT


@pytest.mark.parametrize("size", [(60, 20), (79, 30)])
async def test_in_a_small_terminal_one_goes_from_list_to_detail_and_back(
    shop: Path, size: tuple[int, int]
) -> None:
    async with playing(shop, size=size) as player:
        assert "Functions" in player.text
        assert "Event ·" not in player.text
        await player.press("enter")
        assert player.pane() is Pane.EVENT
        assert "Functions ─" not in player.text
        await player.run("ctrl+r")
        assert player.pane() is Pane.RESULT
        assert "✔ 200" in player.text

        await player.press("escape", "escape")

        assert player.pane() is Pane.FUNCTIONS


async def test_a_pane_is_zoomed_and_given_back(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("tab", "tab", "z")
        assert player.app.home.event.size.width == 120
        assert "Result" not in player.text

        await player.press("escape")

        assert "Result" in player.text
        assert player.pane() is Pane.EVENT
