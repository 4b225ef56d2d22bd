"""Which functions a project has, and what they come to. Reads, never executes.

A function is a folder with a function.toml, at any depth, but not inside another function or a layer.
Hidden folders and those named in `_SKIPPED` or ignored by `[project] ignore` are not looked into.

Invariant: whatever is wrong with one function, every other one is listed as if it were not there.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from workbench.config.capacity import budget_mb, too_large, too_many
from workbench.config.complaints import Complaints
from workbench.config.events import FOLDER as EVENTS
from workbench.config.events import event_names
from workbench.config.files import unreadable
from workbench.config.layers import FindLayer, apart, warn_of_misfits
from workbench.config.manifest import MANIFEST, Inherited, ManifestReader, fallback_name
from workbench.config.patterns import matcher
from workbench.config.settings import SETTINGS, Overrides, read_settings
from workbench.config.toml_file import parse_toml, read_toml
from workbench.config.variables import NOTHING, Layer, env_layer, label_of, toml_layer
from workbench.errors import InvalidParameter
from workbench.model.concurrency import share_out
from workbench.model.function import Function, Problem, Project, reservations
from workbench.model.layer import LayerVersionId
from workbench.model.names import FunctionName, RuntimeName
from workbench.model.runtime import Runtime
from workbench.model.settings import Settings
from workbench.values import dataclass

_SKIPPED = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
"""Folders full of other people's files. Hidden ones (.git, .venv, .workbench) are skipped anyway."""

_MOST_FOLDERS = 20_000
"""Whoever opens their home folder by mistake gets an answer all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFiles:
    """A project as it stands on disk."""

    project: Project
    settings: Settings
    inherited: Inherited
    """What `read_function` needs to read one of its functions again."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A folder with a manifest."""

    folder: Path
    entries: tuple[os.DirEntry[str], ...]
    note: str | None = None
    """Something to say about how it was found."""
    manifest: bytes | None = None
    """What its manifest is taken to say; `None`: what it says."""


def project_root(folder: Path) -> Path:
    """The same, absolute and without links. Raises `InvalidParameter` when there is no such folder."""
    root = folder.resolve()
    if not root.is_dir():
        raise InvalidParameter(f"{root} is not a folder.", parameter="project")
    return root


def _nothing_published(asked: LayerVersionId) -> None:
    del asked


def read_project(
    root: Path,
    *,
    runtimes: Mapping[RuntimeName, Runtime],
    overrides: Overrides | None = None,
    find_layer: FindLayer = _nothing_published,
) -> ProjectFiles:
    """All functions below `root`, or `root` itself when it is one.

    Raises `InvalidParameter` when there is no such folder; all else is a problem of the project or
    of one function.
    """
    root = project_root(root)
    file = read_settings(root, runtimes=runtimes, overrides=overrides)
    complaints = Complaints(root)
    complaints.take(file.problems)
    search = _Search(root, matcher(file.settings.ignored_paths), complaints)
    functions = [
        _read(found, root=root, inherited=file.inherited, runtimes=runtimes, find_layer=find_layer)
        for found in search.run()
    ]
    limit = file.settings.limits.concurrency
    excess = too_many(limit, functions, budget_mb(file.settings))
    if excess is not None and file.limit_line is not None:
        complaints.warn(excess, path=root / SETTINGS, line=file.limit_line)
    return ProjectFiles(
        project=Project(
            root=root,
            functions=_all_told(functions, file.settings),
            problems=complaints.result(),
        ),
        settings=file.settings,
        inherited=file.inherited,
    )


def read_function(
    folder: Path,
    *,
    files: ProjectFiles,
    runtimes: Mapping[RuntimeName, Runtime],
    manifest: bytes | None = None,
    find_layer: FindLayer = _nothing_published,
) -> Function | None:
    """One function of a project again; `None` when its folder has no manifest any more, or is in a
    layer.

    manifest: what its function.toml is taken to say, in place of what it says.
    """
    try:
        with os.scandir(folder) as scan:
            entries = tuple(scan)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return _unreadable(folder, error)
    if not any(entry.name == MANIFEST for entry in entries):
        return None
    root = files.project.root
    function = _read(
        _Found(folder, entries, manifest=manifest),
        root=root,
        inherited=files.inherited,
        runtimes=runtimes,
        find_layer=find_layer,
    )
    others = [other for other in files.project.functions if other.folder != folder]
    told = _all_told([function, *others], files.settings)
    return next((each for each in told if each.folder == folder), None)


