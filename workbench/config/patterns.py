"""Patterns as in .gitignore, checked where they are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from workbench.config.complaints import Complaints, quoted
from workbench.config.toml_file import Document
from workbench.config.toml_lines import KeyPath


def good_patterns(
    document: Document, patterns: Sequence[str], key: KeyPath, complaints: Complaints
) -> tuple[str, ...]:
    """Those of `patterns`, which stand under `key`, that mean something."""
    good: list[str] = []
    for index, pattern in enumerate(patterns):
        try:
            matcher((pattern,))
        except (ValueError, re.error):
            complaints.error(
                f"{quoted(pattern)} is no pattern as in .gitignore, such as *.log or build/.",
                line=document.line((*key, index)),
            )
        else:
            good.append(pattern)
    return tuple(good)


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a relative path, a folder's ending with `/`, is matched. Raises on a bad pattern."""
    if not patterns:
        return lambda _: False
    import pathspec  # 55 ms, which a project without patterns need not wait for

    return pathspec.GitIgnoreSpec.from_lines(patterns).match_file
