"""Sealing: what is secret in a published version, so that only this user's keys open it.

AES-256-GCM (`cryptography`, imported when something is sealed or opened). A sealed value names its key
and the key's generation; what it is about is authenticated with it, so that it cannot be passed off as
something else's.

Invariant: nothing sealed within `keeping()` and stored there loses its key; a generation goes only
when no place that has used it needs it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.errors import KeyDenied, KeyMissing
from workbench.model.keys import DEFAULT_KEY, KEY_NAME, KeyName, key_name
from workbench.store.key_files import ID_BYTES, Generation, KeyFile, KeyFolder, new_generation
from workbench.values import dataclass

_MAGIC = b"wbs1"
_AFTER_NAME = struct.Struct(f">I{ID_BYTES}s")
_NONCE_BYTES = 12
"""96 bits, random. Source: NIST SP 800-38D, 8.2.2: good for 2^32 values of one generation."""
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a sealed value says of itself."""

    key: KeyName
    generation: int
    id: bytes
    head: bytes
    """As it stands in the value: authenticated with it."""
    nonce: bytes
    box: bytes
    """Ciphertext and tag."""


def seal_of(sealed: bytes) -> Seal | None:
    """`None` when this is no sealed value."""
    if not sealed.startswith(_MAGIC) or len(sealed) == len(_MAGIC):
        return None
    start = len(_MAGIC) + 1
    end = start + sealed[len(_MAGIC)]
    length = end + _AFTER_NAME.size
    if len(sealed) < length + _NONCE_BYTES + _TAG_BYTES:
        return None
    name = sealed[start:end].decode("ascii", "replace")
    if not KEY_NAME.fullmatch(name):
        return None  # it becomes a file name
    generation, identity = _AFTER_NAME.unpack(sealed[end:length])
    return Seal(
        key=KeyName(name),
        generation=generation,
        id=identity,
        head=sealed[:length],
        nonce=sealed[length : length + _NONCE_BYTES],
        box=sealed[length + _NONCE_BYTES :],
    )


class Keys:
    """This user's keys. Blocks for the disk: call from a thread. Safe in several at once."""

    def __init__(self, folder: Path, *, place: Path) -> None:
        """folder: where the keys are, `config.locations.keys_folder()`. place: the state folder of
        the project whose values are sealed; the keys note it, as they are shared by all projects.
        """
        self.files = KeyFolder(folder)
        self.place = str(place)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Seal and store within this: no rotation drops the generation in between. Take it before a
        transaction, never inside of one.
        """
        with self.files.keeping():
            yield

    def seal(self, plain: bytes, *, key: str | None, about: str) -> bytes:
        """Seal `plain` with the newest generation of `key`, made now if there is none.

        key: `None` for the default one. about: what it is of, such as `orders:7`; opening takes the
        same. Raises `KeyDenied`, `InvalidParameter`.
        """
        name = DEFAULT_KEY if key is None else key_name(key)
        generation = self._usable(name)
        head = _MAGIC + bytes([len(name)]) + name.encode("ascii")
        head += _AFTER_NAME.pack(generation.number, generation.id)
        nonce = os.urandom(_NONCE_BYTES)
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return head + nonce + AESGCM(generation.secret).encrypt(nonce, plain, _bound(head, about))

    def open(self, sealed: bytes, *, about: str) -> bytes:
        """What was sealed. Raises `KeyMissing`, and `KeyDenied` when the key is another one, the value
        is damaged, or it is not `about` this.
        """
        seal = seal_of(sealed)
        if seal is None:
            raise KeyDenied(f"What is kept of {about} is damaged: it is no sealed value.")
        generation = self._generation(seal, about)
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            plain = AESGCM(generation.secret).decrypt(
                seal.nonce, seal.box, _bound(seal.head, about)
            )
        except InvalidTag:
            raise KeyDenied(
                f"The sealed variables of {about} do not open: they are damaged, or are not those "
                f"of {about}."
            ) from None
        if self.place not in generation.places:
            with suppress(KeyDenied):  # a folder that cannot be written cannot be rotated either
                self._note(seal.key, generation.number)
        return plain

    def create(self, name: KeyName) -> KeyFile:
        """The key's file, made if there is none; of several processes at once one makes it."""
        with self.files.changing():
            found = self.files.read(name)
            if found is None:
                found = KeyFile(name=name, generations=(new_generation(1, self.place),))
                self.files.write(found)
        return found

    def _usable(self, name: KeyName) -> Generation:
        found = self.files.read(name) or self.create(name)
        if self.place not in found.newest.places:
            self._note(name, found.newest.number)
        return found.newest

    def _generation(self, seal: Seal, about: str) -> Generation:
        path = self.files.path(seal.key)
        found = self.files.read(seal.key)
        if found is None:
            raise KeyMissing(seal.key, about=about, path=path, detail="which is not there")
        for each in found.generations:
            if each.number == seal.generation:
                if each.id == seal.id:
                    return each
                raise KeyDenied(
                    f"The variables of {about} are sealed with another key named {seal.key} than "
                    f"that in {path}. Put the file they were sealed with in its place: without it "
                    "nothing of them can be read.",
                    path=path,
                )
        raise KeyMissing(
            seal.key,
            about=about,
            path=path,
            detail=f"which has no generation {seal.generation}",
        )

    def _note(self, name: KeyName, number: int) -> None:
        """Write down that values of this project need that generation."""
        with self.files.changing():
            found = self.files.read(name)
            if found is None:
                return
            self.files.write(
                KeyFile(
                    name=name,
                    generations=tuple(
                        noted(each, self.place) if each.number == number else each
                        for each in found.generations
                    ),
                )
            )


def noted(generation: Generation, place: str) -> Generation:
    """The generation, used by that place too."""
    return Generation(
        number=generation.number,
        id=generation.id,
        secret=generation.secret,
        places=generation.places | {place},
    )


def _bound(head: bytes, about: str) -> bytes:
    """What is authenticated with a value: the head has a length of its own, so no two are alike."""
    return head + about.encode("utf-8")
