"""What is published, put together."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.clock import Clock
from workbench.facade.releases import Releases
from workbench.functions.keeper import EngineKeeper
from workbench.functions.preparation import Preparation
from workbench.functions.published import Published
from workbench.functions.registry import Registry
from workbench.functions.repository import Repository
from workbench.model.function import Function

if TYPE_CHECKING:
    from workbench.functions.publishing import Publishing


def make_releases(  # noqa: PLR0913 - composition
    repository: Repository,
    *,
    registry: Registry,
    preparation: Preparation,
    keeper: EngineKeeper,
    read_function: Callable[[Path], Function | None],
    clock: Clock,
    roll: Callable[[], float] = random.random,
) -> Releases:
    """Nothing is read or made before something published is asked for. roll: see `Published`."""
    published = Published(
        repository, runtimes=preparation.runtimes, keeper=keeper, registry=registry, roll=roll
    )

    def publishing() -> Publishing:
        from workbench.functions.publishing import Publishing  # who publishes nothing does without

        return Publishing(
            repository,
            preparation=preparation,
            published=published,
            registry=registry,
            read_function=read_function,
            clock=clock,
        )

    return Releases(
        repository=repository, published=published, publishing=publishing, registry=registry
    )
