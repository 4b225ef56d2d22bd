"""How well a few typed letters fit a name."""

from __future__ import annotations


def score(wanted: str, text: str) -> float | None:
    """Higher is better; `None`: the letters do not occur in that order.

    Whole words and letters at the start of words count most, gaps count against it. Words of
    `wanted` may come in any order.
    """
    total = 0.0
    lowered = text.lower()
    for word in wanted.lower().split():
        found = _word_score(word, lowered)
        if found is None:
            return None
        total += found
    return total - len(text) / 200


def _word_score(word: str, text: str) -> float | None:
    at = text.find(word)
    if at >= 0:
        starts = at == 0 or not text[at - 1].isalnum()
        return 10.0 + len(word) + (5.0 if starts else 0.0) + (3.0 if at == 0 else 0.0)
    total, place, initials = 0.0, 0, True
    for letter in word:
        found = text.find(letter, place)
        if found < 0:
            return None
        starts = found == 0 or not text[found - 1].isalnum()
        initials = initials and starts
        total += 2.0 if starts else 1.0 / (1 + found - place)
        place = found + 1
    return total + (6.0 * len(word) if initials else 0.0)


def matched(wanted: str, text: str) -> set[int]:
    """Which characters of `text` to light up."""
    lowered = text.lower()
    lit: set[int] = set()
    for word in wanted.lower().split():
        at = lowered.find(word)
        if at >= 0:
            lit.update(range(at, at + len(word)))
            continue
        place = 0
        for letter in word:
            found = lowered.find(letter, place)
            if found < 0:
                break
            lit.add(found)
            place = found + 1
    return lit
