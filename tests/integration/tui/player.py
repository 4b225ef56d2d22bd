"""Somebody at the keyboard, in front of the screen on its stage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from tests.integration.tui.stage import Scene, Setting, StageApp, scene
from workbench.model.names import FunctionName
from workbench.model.telemetry import Report
from workbench.tui.session import Session, session_path, write_session
from workbench.tui.situation import Pane, Tab
from workbench.tui.terminal import Terminal

_PATIENCE_S = 120.0


@dataclass(slots=True)
class Player:
    """Somebody at the keyboard."""

    scene: Scene
    app: StageApp
    pilot: Pilot[None]

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other, and let what they do happen."""
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(_PATIENCE_S):
            while not condition():
                await self.pilot.pause(0.01)
        await self.settle()

    async def settle(self) -> None:
        """Until nothing is on its way: no work that ends by itself, no message, no frame."""
        lasting = {"feed", "images", "overlay", "find", "quit"}
        async with asyncio.timeout(_PATIENCE_S):
            while any(
                worker.is_running
                and worker.group not in lasting
                and not worker.group.startswith("run ")
                and not self.app.screen.is_modal
                for worker in self.app.workers
            ):
                await self.pilot.pause(0.01)
        await self.pilot.pause()
        await self.pilot.pause()

    async def select(self, name: str) -> None:
        """Select a function as quickly as can be."""
        names = [function.name for function in self.app.desk.functions]
        here = names.index(self.app.desk.selected or names[0])
        there = names.index(FunctionName(name))
        await self.press(*(["j"] * (there - here) + ["k"] * (here - there)))

    async def run(self, key: str = "ctrl+r") -> None:
        """Run, and wait for the report."""
        with self.scene.workbench.subscribe() as feed:
            await self.pilot.press(key)
            async with asyncio.timeout(_PATIENCE_S):
                while not any(isinstance(v, Report) for v in await feed.wait_values()):
                    pass
        await self.until(lambda: not len(self.app.desk.live))

    # --- what is seen ---------------------------------------------------------------------------------

    @property
    def lines(self) -> list[str]:
        """The screen as text."""
        screen = self.app.screen
        width, height = screen.size
        strips = screen._compositor.render_strips(screen.size)
        lines = [strip.text.ljust(width) for strip in strips[:height]]
        return lines + [" " * width] * (height - len(lines))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def status(self) -> str:
        """The status line."""
        return self.lines[-2].strip()

    @property
    def footer(self) -> str:
        return self.lines[-1].strip()

    def pane(self) -> Pane:
        return self.app.home.at

    def tab(self) -> Tab:
        return self.app.home.result.tab

    @property
    def response(self) -> str:
        """What the result pane shows as the answer."""
        return self.app.home.result.response.text

    def stale(self) -> bool:
        """The answer shown is an older one's."""
        return self.app.home.result.response.stale

    @property
    def editor(self) -> str:
        return self.app.home.event.editor.text


@asynccontextmanager
async def playing(
    root: Path,
    *,
    size: tuple[int, int] = (120, 36),
    setting: Setting | None = None,
    terminal: Terminal | None = None,
    prepare: Callable[[Scene], None] | None = None,
) -> AsyncIterator[Player]:
    """The screen on the project in `root`; fails if it had to contain a bug of its own."""
    if not session_path(root).exists():
        write_session(session_path(root), Session(function=FunctionName("orders"), welcomed=True))
    async with scene(root, setting) as made:
        if prepare is not None:
            prepare(made)
        app = made.app(terminal)
        async with app.run_test(size=size) as pilot:
            player = Player(made, app, pilot)
            await player.settle()
            yield player
            for gate in made.gates.values():
                gate.set()
        assert app.faults == []
