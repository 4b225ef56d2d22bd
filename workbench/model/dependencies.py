"""What a function's requirements.txt or package.json say, and what tells two of them apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from workbench.model.runtime import DependencyRule
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedDependencies:
    """The files that state dependencies, as they were read."""

    rule: DependencyRule
    files: Mapping[str, bytes]

    def digest(self, *way: str) -> str:
        """The same for the same files, installed in the same way: `way` is all else that matters."""
        whole = hashlib.sha256("\0".join((*way, self.rule.mount, *self.rule.install)).encode())
        for name, content in sorted(self.files.items()):
            whole.update(f"\0{name}\0{len(content)}\0".encode())
            whole.update(content)
        return whole.hexdigest()
