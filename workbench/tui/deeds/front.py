"""What deeds need of the screen: the desk, and a few ways to show, say and ask."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol, TypeVar

from workbench.model.names import FunctionName
from workbench.tui.choices import Choice
from workbench.tui.desk import Aspect, Desk
from workbench.tui.situation import Situation
from workbench.tui.views.functions import FunctionsView

T = TypeVar("T")


class Front(Protocol):
    """The app, as deeds see it."""

    @property
    def desk(self) -> Desk: ...

    @property
    def home(self) -> FunctionsView:
        """The view."""
        ...

    def situation(self) -> Situation:
        """Here and now."""
        ...

    def show(self, aspects: Aspect = Aspect.ALL) -> None:
        """These are not true any more."""
        ...

    def flash(self, text: str, *, bad: bool = False) -> None:
        """Say it on the status line for a while."""
        ...

    def work(
        self, work: Callable[[], Coroutine[None, None, None]], *, group: str, alone: bool = False
    ) -> None:
        """Do something that waits. alone: what the group did before is given up."""
        ...

    def stop_work(self, group: str) -> bool:
        """Give up what a group does; whether it did anything."""
        ...

    async def ask(self, text: str, *, yes: str, no: str) -> bool:
        """A question; No is the answer of every key but y."""
        ...

    async def prompt(
        self,
        label: str,
        *,
        text: str = "",
        done: str = "ok",
        check: Callable[[str], str | None] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> str | None:
        """A line; `None`: thought better of it."""
        ...

    async def pick(
        self,
        title: str,
        choices: Sequence[Choice[T]],
        *,
        placeholder: str = "",
        look: Callable[[T], None] | None = None,
        current: T | None = None,
    ) -> T | None:
        """One of several; `None`: none."""
        ...

    async def copy(self, text: str) -> str:
        """To the clipboard; what is known of it. Raises `OSError`."""
        ...

    async def lend_terminal(self, argv: list[str]) -> int:
        """To another program. Raises `OSError`, `CannotSuspend`."""
        ...

    async def select(self, name: FunctionName) -> None:
        """Select a function and show what belongs to it."""
        ...

    def remember(self) -> None:
        """Something worth keeping for the next time is another."""
        ...
