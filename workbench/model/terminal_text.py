r"""Make text that came from outside safe to write to a person's terminal.

Colours survive (SGR sequences); everything else that a terminal would act upon is removed: cursor
moves, title and clipboard writes (OSC 52), C0 and C1 controls, bidirectional overrides. Done once,
where the bytes are read, so that no screen, log file or history row ever holds the raw form.

Words are never lost: of a sequence that does not end on its line, and of one that begins with a C1
control (where text was decoded wrongly, a stray quotation mark is one), only the beginning goes.
"""

from __future__ import annotations

from workbench.expression import expression

_SGR = r"\x1b\[[0-9;:]*m"
_UNSAFE = expression(
    rf"({_SGR})"  # kept
    r"|\x1b[PX^_\]][^\x07\x1b\x9c\n]*+(?:\x07|\x1b\\|\x9c)"  # DCS, SOS, PM, APC, OSC and body
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # other escapes
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # controls, but tab and newline
    r"|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"  # bidi controls, odd line ends
    r"|[\ud800-\udfff]"  # lone surrogates cannot be written at all
)
_COLOUR = expression(_SGR)
_QUICK = expression(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def safe(text: str) -> str:
    """`text` with line ends made newlines and everything a terminal would act on removed, but SGR."""
    if not _QUICK.search(text):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSAFE.sub(lambda match: match[1] or "", text)


def plain(text: str) -> str:
    """The same without colours too."""
    return _COLOUR.sub("", safe(text))


def decode(raw: bytes) -> str:
    """Bytes of a log as safe text; what is not UTF-8 becomes U+FFFD."""
    return safe(raw.decode("utf-8", errors="replace"))
