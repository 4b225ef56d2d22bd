"""A project whose functions are configured, without anything that runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.fakes.releases import a_repository
from workbench.clock import SystemClock
from workbench.config.discovery import ProjectReader
from workbench.config.runtimes import load_runtimes, runtimes_folder
from workbench.facade.changes import Changes
from workbench.functions.code import CodeStore
from workbench.functions.configuring import Configuring
from workbench.functions.import_folder import ImportFolders
from workbench.functions.registry import Registry
from workbench.model.names import FunctionName
from workbench.model.release import Change

ORDERS = FunctionName("orders")
MANIFEST = """\
runtime = "python3.13"
memory_mb = 128  # enough

[environment]
DB_PASSWORD = "hunter2"
"""


def add(root: Path, name: str = "orders", manifest: str = MANIFEST) -> Path:
    """A function; its function.toml."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text("def handler(event, context):\n    return event\n")
    (folder / "function.toml").write_text(manifest)
    return folder / "function.toml"


class Desk:
    """What one process has of the project."""

    def __init__(self, root: Path) -> None:
        self.state = root / ".workbench"
        reader = ProjectReader(root, runtimes=load_runtimes(runtimes_folder()))
        self.repository = a_repository(self.state, CodeStore(self.state / "code"), SystemClock())
        self.store = self.repository.store
        self.configuring = Configuring(
            self.repository,
            registry=Registry(reader.files.project),
            read_function=reader.read_function,
            clock=SystemClock(),
        )

        self.undoing = Changes(
            store=self.store,
            folders=ImportFolders(root, self.state),
            configuring=self.configuring,
            clock=SystemClock(),
        )

    def edit(self, *unset: str, function: str = ORDERS, **values: str) -> Change | None:
        """`environment_NAME` is a variable."""
        return asyncio.run(
            self.configuring.edit(
                FunctionName(function),
                {key.replace("environment_", "environment."): each for key, each in values.items()},
                unset,
            )
        )

    def undo(self) -> Change:
        return asyncio.run(self.undoing.undo())

    def changes(self) -> Sequence[Change]:
        """The newest first."""
        return asyncio.run(self.store.changes())
