"""Where tests keep what they publish: real files, under their own folder."""

from __future__ import annotations

from pathlib import Path

from workbench.clock import Clock
from workbench.functions.code import CodeStore
from workbench.functions.layers import Layers
from workbench.functions.repository import Repository
from workbench.model.runtime import Runtime
from workbench.model.settings import Settings
from workbench.model.version import Image
from workbench.store.releases.release_store import ReleaseStore
from workbench.store.sealing import Keys


def a_repository(state: Path, code: CodeStore, clock: Clock) -> Repository:
    """A real one, with keys beside it."""
    return Repository(
        store=ReleaseStore(state, clock=clock),
        code=code,
        keys=lambda: Keys(state / "keys", place=state),
        state=state,
    )


def the_layers(state: Path, code: CodeStore, settings: Settings, clock: Clock) -> Layers:
    """Real ones, of what is published there."""
    return Layers(code=code, settings=settings, store=ReleaseStore(state, clock=clock).layers)


class KeepsImages:
    """Part of a fake `ports.ImageStore`: no image ever goes."""

    async def pinned(self, image: Image, runtime: Runtime, *, subject: str) -> Image:
        del runtime, subject
        return image
