"""The part of the app that asks: questions, lines to type, choices.

An overlay is imported when it is first opened: the first paint does not wait for what it does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from textual.screen import Screen

from workbench.tui.choices import Choice, Target
from workbench.tui.keyboard import KeyboardApp
from workbench.tui.situation import Situation

T = TypeVar("T")
A = TypeVar("A")


class AskingApp(KeyboardApp, inherit_bindings=False):
    """Every method waits for the person; call them from workers."""

    async def _answer(self, overlay: Screen[A]) -> A | None:
        answer = self.push_screen(overlay, wait_for_dismiss=True)
        overlay.call_after_refresh(self.overlay_is_there)
        return await answer

    async def ask(self, text: str, *, yes: str, no: str) -> bool:
        from workbench.tui.overlays.question import Question

        return await self._answer(Question(text, yes=yes, no=no)) is True

    async def prompt(  # the signature of `Front`
        self,
        label: str,
        *,
        text: str = "",
        done: str = "ok",
        check: Callable[[str], str | None] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> str | None:
        from workbench.tui.overlays.prompt import Prompt

        prompt = Prompt(label, text=text, done=done, check=check, tell=tell)
        return await self._answer(prompt)

    async def pick(
        self,
        title: str,
        choices: Sequence[Choice[T]],
        *,
        placeholder: str = "",
        look: Callable[[T], None] | None = None,
        current: T | None = None,
    ) -> T | None:
        from workbench.tui.overlays.picker import Picker

        picker = Picker(title, choices, placeholder=placeholder, look=look, current=current)
        return await self._answer(picker)

    async def jump_letters(self, targets: list[Target]) -> str | None:
        from workbench.tui.overlays.jump import Jump

        return await self._answer(Jump(targets))

    async def help(self, situation: Situation, *, ascii_only: bool) -> None:
        """What the focused pane is; until a key closes it."""
        from workbench.tui.overlays.help import Help

        await self._answer(Help(situation, ascii_only=ascii_only))
