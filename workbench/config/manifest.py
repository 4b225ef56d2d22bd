"""`function.toml`, and `[defaults]` of workbench.toml, which has the same keys.

Invariant: all mistakes of a file are found at once, and a configuration exists only without errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from workbench.config.complaints import Complaints, quoted, unknown
from workbench.config.files import read_bytes
from workbench.config.handler import check_handler
from workbench.config.keys import (
    Choice,
    Flag,
    Keys,
    Number,
    Table,
    Text,
    TextList,
    Whole,
    read_keys,
)
from workbench.config.layers import LayerReader, StatedLayer
from workbench.config.patterns import good_patterns
from workbench.config.toml_file import Document
from workbench.config.variables import NOTHING, Layer, merged, runtime_layer, too_large
from workbench.errors import InvalidManifest, InvalidParameter
from workbench.expression import expression
from workbench.model.function import Architecture, FunctionConfiguration, Severity, Variable
from workbench.model.keys import KEY_NAME
from workbench.model.layer import MOST_LAYERS, LayerReference
from workbench.model.names import FunctionName, RuntimeName, function_name
from workbench.model.runtime import Runtime
from workbench.model.settings import Settings
from workbench.model.terminal_text import plain, safe
from workbench.values import dataclass

MANIFEST = "function.toml"

MOST_CONCURRENCY = 100_000
KEEP_ALIVE = Number(minimum=0, maximum=86_400, unit=" seconds")

# Source of ranges and forms: Lambda API reference, CreateFunction.
SHARED_KEYS: Keys = {
    "runtime": Text(allowed="the name of a runtime"),
    "handler": Text(
        allowed="1 to 128 characters without blanks",
        pattern=expression(r"\S{1,128}"),
        longest=128,
    ),
    "memory_mb": Whole(minimum=128, maximum=10240),
    "timeout_s": Whole(minimum=1, maximum=900),
    "ephemeral_storage_mb": Whole(minimum=512, maximum=10240),
    "architecture": Choice(words=tuple(Architecture)),
    "description": Text(allowed="text of at most 256 characters", longest=256),
    "layers": TextList(
        allowed=f"an array of at most {MOST_LAYERS} layers",
        most=MOST_LAYERS,
        excess=f"Cannot reference more than {MOST_LAYERS} layers.",
    ),
    "kms_key": Text(allowed="1 to 64 letters, digits, - and _", pattern=KEY_NAME),
    "image": Text(
        allowed="an image reference, such as registry.example/name:tag",
        pattern=expression(r"[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,511}"),
    ),
    "reserved_concurrency": Whole(minimum=0, maximum=MOST_CONCURRENCY),
    "keep_alive_s": KEEP_ALIVE,
    "freeze": Flag(),
    "environment": Table(allowed="a table of variables"),
    "ignore": TextList(allowed="an array of patterns as in .gitignore"),
}
"""Keys that a function and `[defaults]` have alike."""

_AS_THEY_ARE = (
    "memory_mb",
    "timeout_s",
    "ephemeral_storage_mb",
    "kms_key",
    "image",
    "reserved_concurrency",
    "keep_alive_s",
    "freeze",
)
"""Keys whose values go into the configuration unchanged."""

MANIFEST_KEYS: Keys = {
    "name": Text(
        allowed="1 to 64 letters, digits, - and _", pattern=expression(r"[a-zA-Z0-9-_]{1,64}")
    ),
    **SHARED_KEYS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """What a function gets from the project around it."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Allowed values of `[defaults]`, without `environment`, `layers` and `ignore`."""
    layers: tuple[StatedLayer, ...] = ()
    """Those of `[defaults]`, for functions that state none."""
    region: str = Settings().region
    account: str = Settings().account
    below: Layer = NOTHING
    """Variables that function.toml wins over."""
    above: Layer = NOTHING
    """Variables that win over function.toml."""
    ignored_paths: tuple[str, ...] = ()
    environment_name: str = "dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a function.toml comes to, with everything that it inherits."""

    name: FunctionName
    configuration: FunctionConfiguration | None
    """`None` when there was an error anywhere."""
    ignored_paths: tuple[str, ...]
    has_dependencies: bool
    layers: tuple[LayerReference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReader:
    """All that goes into one function's configuration."""

    document: Document
    """Its function.toml."""
    folder: Path
    root: Path
    """The project's."""
    files: frozenset[str]
    """Names of what is in the folder."""
    own: Layer
    """The variables of function.toml."""
    above: Layer
    """Those of a NAME.env beside it."""
    inherited: Inherited
    runtimes: Mapping[RuntimeName, Runtime]
    complaints: Complaints

    def read(self) -> Manifest:
        """Look at everything and complain about all of it."""
        own = read_keys(self.document, MANIFEST_KEYS, self.complaints)
        patterns = good_patterns(self.document, own.pop("ignore", []), ("ignore",), self.complaints)
        values = {**self.inherited.defaults, **own}
        name = self._name(own)
        runtime = self._runtime(values)
        depends = runtime is not None and self._depends(runtime)
        layers = self._layers(own, image="image" in values)
        handler = None
        if runtime is not None:
            handler = self._handler(values, runtime, depends=depends, layers=layers)
        variables = self._variables(runtime)
        configuration = None
        if runtime is not None and handler is not None and not self.complaints.serious:
            configuration = FunctionConfiguration(
                name=name,
                runtime=runtime.name,
                handler=handler,
                architecture=Architecture(values.get("architecture", Architecture.X86_64)),
                description=plain(safe(values.get("description", ""))),
                variables=variables,
                layers=tuple(layer.stated for layer in layers),
                **{key: values[key] for key in _AS_THEY_ARE if key in values},
            )
        return Manifest(
            name=name,
            configuration=configuration,
            ignored_paths=(*self.inherited.ignored_paths, *patterns),
            has_dependencies=depends,
            layers=layers,
        )

    def _layers(self, own: dict[str, Any], *, image: bool) -> tuple[LayerReference, ...]:
        """Its own, or those of `[defaults]`. Source: Lambda API reference, CreateFunction: functions
        with an image of their own have none.
        """
        if image and own.get("layers"):
            self.complaints.error(
                "A function with an image of its own cannot have layers: their files belong in the "
                "image. Remove layers, or image.",
                line=self._line("layers"),
            )
        if image:
            return ()
        stated = self.inherited.layers
        if "layers" in self.document.values:
            path = self.document.path
            stated = tuple(
                StatedLayer(text=text, file=path, line=self.document.line(("layers", at)))
                for at, text in enumerate(own.get("layers", ()))
            )
        reader = LayerReader(
            folder=self.folder,
            root=self.root,
            region=self.inherited.region,
            account=self.inherited.account,
            complaints=self.complaints,
        )
        return reader.read(stated)

    def _name(self, own: dict[str, Any]) -> FunctionName:
        if "name" in own:
            return FunctionName(own["name"])
        if self.document.usable and "name" not in self.document.values:
            try:
                return function_name(self.folder.name)
            except InvalidParameter:
                self.complaints.error(
                    f"The folder's name {quoted(self.folder.name)} cannot be a function's name. "
                    f"Set name to {MANIFEST_KEYS['name'].allowed}."
                )
        return fallback_name(self.folder)

    def _runtime(self, values: dict[str, Any]) -> Runtime | None:
        named = values.get("runtime")
        if named is None:
            if self.document.usable and "runtime" not in self.document.values:
                known = ", ".join(sorted(self.runtimes))
                self.complaints.error(f"It names no runtime. Set runtime to one of: {known}.")
            return None
        runtime = self.runtimes.get(RuntimeName(named))
        if runtime is None:
            self.complaints.error(
                unknown("runtime", named, self.runtimes), line=self._line("runtime")
            )
        return runtime

    def _handler(
        self,
        values: dict[str, Any],
        runtime: Runtime,
        *,
        depends: bool,
        layers: tuple[LayerReference, ...],
    ) -> str | None:
        if "handler" in self.document.values and "handler" not in values:
            return None  # complained about already
        handler: str = values.get("handler", runtime.handler.default)
        if "image" in values:
            return handler  # the code it means may be in the image
        finding = check_handler(
            self.folder,
            handler,
            runtime.handler,
            elsewhere=depends,
            layers=layers,
        )
        if finding is not None:
            line = self._line("handler") or self._line("runtime")
            if finding.severity is Severity.ERROR:
                self.complaints.error(finding.message, line=line)
            else:
                self.complaints.warn(finding.message, line=line)
        return handler

    def _variables(self, runtime: Runtime | None) -> tuple[Variable, ...]:
        layers = (self.inherited.below, self.own, self.inherited.above, self.above)
        variables = merged(layers, runtime=NOTHING if runtime is None else runtime_layer(runtime))
        if (wrong := too_large(variables)) is not None:
            self.complaints.error(wrong, line=self._line("environment"))
        return variables

    def _depends(self, runtime: Runtime) -> bool:
        """Does it state dependencies? Complains where what their rule requires is not there."""
        rule = runtime.dependencies
        if rule is None or rule.files[0] not in self.files:
            return False
        path = self.folder / rule.files[0]
        try:
            if not rule.stated_in(read_bytes(path).decode("utf-8", "replace")):
                return False
        except FileNotFoundError:
            return False
        except InvalidManifest as error:
            self.complaints.unusable(error)
            return False
        for name in rule.required:
            if name not in self.files:
                self.complaints.error(
                    f"It states dependencies, and there is no {name} that says which versions. "
                    "Let the package manager write it.",
                    path=path,
                )
        return True

    def _line(self, key: str) -> int | None:
        return self.document.line((key,))


def fallback_name(folder: Path) -> FunctionName:
    """What a function is listed as whose name cannot be told: the folder's name, made fit."""
    fit = re.sub(r"[^a-zA-Z0-9-_]+", "-", folder.name).strip("-")[:64]
    return FunctionName(fit or "unnamed")
