"""Nothing a terminal would act upon gets through, and no word is lost on the way."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.terminal_text import decode, plain, safe

RED, RESET = "\x1b[31m", "\x1b[0m"

CORPUS = [
    # text that stays as it is
    ("", ""),
    ("plain\ttext\nwith lines", "plain\ttext\nwith lines"),
    ("ünïcödé 🎉 한국어 👩‍💻", "ünïcödé 🎉 한국어 👩‍💻"),
    (f"{RED}red{RESET}", f"{RED}red{RESET}"),
    ("\x1b[1;38;2;10;20;30mrich\x1b[m", "\x1b[1;38;2;10;20;30mrich\x1b[m"),
    ("\x1b[4:3mcurly\x1b[24m", "\x1b[4:3mcurly\x1b[24m"),
    # line ends
    ("a\r\nb", "a\nb"),
    ("10%\r20%", "10%\n20%"),
    ("a\r\r\nb", "a\n\nb"),
    # OSC: titles, clipboard, links
    ("\x1b]0;pwned\x07ok", "ok"),
    ("\x1b]52;c;aGVsbG8=\x07ok", "ok"),
    ("\x1b]52;c;aGVsbG8=\x1b\\ok", "ok"),
    ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
    ("\x1b]0;ended as C1\x9cok", "ok"),
    (f"\x1b]0;title\x07{RED}red", f"{RED}red"),
    # DCS, SOS, PM, APC
    ("\x1bPq#0;2;0;0;0\x1b\\ok", "ok"),
    ("\x1bXsos\x1b\\ok", "ok"),
    ("\x1b^pm\x1b\\ok", "ok"),
    ("\x1b_apc\x1b\\ok", "ok"),
    # CSI
    ("\x1b[2J\x1b[Hok", "ok"),
    ("\x1b[?1049hok\x1b[?25l", "ok"),
    ("\x1b[6nok", "ok"),
    ("\x1b[>4;2mok", "ok"),
    ("\x1b[38;5\x1b[31mok", "\x1b[31mok"),
    ("\x1b[31;\nok", "\nok"),
    # other escapes
    ("\x1bcok", "ok"),
    ("\x1b(0ok", "ok"),
    ("\x1b#8ok", "ok"),
    ("\x1b7ok\x1b8", "ok"),
    ("ok\x1b", "ok"),
    ("\x1b\x1b[2Jok", "ok"),
    ("\x1b[\x1b]0;x\x07ok", "ok"),
    # controls
    ("a\x00b\x08c\x0bd\x0ce\x7ff\x07", "abcdef"),
    ("a\x84b\x85c\x8dd", "abcd"),
    # C1 as characters: what begins a sequence for some terminals is gone, the words are not
    ("\x9b31mred", "31mred"),
    ("\x9d52;c;aGk=\x07ok", "52;c;aGk=ok"),
    ("\x90q\x9cok", "qok"),
    ("Ã¢Â\x80Â\x9cquotedÃ¢Â\x80Â\x9d and more", "Ã¢ÂÂquotedÃ¢ÂÂ and more"),
    # sequences that do not end on their line lose their beginning only
    ("\x1b]52;c;aGVsbG8=", "52;c;aGVsbG8="),
    ("\x1b]0;title\nnext\x07 line", "0;title\nnext line"),
    ("\x1bPdata\nmore", "data\nmore"),
    ("tail of a title\x07ok", "tail of a titleok"),
    # bidirectional controls and line ends that are none
    ("user\u202egnp.exe", "usergnp.exe"),
    ("\u2066a\u2069\u200e\u200f\u061cb", "ab"),
    ("a\u2028b\u2029c", "abc"),
    ("\ufeffok", "ok"),
    # what cannot be written at all
    ("a\ud800b\udfffc", "abc"),
]


@pytest.mark.parametrize(("text", "expected"), CORPUS, ids=[ascii(text) for text, _ in CORPUS])
def test_safe(text: str, expected: str) -> None:
    assert safe(text) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"\xc3", "\ufffd"),
        ("\u202e".encode(), ""),
        (b"\xc2\x9b2Jok", "2Jok"),  # CSI as C1 in UTF-8
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    ],
)
def test_decode_takes_any_bytes(raw: bytes, expected: str) -> None:
    assert decode(raw) == expected


def test_plain_has_no_colours_either() -> None:
    assert plain(f"{RED}red{RESET}\x1b[2J") == "red"


SGR = re.compile(r"\x1b\[[0-9;:]*m")
PIECES = st.sampled_from(
    [
        "\x1b",
        "\x1b[",
        "\x1b]",
        "\x1bP",
        "\x1b\\",
        "\x07",
        "\x9b",
        "\x9c",
        "\x9d",
        "\x90",
        "\r",
        "\n",
        "0",
        ";",
        ":",
        "?",
        "m",
        "c",
        "52;c;",
        "[",
        "]",
        "31m",
        "\u202e",
        "�",
        "é",
        "x" * 50,
    ]
)
HOSTILE = st.one_of(
    st.text(st.characters(), max_size=60),
    st.text(max_size=60),
    st.lists(PIECES, max_size=30).map("".join),
)


def controls(text: str) -> list[str]:
    """Characters a terminal may act upon."""
    return [
        character
        for character in text
        if character not in "\t\n"
        and (
            unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
            or unicodedata.bidirectional(character)
            in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        )
    ]


@given(HOSTILE)
def test_nothing_but_colours_tabs_and_newlines_is_left(text: str) -> None:
    assert controls(SGR.sub("", safe(text))) == []


@given(HOSTILE)
def test_what_is_safe_stays_as_it_is(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@given(HOSTILE)
def test_plain_text_has_no_controls_at_all(text: str) -> None:
    assert controls(plain(text)) == []
    assert plain(safe(text)) == plain(text)


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))))
def test_text_without_controls_is_not_touched(text: str) -> None:
    assert safe(text) == text


@given(st.text(st.sampled_from("\x80\x90\x98\x9b\x9d\x9e\x9f\x9c abcdeé\n")))
def test_no_word_is_lost_to_c1_controls(text: str) -> None:
    assert safe(text) == "".join(c for c in text if not "\x80" <= c <= "\x9f")


@given(st.binary(max_size=200))
def test_any_bytes_become_text_that_can_be_written(raw: bytes) -> None:
    decode(raw).encode()


@pytest.mark.parametrize("piece", ["\x1b]", "\x1b[", "\x9d", "\x1b", "\x1bP;", "\r", "\x1b]x\x1b["])
def test_a_megabyte_of_beginnings_takes_no_longer_than_a_megabyte(piece: str) -> None:
    """Quadratic time would not come back."""
    assert len(safe(piece * (1_000_000 // len(piece)))) <= 1_000_000
