"""Debian's own archives of a machine, turned to another suite."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.docker.debian import Archive, apt_options, archives_for

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

DEB822 = f"""\
# what the installer wrote
Types: deb deb-src
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {KEYRING}

Types: deb
URIs: http://security.example/debian-security/
Suites: bookworm-security
Components: main
Signed-By: {KEYRING}
"""


def turned(text: str, name: str = "debian.sources", suite: str = "trixie") -> tuple[Archive, ...]:
    return archives_for(suite, codename="bookworm", files=[(name, text)])


def test_archives_keep_their_address_and_change_their_suite() -> None:
    assert turned(DEB822) == (
        Archive(
            uri="https://mirror.example/debian",
            suites=("trixie", "trixie-updates"),
            components=("main",),
            keyring=KEYRING,
        ),
        Archive(
            uri="http://security.example/debian-security/",
            suites=("trixie-security",),
            components=("main",),
            keyring=KEYRING,
        ),
    )


def test_one_line_format_says_the_same() -> None:
    text = f"""\
deb [arch=amd64 signed-by={KEYRING}] https://mirror.example/debian bookworm main contrib # ours
deb-src https://mirror.example/debian bookworm main
# deb https://old.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
"""

    first, second = turned(text, "sources.list")

    assert (first.uri, first.suites, first.keyring) == (
        "https://mirror.example/debian",
        ("trixie",),
        KEYRING,
    )
    assert (second.suites, second.keyring) == (("trixie-security",), None)


@pytest.mark.parametrize(
    "text",
    [
        "deb https://apt.example.com bookworm main",
        "deb [signed-by=/usr/share/keyrings/other.gpg] https://apt.example.com/debian bookworm main",
        "deb https://mirror.example/debian bookworm-backports main",
        "deb https://mirror.example/debian sid main",
        "deb https://mirror.example/debian bookworm contrib",
        "deb https://user:secret@mirror.example/debian bookworm main",
        "deb https://mirror.example/debian",
        "",
    ],
)
def test_other_peoples_archives_and_passwords_are_left_out(text: str) -> None:
    assert turned(text, "x.list") == ()


def test_disabled_stanza_is_left_out() -> None:
    assert turned("Enabled: no\n" + DEB822.split("\n\n")[1]) == ()


def test_folded_fields_are_read_whole() -> None:
    text = """\
Types: deb
URIs: https://mirror.example/debian
Suites: bookworm
 bookworm-updates
Components: main
"""

    assert turned(text)[0].suites == ("trixie", "trixie-updates")


def test_archive_named_in_two_files_is_taken_once() -> None:
    assert len(archives_for("trixie", codename="bookworm", files=[("a.sources", DEB822)] * 2)) == 2


def test_written_archive_reads_as_itself() -> None:
    archives = turned(DEB822)
    text = "\n".join(archive.as_deb822() for archive in archives)

    assert archives_for("trixie", codename="trixie", files=[("x.sources", text)]) == archives


def test_only_what_a_mirror_needs_everywhere_is_carried() -> None:
    dump = """\
APT::Architecture "amd64";
Acquire::Check-Valid-Until "false";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::Proxy "http://127.0.0.1:3142";
Acquire::http::Proxy "http://localhost:3142";
DPkg::Pre-Install-Pkgs:: "/usr/bin/something";
"""

    assert apt_options(dump) == (
        'Acquire::Check-Valid-Until "false"',
        'Acquire::http::Proxy "http://proxy.example:3128"',
    )


@given(st.text(max_size=300), st.sampled_from(["a.list", "a.sources"]))
def test_any_file_is_read(text: str, name: str) -> None:
    for archive in turned(text, name):
        assert archive.suites
