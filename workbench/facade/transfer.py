"""Functions as files: exported, and imported elsewhere."""

from __future__ import annotations

from pathlib import Path

from workbench.functions.exporting import Exporting
from workbench.functions.importing import Importing
from workbench.model.names import FunctionName
from workbench.model.transfer import Exported, Imported


class Transfer:
    """Out of this project, and into it."""

    def __init__(self, *, exporting: Exporting, importing: Importing) -> None:
        self._exporting = exporting
        self._importing = importing

    async def export(self, name: FunctionName, path: Path) -> Exported:
        """Write a function to a new file, without secret values. See `Exporting.export`."""
        return await self._exporting.export(name, path)

    async def import_file(
        self, path: Path, *, name: FunctionName | None = None, values: Path | None = None
    ) -> Imported:
        """Take in the function in a file. See `Importing.import_file`."""
        return await self._importing.import_file(path, name=name, values=values)
