"""Saved events on the screen: typed, saved, copied, deleted, brought back."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.tui.player import playing
from workbench.model.names import FunctionName
from workbench.tui.situation import Pane

ORDERS = FunctionName("orders")


def event(shop: Path, name: str) -> bytes:
    return (shop / "orders" / "events" / f"{name}.json").read_bytes()


def exists(shop: Path, name: str) -> bool:
    return (shop / "orders" / "events" / f"{name}.json").exists()


async def test_typing_is_checked_as_one_types(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("enter", "enter", "end", "backspace", "backspace")
        assert "not JSON: line 1, column 9" in player.text

        await player.press("ctrl+r")

        assert player.status.startswith("The event is not JSON: line 1, column 9")
        await player.type("l}")
        assert "JSON ok" in player.text


async def test_an_event_is_saved_as_typed_and_the_saving_is_undone(shop: Path) -> None:
    before = event(shop, "bad-sku")
    async with playing(shop) as player:
        await player.press("enter", "enter", "end", "backspace")
        await player.type("  }")
        await player.press("ctrl+s")
        assert event(shop, "bad-sku") == b'{"sku": null  }'
        assert player.status == "saved bad-sku   u undo"
        assert "bad-sku •" not in player.text

        await player.press("escape", "u")

        assert event(shop, "bad-sku") == before
        assert player.editor == before.decode()


async def test_a_new_event_gets_its_name_when_it_is_saved(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("enter", "a", "delete", "delete")
        await player.type('{"a": 1}')
        await player.press("ctrl+s")
        assert "save event as event" in player.status

        await player.type("first try")
        assert "letters, digits" in player.status  # and no blanks
        await player.press(*["backspace"] * 4, "enter")

        assert exists(shop, "first") is True
        assert json.loads(event(shop, "first")) == {"a": 1}
        assert "Event · first ─" in player.text


async def test_a_name_that_exists_is_asked_about_and_no_is_the_answer(shop: Path) -> None:
    before = event(shop, "refund")
    async with playing(shop) as player:
        await player.press("enter", "d")
        await player.type("refund")
        await player.press("enter")
        assert "refund exists already." in player.status

        await player.press("enter")  # any key but y
        await player.press("escape")

        assert event(shop, "refund") == before


async def test_an_event_is_duplicated_with_a_free_name(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("enter", "d", "enter")

        assert event(shop, "bad-sku-2") == event(shop, "bad-sku")
        assert player.app.desk.drafts.opened(ORDERS) == "bad-sku-2"
        await player.press("u")
        assert not exists(shop, "bad-sku-2")


async def test_a_deleted_event_comes_back(shop: Path) -> None:
    before = event(shop, "bad-sku")
    async with playing(shop) as player:
        await player.press("enter", "x")
        assert not exists(shop, "bad-sku")
        assert player.status == "deleted bad-sku   u undo"
        assert player.app.desk.drafts.opened(ORDERS) == "created"

        await player.press("u")

        assert event(shop, "bad-sku") == before
        assert player.app.desk.drafts.opened(ORDERS) == "bad-sku"
        await player.press("u")
        assert player.status == "There is nothing to undo in this session."


async def test_an_event_is_renamed(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("enter", "ctrl+p")
        await player.type("rename")
        await player.press("enter")
        await player.type("worse-sku")
        await player.press("enter")

        assert exists(shop, "worse-sku")
        assert not exists(shop, "bad-sku")


async def test_the_payload_of_a_run_becomes_an_event(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        await player.press("tab", "S")
        assert "save this run's event as bad-sku-2" in player.status

        await player.press("enter")

        assert event(shop, "bad-sku-2") == event(shop, "bad-sku")


async def test_an_event_is_chosen_from_a_list(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("o")
        assert "Events of orders" in player.text
        await player.type("ref")

        await player.press("enter")

        assert player.editor == '{"orderId": "8790"}'


async def test_what_is_typed_survives_looking_at_something_else_and_leaving(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("enter", "enter", "end", "backspace")
        await player.type(', "kept": 1}')
        await player.press("escape", "]", "[")
        assert '"kept": 1' in player.editor
        await player.press("shift+tab", "shift+tab", "j", "k")
        assert '"kept": 1' in player.editor
        await player.press("ctrl+q")

    async with playing(shop) as player:
        assert '"kept": 1' in player.editor
        assert "bad-sku •" in player.text
        assert player.app.home.event.editor.cursor_location == (0, 24)
        assert event(shop, "bad-sku") == b'{"sku": null}'


async def test_a_file_changed_elsewhere_is_read_again(shop: Path) -> None:
    async with playing(shop) as player:
        (shop / "orders" / "events" / "bad-sku.json").write_text('{"sku": "A-1"}')

        await player.until(lambda: player.editor == '{"sku": "A-1"}')

        assert player.status == "bad-sku was read again"


async def test_a_file_changed_on_both_sides_is_asked_about(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("enter", "enter", "end", "backspace")
        await player.type(" }")
        (shop / "orders" / "events" / "bad-sku.json").write_text('{"sku": "A-1"}')
        await player.until(lambda: "changed on disk, and here" in player.status)

        await player.press("n")

        assert player.editor == '{"sku": null }'
        assert "bad-sku •" in player.text


async def test_changes_are_discarded_on_demand(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("enter", "enter", "end", "space", "ctrl+p")
        await player.type("discard")
        await player.press("enter")

        assert player.editor == '{"sku": null}'
        assert "bad-sku •" not in player.text


async def test_an_event_too_large_to_type_in_is_shown_and_sent(shop: Path) -> None:
    big = json.dumps({"items": [{"id": number} for number in range(60_000)]})
    (shop / "orders" / "events" / "a-big-one.json").write_text(big)
    async with playing(shop) as player:
        assert "too large to type in" in player.text
        await player.press("enter", "enter")
        assert "f4 opens it" in player.status

        await player.run("ctrl+r")

        row = player.app.desk.shown()
        assert row is not None
        assert row.record is not None
        assert row.record.acceptance.payload == big.encode()


async def test_a_function_without_events_begins_with_an_empty_one(shop: Path) -> None:
    async with playing(shop) as player:
        await player.select("audit-sink")
        assert player.editor == "{}"
        assert "Event · new •" in player.text
        assert "^s saves it" in player.text

        await player.press("]")

        assert player.status == "This function has no saved events: ^s saves this one."
        assert player.pane() is Pane.FUNCTIONS


async def test_enter_goes_on_as_deep_as_the_line_before(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("enter", "a", "delete", "delete")
        await player.type("{")
        await player.press("enter")
        await player.type('"a": [')
        await player.press("enter")

        assert player.editor == '{\n  "a": [\n    '
