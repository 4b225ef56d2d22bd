"""Keys that variables of published versions are sealed with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from workbench.model.keys import KeyInfo, Rotation, key_name

if TYPE_CHECKING:
    from workbench.store.rotation import KeyCare  # SQLite, which the screen does without

_T = TypeVar("_T")


class SealingKeys:
    """This user's keys, as far as this project has to do with them. All raise `SealingError`."""

    def __init__(self, care: Callable[[], AbstractContextManager[KeyCare]]) -> None:
        """care: entered for each question, in a thread."""
        self._care = care

    async def listed(self) -> tuple[KeyInfo, ...]:
        """Those there are and those that something here needs, sorted by name."""
        return await asyncio.to_thread(self._asked, lambda care: care.listed())

    async def create(self, name: str) -> None:
        """Make a key. Raises `AlreadyExists`, `InvalidParameter`."""
        checked = key_name(name)
        await asyncio.to_thread(self._asked, lambda care: care.create(checked))

    async def rotate(self, name: str, *, gone_too: bool = False) -> Rotation:
        """Seal everything of this project with a new generation of the key.

        gone_too: projects whose folder is not there any more need nothing. Raises `KeyNotFound`.
        Cancellation: stops waiting; it goes on.
        """
        checked = key_name(name)
        return await asyncio.to_thread(
            self._asked, lambda care: care.rotate(checked, gone_too=gone_too)
        )

    async def remove(self, name: str, *, gone_too: bool = False) -> None:
        """Remove a key for good. Raises `KeyInUse`, `KeyNotFound`."""
        checked = key_name(name)
        await asyncio.to_thread(self._asked, lambda care: care.remove(checked, gone_too=gone_too))

    def _asked(self, question: Callable[[KeyCare], _T]) -> _T:
        with self._care() as care:
            return question(care)
