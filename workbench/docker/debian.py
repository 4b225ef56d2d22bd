"""Where this machine's Debian packages come from, turned to another suite. No I/O.

Source of the two formats: sources.list(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.values import dataclass

_DEBIANS_OWN = re.compile(r"/debian(?:-security)?/?$")
_KEYRING = re.compile(r"/[\w./-]*debian-archive[\w./-]*")
_OPTION = re.compile(r'^([\w:-]+) "(.*)";$')
_CARRIED = {
    "acquire::check-valid-until",
    "acquire::check-date",
    "acquire::http::proxy",
    "acquire::https::proxy",
}
"""What a mirror may need on every machine that uses it."""
_OF_THIS_MACHINE = re.compile(r"//(?:localhost|127\.|\[::1\])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One archive of Debian packages."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    keyring: str | None
    """A path; `None`: whatever apt trusts."""

    def as_deb822(self) -> str:
        """As a stanza of a .sources file."""
        lines = [
            "Types: deb",
            f"URIs: {self.uri}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
        ]
        if self.keyring is not None:
            lines.append(f"Signed-By: {self.keyring}")
        return "\n".join(lines) + "\n"


def archives_for(
    suite: str, *, codename: str, files: Iterable[tuple[str, str]]
) -> tuple[Archive, ...]:
    """Debian's own archives that a machine uses, for `suite` instead of its own `codename`.

    files: name and text of each file of apt's sources. Other people's archives are left out: they
    need not have the suite, and an image needs nothing of theirs.
    """
    found: dict[tuple[str, tuple[str, ...]], Archive] = {}
    for name, text in files:
        entries = _stanzas(text) if name.endswith(".sources") else _lines(text)
        for entry in entries:
            turned = _turned(entry, suite, codename)
            if turned is not None:
                found.setdefault((turned.uri, turned.suites), turned)
    return tuple(found.values())


def apt_options(dump: str) -> tuple[str, ...]:
    """Of `apt-config dump`, what a copy of this machine's archives needs as well."""
    matches = (_OPTION.match(line) for line in dump.splitlines())
    return tuple(
        f'{match[1]} "{match[2]}"'
        for match in matches
        if match and match[1].lower() in _CARRIED and not _OF_THIS_MACHINE.search(match[2])
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str


def _turned(entry: _Entry, suite: str, codename: str) -> Archive | None:
    own = re.compile(rf"{re.escape(codename)}(?:-(?:updates|security))?")
    # a password in a mirror's address must not end up in an image
    uri = next((u for u in entry.uris if _DEBIANS_OWN.search(u) and "@" not in u), None)
    suites = tuple(name.replace(codename, suite, 1) for name in entry.suites if own.fullmatch(name))
    keyring = _KEYRING.search(entry.signed_by)
    foreign = bool(entry.signed_by) and keyring is None
    if uri is None or not suites or "main" not in entry.components or foreign:
        return None
    return Archive(
        uri=uri,
        suites=suites,
        components=("main",),
        keyring=None if keyring is None else keyring[0],
    )


def _lines(text: str) -> list[_Entry]:
    """The one-line format: `deb [option=value …] URI SUITE COMPONENT…`."""
    entries = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?([^\s#]+)\s+([^\s#]+)([^#]*)", line)
        if match:
            options = dict(word.split("=", 1) for word in (match[1] or "").split() if "=" in word)
            entries.append(
                _Entry(
                    (match[2],), (match[3],), tuple(match[4].split()), options.get("signed-by", "")
                )
            )
    return entries


def _stanzas(text: str) -> list[_Entry]:
    """The deb822 format: fields, stanzas parted by empty lines."""
    entries = []
    without_comments = re.sub(r"(?m)^#.*\n?", "", text)
    for stanza in re.split(r"\n[ \t]*\n", without_comments):
        unfolded = re.sub(r"\n[ \t]+", " ", stanza)
        fields = {
            name.strip().lower(): value.strip()
            for name, colon, value in (line.partition(":") for line in unfolded.splitlines())
            if colon
        }
        enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "0")
        if enabled and "deb" in fields.get("types", "").split():
            entries.append(
                _Entry(
                    tuple(fields.get("uris", "").split()),
                    tuple(fields.get("suites", "").split()),
                    tuple(fields.get("components", "").split()),
                    fields.get("signed-by", ""),
                )
            )
    return entries
