"""The part of the app that deals with the terminal itself: lends it, and copies through it."""

from __future__ import annotations

from textual.app import App

from workbench.tui import clipboard
from workbench.tui.programs import run_on_terminal
from workbench.tui.terminal import Terminal


class LendingApp(App[None], inherit_bindings=False):
    """`terminal` is what is known of it."""

    terminal = Terminal()

    async def lend_terminal(self, argv: list[str]) -> int:
        return await run_on_terminal(self, argv)

    async def copy(self, text: str) -> str:
        driver = self._driver
        write = None if driver is None or self.is_headless else driver.write
        self._clipboard = text  # what pasting inside the app brings
        return await clipboard.copy(text, self.terminal, write)
