"""A language runtime as data: what `runtimes/<name>/runtime.toml` says.

Invariant: nothing in the package knows a runtime by name. What differs between them is here.
"""

from __future__ import annotations

import re
from pathlib import Path

from workbench.model.names import RuntimeName
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerRule:
    """How a handler setting names a file and a symbol, so that a wrong one is found without running."""

    default: str
    """What `workbench init` writes: `app.handler`."""
    files: tuple[str, ...]
    """Where `{module}` may live, relative to the function's folder, in the order the client looks."""
    symbol: str | None
    """A regular expression with `{name}` that finds the definition; `None`: not looked for."""
    executable: bool = False
    """The file must be executable (custom runtimes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyRule:
    """How dependencies are installed inside the runtime's own image."""

    files: tuple[str, ...]
    """The files that state them. The first is required for there to be any; all are the cache key."""
    required: tuple[str, ...]
    """Files without which the first one is an error (a lock)."""
    install: tuple[str, ...]
    """argv, run in the image with the files in /var/dependencies/source and the result expected
    in /var/dependencies/installed."""
    mount: str
    """Where the result is mounted, read-only, in the function's containers."""
    states: str | None = None
    """A regular expression that finds a dependency in the first file; `None`: any content counts."""

    def stated_in(self, text: str) -> bool:
        """The first file, whose text this is, states at least one dependency."""
        return self.states is None or re.search(self.states, text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreloadRule:
    """Its runtime can be started before it is known whose it is, with `_WORKBENCH_CLAIM_FD`: it loads
    its client, says so with a byte there, and waits for its variables.
    """

    boot_variables: tuple[str, ...]
    """Names, or beginnings of names ending with `*`, of variables that count as soon as the runtime
    starts. A function that sets one is started the plain way."""

    def decides(self, name: str) -> bool:
        """The variable counts as soon as the runtime starts."""
        return any(
            name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
            for pattern in self.boot_variables
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRule:
    """How the embedded driver runs it without a container."""

    interpreters: tuple[str, ...]
    """Programs to look for on PATH, in order; empty when the function brings its own executable."""
    version_argv: tuple[str, ...]
    """Arguments that make the interpreter print its version; empty: not checked."""
    version_prefix: str
    """What that text must start with."""
    command: tuple[str, ...]
    """argv; `{interpreter}`, `{runtimes}`, `{code}`, `{layers}` and `{handler}` are filled in. Of
    several alternatives for the program, joined by ':', the first that exists is started."""
    install: tuple[str, ...] = ()
    """argv that installs dependencies where the dependency rule's names programs of the image;
    `{interpreter}` and `{installed}` are filled in. Empty: the rule's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One runtime."""

    name: RuntimeName
    folder: Path
    language: str
    summary: str
    base: str
    """The Debian suite its image is made from: `trixie`."""
    context: tuple[str, ...]
    """Other folders under runtimes/ that its Dockerfile copies from."""
    command: tuple[str, ...]
    """argv that starts the runtime in its image. Of several alternatives for the program, joined
    by ':', the first that exists is started."""
    log_frames: bool
    """Its client writes framed log records to `_LAMBDA_TELEMETRY_LOG_FD`."""
    execution_env: str | None
    """`AWS_EXECUTION_ENV`; `None` for provided runtimes."""
    variables: tuple[tuple[str, str], ...]
    """Unreserved platform variables (PATH, LANG, …); the function's own win over them."""
    handler: HandlerRule
    dependencies: DependencyRule | None
    process: ProcessRule | None
    """`None`: cannot run without a container."""
    preload: PreloadRule | None
    """`None`: it cannot be started before it is known whose it is."""
    template: Path | None
    """The folder `workbench init` copies."""
