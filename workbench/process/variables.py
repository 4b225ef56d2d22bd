"""A runtime's environment variables where there is no container: its paths become this machine's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workbench.model.container import Mount

DEPENDENCIES = "WORKBENCH_DEPENDENCIES"
"""Tells our own runtime clients where the function's dependencies are."""

LAYERS = "WORKBENCH_LAYERS"
"""Tells them where its layers are, merged."""


def local_variables(
    given: Iterable[tuple[str, str]],
    *,
    mounts: Iterable[Mount],
    image_only: Mapping[str, str],
    path: str,
) -> dict[str, str]:
    """`given` with every path into a mount replaced by the folder that is mounted there.

    image_only: variables that the runtime sets for its image. Where the function has not set such a
    list of folders itself, those of the image are left out. path: what PATH ends with.
    """
    roots = {mount.target: str(mount.source) for mount in mounts}
    variables: dict[str, str] = {}
    for name, value in given:
        parts = value.split(":")
        local = [_local(part, roots) for part in parts]
        folders = all(part.startswith("/") for part in parts)
        if folders and image_only.get(name) == value:
            local = [new for new, old in zip(local, parts, strict=True) if new != old]
        if name == "PATH":
            local.append(path)
        if local:
            variables[name] = ":".join(local)
    variables.setdefault("PATH", path)
    return variables


def _local(path: str, roots: Mapping[str, str]) -> str:
    """`path` on this machine, where it is a path into one of `roots`."""
    for target in sorted(roots, key=len, reverse=True):
        if path == target or path.startswith(f"{target}/"):
            return roots[target] + path.removeprefix(target)
    return path
