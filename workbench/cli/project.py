"""The workbench of the project that the command line names."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from workbench.assembly.workbench import open_workbench
from workbench.config.settings import Overrides
from workbench.errors import InvalidParameter
from workbench.facade.workbench import Workbench
from workbench.model.settings import EngineKind


def project_root(arguments: Namespace) -> Path:
    """The project's folder, absolute. Raises `InvalidParameter` when it is none."""
    try:
        root: Path = (arguments.project or Path()).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise InvalidParameter(
            f"{arguments.project or 'The current folder'} cannot be opened: "
            f"{getattr(error, 'strerror', None) or error}.",
            parameter="--project",
        ) from error
    if not root.is_dir():
        raise InvalidParameter(
            f"{arguments.project} is not a folder. A project is a folder of functions.",
            parameter="--project",
        )
    return root


@asynccontextmanager
async def opened(
    arguments: Namespace, *, kind: str = "cli", engine: bool = True
) -> AsyncIterator[Workbench]:
    """The workbench while the context is open.

    kind: what other workbenches see it as (`InstanceKind`). engine: open the container engine too;
    otherwise only what is on disk can be asked for, and sooner.
    """
    overrides = Overrides(
        engine=None if arguments.engine is None else EngineKind(arguments.engine),
        environment_name=arguments.env,
    )
    async with open_workbench(
        project_root(arguments), overrides=overrides, kind=kind, hold_engine=not engine
    ) as workbench:
        yield workbench
