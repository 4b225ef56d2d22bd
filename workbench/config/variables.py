"""A function's environment variables, from the layers that declare them.

Weakest first: the runtime's own, `[defaults.environment]` of workbench.toml, `[environment]` of
function.toml, NAME.env beside workbench.toml, NAME.env beside function.toml. NAME is the
environment's (`dev`). A name is declared where it has a value, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from workbench.config.complaints import Complaints, quoted, shown
from workbench.config.dotenv import parse
from workbench.config.files import decode, read_bytes
from workbench.config.toml_file import Document
from workbench.config.toml_lines import KeyPath
from workbench.errors import InvalidManifest
from workbench.expression import expression
from workbench.model.function import Variable
from workbench.model.runtime import Runtime
from workbench.model.terminal_text import plain, safe
from workbench.model.variables import MAX_VARIABLES_BYTES, RESERVED
from workbench.values import dataclass

_NAME = expression(r"[a-zA-Z][a-zA-Z0-9_]+")  # Source: Lambda API, EnvironmentVariableName

_RESERVED_TEXT = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided contains reserved keys that are currently not supported for modification. "
    "Reserved keys used in this request: {name}"
)
"""Source: recorded text of InvalidParameterValueException."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one file declares."""

    label: str
    """The file, relative to the project: `orders/function.toml`."""
    values: Mapping[str, tuple[str, int | None]] = field(default_factory=dict, repr=False)
    """Value and line of each name."""

    def source(self, name: str) -> str:
        """Where this layer declares `name`."""
        line = self.values[name][1]
        return self.label if line is None else f"{self.label}:{line}"


NOTHING = Layer(label="")


def toml_layer(document: Document, table: KeyPath, *, label: str, complaints: Complaints) -> Layer:
    """A table of variables; what is wrong with them is complained about and left out."""
    values: object = document.values
    for part in table:
        values = values.get(part, {}) if isinstance(values, dict) else {}
    found: dict[str, tuple[str, int | None]] = {}
    for name, value in values.items() if isinstance(values, dict) else ():
        line = document.line((*table, name))
        if not isinstance(value, str):
            complaints.error(f"{name} must be text, not {shown(value)}.{_hint(value)}", line=line)
        elif "\0" in value:
            complaints.error(
                f"The value of {name} holds a NUL byte, which no variable can.", line=line
            )
        elif _named_well(name, line, complaints):
            found[name] = (value, line)
    return Layer(label=label, values=found)


def env_layer(path: Path, *, label: str, complaints: Complaints) -> Layer:
    """A NAME.env file. Raises `FileNotFoundError`."""
    try:
        text, mark = decode(read_bytes(path), path)
    except InvalidManifest as error:
        complaints.unusable(error)
        return Layer(label=label)
    if mark is not None:
        complaints.error(mark, line=1, path=path)
    parsed = parse(text)
    for line, message in parsed.complaints:
        complaints.error(message, line=line, path=path)
    found = {
        name: (value, line)
        for name, (value, line) in parsed.values.items()
        if _named_well(name, line, complaints, path=path)
    }
    return Layer(label=label, values=found)


def runtime_layer(runtime: Runtime) -> Layer:
    """What the runtime sets anyway and a function may override."""
    return Layer(
        label=f"runtime {runtime.name}",
        values={name: (value, None) for name, value in runtime.variables},
    )


def merged(layers: Sequence[Layer], *, runtime: Layer = NOTHING) -> tuple[Variable, ...]:
    """The variables that `layers`, weakest first, give a function.

    Those that only the runtime has are not among them: it sets them itself.
    """
    names = sorted({name for layer in layers for name in layer.values})
    found: list[Variable] = []
    for name in names:
        declaring = [layer for layer in (runtime, *layers) if name in layer.values]
        value = declaring[-1].values[name][0]
        found.append(
            Variable(
                name=name,
                value=value,
                source=declaring[-1].source(name),
                secret=looks_secret(name, value),
                overrides=tuple(layer.source(name) for layer in declaring[:-1]),
            )
        )
    return tuple(found)


def too_large(variables: Sequence[Variable]) -> str | None:
    """What is wrong when they are more than Lambda takes. Source: Lambda quotas, 4 KB."""
    measured = json.dumps(
        {variable.name: variable.value for variable in variables},
        separators=(",", ":"),
        ensure_ascii=False,
    )
    size = len(measured.encode())
    if size <= MAX_VARIABLES_BYTES:
        return None
    largest = max(variables, key=lambda variable: len(variable.value.encode()))
    return (
        f"The variables take {size:,} bytes as JSON; Lambda takes {MAX_VARIABLES_BYTES:,}. "
        f"The largest is {largest.name} from {largest.source}."
    )


def _named_well(
    name: str, line: int | None, complaints: Complaints, *, path: Path | None = None
) -> bool:
    if name in RESERVED:
        complaints.error(_RESERVED_TEXT.format(name=name), line=line, path=path)
        return False
    if not _NAME.fullmatch(name):
        complaints.error(
            f"{quoted(name)} cannot be a variable's name: use a letter, then at least one more "
            "letter, digit or _.",
            line=line,
            path=path,
        )
        return False
    return True


def _hint(value: object) -> str:
    """How to write it instead, where that is plain."""
    if isinstance(value, bool):
        return f' Write "{str(value).lower()}".'
    if isinstance(value, int | float):
        return f" Write {quoted(str(value))}."
    return ""


# --- secrets -----------------------------------------------------------------------------------------

_SECRET_WORDS = frozenset({"authorization", "creds", "cred", "jwt", "key", "keys", "pass", "pwd"})
_SECRET_ENDS = expression(
    r"(?:password|passwd|passphrase|secret|token|credential)s?$"
    r"|(?:access|account|api|auth|encryption|license|master|private|secret|shared|signing|ssh)keys?$"
)
_NOT_SECRET = frozenset({"PWD", "OLDPWD"})
_WORDS = expression(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_URL_PASSWORD = expression(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:[^/\s@]+@")


def looks_secret(name: str, value: str = "") -> bool:
    """Should nobody see the value? Decided by the words of the name, as people write them.

    `DB_PASSWORD`, `apiKey` and `AUTHTOKEN` are; `KEYBOARD` and `MONKEY` are not. A URL with a
    password in it is one whatever its name.
    """
    if name in _NOT_SECRET:
        return False
    words = [word.lower() for word in _WORDS.findall(name)]
    return (
        any(word in _SECRET_WORDS or _SECRET_ENDS.search(word) for word in words)
        or _URL_PASSWORD.search(value) is not None
    )


def label_of(path: Path, root: Path) -> str:
    """A file as layers are named by: relative to the project where it is inside."""
    text = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return plain(safe(text))
