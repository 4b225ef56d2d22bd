"""How the screen looks, at the two sizes it is made for.

The pictures are in `__snapshots__`; after a change that is meant, look at the new ones before they
are committed: `pytest tests/integration/tui/test_snapshots.py --snapshot-update`.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_textual_snapshot import (  # type: ignore[import-untyped] # it has no types
    SVGImageExtension,
)
from syrupy.assertion import SnapshotAssertion

from tests.integration.tui import projects, stage
from tests.integration.tui.player import Player, playing
from tests.integration.tui.stage import Scene, Setting
from tests.integration.tui.test_trouble import BROKE, REFUSED, STEPS
from workbench.functions import invoker
from workbench.model.names import RequestId

SIZES = ((120, 36), (80, 24))
SPINNER = str.maketrans(dict.fromkeys("⠙⠹⠸⠼⠴⠦⠧⠇⠏", "⠋"))
"""How often it has turned is nobody's doing."""
NEXT_TRY = re.compile(r"(next&#160;try&#160;in&#160;)\d")
"""Nor how often the engine has been tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One way the screen can look, and how it comes to it."""

    play: Callable[[Player], Awaitable[None]]
    prepare: Callable[[Scene], None] | None = None
    setting: Setting | None = None
    empty: bool = False


async def nothing(player: Player) -> None:
    """As it is when it opens."""


async def answered(player: Player) -> None:
    await player.run("ctrl+r")


async def logs(player: Player) -> None:
    await player.run("ctrl+r")
    await player.press("shift+tab", "L")


async def report(player: Player) -> None:
    await player.run("ctrl+r")
    await player.press("shift+tab", "L", "]")


async def running(player: Player) -> None:
    await player.press("ctrl+r")
    await player.until(lambda: "handler" in player.status)


async def building(player: Player) -> None:
    await player.press("ctrl+r")
    await player.until(lambda: "orders  builds image python3.13 3/5" in player.status)


async def build_broken(player: Player) -> None:
    await player.press("ctrl+r")
    await player.until(lambda: "could not be built" in player.text)


async def broken_manifest(player: Player) -> None:
    await player.select("legacy-import")


async def unreachable(player: Player) -> None:
    await player.until(lambda: "not reachable" in player.text)


async def typing(player: Player) -> None:
    await player.press("enter", "enter", "end", "backspace")


async def help_page(player: Player) -> None:
    await player.press("f1")


async def palette(player: Player) -> None:
    await player.press("ctrl+p")
    await player.type("re")


def _fails(scene: Scene) -> None:
    scene.scripts["orders"] = stage.fail


def _waits(scene: Scene) -> None:
    scene.scripts["orders"] = stage.wait


def _builds(scene: Scene) -> None:
    scene.images.steps, scene.images.only = list(STEPS), "python3.13"


def _cannot_build(scene: Scene) -> None:
    scene.images.fails, scene.images.only = BROKE, "python3.13"


LOOKS = {
    "opened": Look(play=nothing),
    "answered": Look(play=answered),
    "failed": Look(play=answered, prepare=_fails),
    "logs": Look(play=logs, prepare=_fails),
    "cold start": Look(
        play=report, setting=Setting(create_s=0.0071, start_s=0.1932, boot_s=0.0612)
    ),
    "running": Look(play=running, prepare=_waits),
    "building": Look(play=building, prepare=_builds),
    "build broken": Look(play=build_broken, prepare=_cannot_build),
    "broken manifest": Look(play=broken_manifest),
    "engine out of reach": Look(play=unreachable, setting=Setting(refused=REFUSED)),
    "no isolation": Look(play=nothing, setting=Setting(kind="process", isolated=False)),
    "not JSON": Look(play=typing),
    "no functions": Look(play=nothing, empty=True),
    "help": Look(play=help_page),
    "palette": Look(play=palette),
}


@pytest.fixture(autouse=True)
def same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that are the same ones each time."""
    numbers = itertools.count(0x5EED << 112)

    def same() -> uuid.UUID:
        return uuid.UUID(int=next(numbers), version=4)

    monkeypatch.setattr(uuid, "uuid4", same)
    monkeypatch.setattr(invoker, "new_request_id", lambda: RequestId(str(same())))


@pytest.mark.parametrize("name", LOOKS)
async def test_it_looks_as_it_did(
    name: str, shop: Path, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    look = LOOKS[name]
    if look.empty:
        (tmp_path / "another").mkdir()
    root = projects.empty(tmp_path / "another") if look.empty else shop
    large, *smaller = SIZES
    async with playing(root, size=large, setting=look.setting, prepare=look.prepare) as player:
        await look.play(player)
        assert picture(player) == snapshot(name=size_name(large), extension_class=SVGImageExtension)
        for size in smaller:
            await player.pilot.resize_terminal(*size)
            await player.settle()

            assert picture(player) == snapshot(
                name=size_name(size), extension_class=SVGImageExtension
            )


def picture(player: Player) -> str:
    """What is seen, but for what differs from time to time."""
    drawn = player.app.export_screenshot(simplify=True).translate(SPINNER)
    return NEXT_TRY.sub(r"\g<1>1", drawn)


def size_name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