class ProjectReader:
    """Reads a project again and again, as hot reload needs it. Every method may block."""

    def __init__(
        self,
        root: Path,
        *,
        runtimes: Mapping[RuntimeName, Runtime],
        overrides: Overrides | None = None,
        find_layer: FindLayer = _nothing_published,
    ) -> None:
        """Raises `InvalidParameter` when there is no such folder."""
        self._root = root
        self._runtimes = runtimes
        self._overrides = overrides
        self._find_layer = find_layer
        self.files = self._read()
        """As last read."""

    def read(self) -> Project:
        """All of it."""
        self.files = self._read()
        return self.files.project

    def _read(self) -> ProjectFiles:
        return read_project(
            self._root,
            runtimes=self._runtimes,
            overrides=self._overrides,
            find_layer=self._find_layer,
        )

    def read_function(self, folder: Path, manifest: bytes | None = None) -> Function | None:
        """One function; `None` when the folder has no manifest any more. manifest: see the function
        of that name.
        """
        return read_function(
            folder,
            files=self.files,
            runtimes=self._runtimes,
            manifest=manifest,
            find_layer=self._find_layer,
        )

    @property
    def concurrency(self) -> int:
        """The account's limit, as last read."""
        return self.files.settings.limits.concurrency


# --- looking for them --------------------------------------------------------------------------------


class _Search:
    """One walk through a project."""

    def __init__(self, root: Path, ignored: Callable[[str], bool], complaints: Complaints) -> None:
        self._root = root
        self._prefix = len(os.path.join(root, ""))  # noqa: PTH118 - a Path has no trailing slash
        self._ignored = ignored
        self._complaints = complaints

    def run(self) -> Iterator[_Found]:
        """Every folder with a manifest, in no order."""
        pending = [self._root]
        seen = 0
        while pending:
            folder = pending.pop()
            seen += 1
            if seen > _MOST_FOLDERS:
                self._complaints.error(
                    f"It has more than {_MOST_FOLDERS:,} folders, and not all were looked at. Name "
                    "those without functions under ignore in [project] of workbench.toml."
                )
                return
            entries = self._entries(folder)
            if any(entry.name == MANIFEST for entry in entries):
                yield _Found(folder, entries)
                continue
            for entry in entries:
                if entry.is_symlink():
                    if not self._skipped(entry):
                        yield from self._linked(Path(entry.path))
                elif entry.is_dir() and not self._skipped(entry):
                    pending.append(Path(entry.path))

    def _entries(self, folder: Path) -> tuple[os.DirEntry[str], ...]:
        try:
            with os.scandir(folder) as scan:
                return tuple(scan)
        except OSError as error:
            self._complaints.error(unreadable(error), path=folder)
            return ()

    def _skipped(self, entry: os.DirEntry[str]) -> bool:
        if entry.name.startswith(".") or entry.name in _SKIPPED:
            return True
        return self._ignored(f"{entry.path[self._prefix :]}/")

    def _linked(self, link: Path) -> Iterator[_Found]:
        """A link to a function elsewhere is taken, and said; other folders are not looked into."""
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            if isinstance(error, FileNotFoundError):
                self._complaints.warn("This link leads nowhere.", path=link)
            else:
                self._complaints.error("This link leads back to itself.", path=link)
            return
        if not target.is_dir():
            return
        if link.is_relative_to(target):
            self._complaints.warn(
                "This link leads back to a folder around it, and was not followed.", path=link
            )
        elif target.is_relative_to(self._root) and not self._hidden(target):
            return  # it is looked at where it is
        elif (target / MANIFEST).is_file():
            note = f"This folder is a link to {target}, outside of the project."
            yield _Found(link, self._entries(link), note)
        else:
            self._complaints.warn(
                f"This link leads out of the project, to {target}, and was not followed. "
                "Link to the functions themselves to have them here.",
                path=link,
            )

    def _hidden(self, target: Path) -> bool:
        parts = target.relative_to(self._root).parts
        return any(part.startswith(".") or part in _SKIPPED for part in parts)


# --- reading one -----------------------------------------------------------------------------------------


