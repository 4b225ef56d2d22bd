"""How a runtime is started on this machine, without a container."""

from __future__ import annotations

from pathlib import Path

from workbench.model.runtime import Runtime
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A runtime whose interpreter was found. `runtime.process` is never `None`."""

    runtime: Runtime
    interpreter: Path | None
    """`None`: the function brings its own executable."""
    version: str
    """What the interpreter calls itself; empty where it was not asked."""

    def argv(self, *, code: Path, layers: Path | None, handler: str) -> tuple[str, ...]:
        """The command, its places filled in; of several alternatives for the program, the first that
        is there.
        """
        assert self.runtime.process is not None
        places = {
            "{interpreter}": str(self.interpreter or ""),
            "{runtimes}": str(self.runtime.folder.parent),
            "{code}": str(code),
            "{layers}": str(layers or "/nowhere"),
            "{handler}": handler,
        }
        program, *arguments = self.runtime.process.command
        alternatives = [_filled(word, places) for word in program.split(":")]
        found = next((each for each in alternatives if Path(each).exists()), alternatives[0])
        return (found, *(_filled(word, places) for word in arguments))

    def path(self, path: str) -> str:
        """PATH for its processes: what stands beside the interpreter is found first."""
        return path if self.interpreter is None else f"{self.interpreter.parent}:{path}"


def _filled(word: str, places: dict[str, str]) -> str:
    """`word` with its places filled in, once: what is filled in may hold braces of its own."""
    filled, rest = "", word
    while rest:
        for place, value in places.items():
            if rest.startswith(place):
                filled += value
                rest = rest.removeprefix(place)
                break
        else:
            filled += rest[0]
            rest = rest[1:]
    return filled
