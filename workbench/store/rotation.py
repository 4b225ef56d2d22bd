"""What is done with keys by hand: made, listed, rotated, removed.

Invariant: killed between any two steps, everything that was sealed still opens. A generation goes last,
when nothing is sealed with it that is known of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from workbench.errors import AlreadyExists, KeyDenied, KeyInUse, KeyNotFound, SealingError
from workbench.model.keys import KeyInfo, KeyName, Rotation
from workbench.store.key_files import KeyFile, new_generation
from workbench.store.sealing import Keys, seal_of
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedValue:
    """A sealed value where it is kept."""

    id: str
    """What its holder knows it by."""
    about: str
    """What it was sealed about."""
    sealed: bytes


class HoldsSealed(Protocol):
    """Where this project's sealed values are. Blocks; called from one thread."""

    def all_sealed(self) -> Iterable[SealedValue]:
        """All there are, deleted ones that may come back among them."""
        ...

    def replace_sealed(self, id: str, old: bytes, new: bytes) -> bool:  # noqa: A002 - its name
        """Put `new` in place of `old`, in one transaction; False: it is not `old` any more."""
        ...


class KeyCare:
    """The keys of this user, as far as this project has to do with them. Blocks."""

    def __init__(self, keys: Keys, holder: HoldsSealed) -> None:
        self._keys = keys
        self._files = keys.files
        self._holder = holder

    def listed(self) -> tuple[KeyInfo, ...]:
        """All keys, sorted by name; one that cannot be used has a problem. Also those that are not
        here and that something in this project needs.
        """
        needed = self._needed()
        names = sorted({*self._files.names(), *needed})
        return tuple(self._info(name, needed.get(name, {})) for name in names)

    def create(self, name: KeyName) -> None:
        """Raises `AlreadyExists`."""
        with self._files.changing():
            if self._files.read(name) is not None:
                raise AlreadyExists(f"The key {name} exists already.")
            first = new_generation(1, self._keys.place)
            self._files.write(KeyFile(name=name, generations=(replace(first, places=frozenset()),)))

    def rotate(self, name: KeyName, *, gone_too: bool = False) -> Rotation:
        """Make a new generation, seal with it everything of this project, and drop the older ones that
        nothing needs. Where it was killed, the next one goes on.

        gone_too: projects whose state folder is not there any more need nothing.
        Raises `KeyNotFound`, `KeyDenied`, and what the holder raises.
        """
        with self._files.changing():
            found = self._existing(name)
            made = new_generation(found.newest.number + 1, self._keys.place)
            self._files.write(replace(found, generations=(*found.generations, made)))
        resealed = self._seal_anew(name)
        with self._files.dropping():  # what was sealed before and stored since is seen now
            resealed += self._seal_anew(name)
            return self._drop(name, resealed=resealed, gone_too=gone_too)

    def remove(self, name: KeyName, *, gone_too: bool = False) -> None:
        """Remove a key for good. Raises `KeyInUse` while something needs it, `KeyNotFound`."""
        with self._files.dropping(), self._files.changing():
            if name not in self._files.names():
                raise KeyNotFound(name, known=self._files.names())
            needed = sorted(
                about for each in self._needed().get(name, {}).values() for about in each
            )
            if needed:
                raise KeyInUse(name, needed_by=f"the variables of {_listed(needed)}")
            others = self._others(self._existing(name), gone_too=gone_too)
            if others:
                raise KeyInUse(name, needed_by=f"what was published in {_listed(others)}")
            self._files.remove(name)

    def _existing(self, name: KeyName) -> KeyFile:
        found = self._files.read(name)
        if found is None:
            raise KeyNotFound(name, known=self._files.names())
        return found

    def _seal_anew(self, name: KeyName) -> int:
        """Seal with the newest generation what is sealed with an older one; how many."""
        newest, count = self._existing(name).newest.number, 0
        for value in list(self._holder.all_sealed()):
            seal = seal_of(value.sealed)
            if seal is None or seal.key != name or seal.generation == newest:
                continue
            try:
                plain = self._keys.open(value.sealed, about=value.about)
            except SealingError:
                continue  # its generation stays
            sealed = self._keys.seal(plain, key=name, about=value.about)
            count += self._holder.replace_sealed(value.id, value.sealed, sealed)
        return count

    def _drop(self, name: KeyName, *, resealed: int, gone_too: bool) -> Rotation:
        needed = self._needed().get(name, {})
        with self._files.changing():
            found = self._existing(name)
            kept = []
            for each in found.generations[:-1]:
                places = each.places if each.number in needed else each.places - {self._keys.place}
                if gone_too:
                    places = frozenset(place for place in places if Path(place).exists())
                if places or each.number in needed:
                    kept.append(replace(each, places=places))
            left = replace(found, generations=(*kept, found.newest))
            if left != found:
                self._files.write(left)
        older = {number for number in needed if number != found.newest.number}
        return Rotation(
            name=name,
            generation=found.newest.number,
            resealed=resealed,
            unreadable=tuple(sorted(about for number in older for about in needed[number])),
            kept=tuple(each.number for each in kept),
            places=tuple(sorted({p for each in kept for p in each.places} - {self._keys.place})),
        )

    def _needed(self) -> dict[KeyName, dict[int, list[str]]]:
        """What of this project is sealed, by key and generation."""
        found: dict[KeyName, dict[int, list[str]]] = {}
        for value in self._holder.all_sealed():
            if (seal := seal_of(value.sealed)) is not None:
                found.setdefault(seal.key, {}).setdefault(seal.generation, []).append(value.about)
        return found

    def _others(self, key: KeyFile, *, gone_too: bool) -> tuple[str, ...]:
        """State folders of other projects that need it."""
        places = {place for each in key.generations for place in each.places}
        if gone_too:
            places = {place for place in places if Path(place).exists()}
        return tuple(sorted(places - {self._keys.place}))

    def _info(self, name: KeyName, needed: dict[int, list[str]]) -> KeyInfo:
        problem, found = None, None
        try:
            found = self._files.read(name)
            if found is None:
                problem = "Its file is not here: what is sealed with it cannot be read."
        except KeyDenied as error:
            problem = str(error)
        return KeyInfo(
            name=name,
            path=str(self._files.path(name)),
            generations=() if found is None else tuple(each.number for each in found.generations),
            sealed=sum(len(abouts) for abouts in needed.values()),
            places=() if found is None else self._others(found, gone_too=False),
            problem=problem,
        )


_LISTED = 5
"""As many as a sentence can hold."""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"