def _read(
    found: _Found,
    *,
    root: Path,
    inherited: Inherited,
    runtimes: Mapping[RuntimeName, Runtime],
    find_layer: FindLayer,
) -> Function:
    folder = found.folder
    path = folder / MANIFEST
    complaints = Complaints(path)
    if found.note is not None:
        complaints.warn(found.note, path=folder)
    by_name = {entry.name: entry for entry in found.entries}
    if by_name[MANIFEST].is_symlink() and not path.resolve().is_relative_to(root):
        complaints.warn("This file is a link that leads out of the project.")
    try:
        document = read_toml(path) if found.manifest is None else parse_toml(path, found.manifest)
    except FileNotFoundError as error:  # a dangling link, or gone since the folder was listed
        return _unreadable(path, error)
    complaints.take(document.problems)
    own = toml_layer(document, ("environment",), label=label_of(path, root), complaints=complaints)
    env_file = f"{inherited.environment_name}.env"
    above = _env_layer(folder / env_file, root, complaints) if env_file in by_name else NOTHING
    manifest = ManifestReader(
        document=document,
        folder=folder,
        root=root,
        files=frozenset(by_name),
        own=own,
        above=above,
        inherited=inherited,
        runtimes=runtimes,
        complaints=complaints,
    ).read()
    if manifest.configuration is not None:
        warn_of_misfits(
            manifest.layers,
            manifest.configuration,
            find=find_layer,
            region=inherited.region,
            account=inherited.account,
            complaints=complaints,
        )
    events = event_names(by_name[EVENTS], complaints) if EVENTS in by_name else ()
    return Function(
        name=manifest.name,
        folder=folder,
        configuration=manifest.configuration,
        problems=complaints.result(),
        events=events,
        has_dependencies=manifest.has_dependencies,
        ignored_paths=manifest.ignored_paths,
        layers=manifest.layers,
    )


def _env_layer(path: Path, root: Path, complaints: Complaints) -> Layer:
    try:
        return env_layer(path, label=label_of(path, root), complaints=complaints)
    except FileNotFoundError as error:  # a dangling link
        complaints.error(unreadable(error), path=path)
        return NOTHING


def _unreadable(path: Path, error: OSError) -> Function:
    """A function of which nothing can be said but that it is there."""
    folder = path.parent if path.name == MANIFEST else path
    return Function(
        name=fallback_name(folder),
        folder=folder,
        configuration=None,
        problems=(Problem(path=path, line=None, message=unreadable(error)),),
    )


def _all_told(functions: Iterable[Function], settings: Settings) -> tuple[Function, ...]:
    """`functions`, sorted by name, with what is wrong only because of others, or of the machine."""
    told = sorted(_told_apart(apart(functions)), key=lambda function: function.name)
    refused = share_out(settings.limits.concurrency, reservations(told), {}).refused
    budget = budget_mb(settings)
    return tuple(
        _warned(
            each,
            reserved_concurrency=f"{refused[each.name]} The function runs without the reservation."
            if each.name in refused
            else None,
            memory_mb=too_large(each, budget),
        )
        for each in told
    )


def _warned(function: Function, **messages: str | None) -> Function:
    """`function`, with a warning for each key of its manifest that something is to be said of."""
    if not any(messages.values()):
        return function
    complaints = Complaints(function.folder / MANIFEST)
    complaints.take(function.problems)
    for key, message in messages.items():
        if message is not None:
            complaints.warn(message, line=_line_of(key, function.folder))
    return replace(function, problems=complaints.result())


def _told_apart(functions: Iterable[Function]) -> list[Function]:
    """`functions`, of which those with one name each have a problem that names the others."""
    by_name: defaultdict[FunctionName, list[Function]] = defaultdict(list)
    for function in functions:
        by_name[function.name].append(function)
    told: list[Function] = []
    for name, bearers in by_name.items():
        if len(bearers) == 1:
            told += bearers
            continue
        for function in bearers:
            others = [other.folder for other in bearers if other is not function]
            complaints = Complaints(function.folder / MANIFEST)
            complaints.take(function.problems)
            complaints.error(
                f"Another function is named {name} too: "
                f"{', '.join(str(folder / MANIFEST) for folder in sorted(others))}. "
                "Give one of them another name.",
                line=_line_of("name", function.folder),
            )
            told.append(replace(function, problems=complaints.result()))
    return told


def _line_of(key: str, folder: Path) -> int | None:
    """Where a manifest gives a key; read again, because functions rarely disturb each other."""
    try:
        return read_toml(folder / MANIFEST).line((key,))
    except FileNotFoundError:
        return None
