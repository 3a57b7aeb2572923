"""Does a text look like a pasted error or like a question? Only to choose how a search is weighed."""

from __future__ import annotations

import re
from math import exp
from typing import Final

from helpbot import later
from helpbot.later import dataclass

__all__ = ["error_likeness"]


@dataclass(frozen=True, slots=True)
class _Sign:
    name: str
    weight: float  # in log-odds; below 0 it speaks for a question
    pattern: re.Pattern[str]


def _any(*words: str) -> re.Pattern[str]:
    return later.pattern(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


# fmt: off
_VERDICTS: Final = (
    "invalid", "not found", "cannot", "can't be", "could not", "couldn't", "unable to", "failed", "failure",
    "denied", "forbidden", "refused", "rejected", "expired", "unexpected", "missing", "does not", "did not",
    "is not", "are not", "was not", "has no", "must", "already", "timed out", "undefined", "unknown",
    "unsupported", "not supported", "not allowed", "no longer", "deprecated", "duplicate", "ambiguous",
)
_QUESTION_WORDS: Final = (
    "how", "why", "what", "what's", "where", "when", "which", "who", "whose", "can", "could", "does", "do",
    "did", "is", "are", "should", "will", "would", "has", "have",
)
_PEOPLE: Final = (
    "i", "my", "we", "our", "me", "us", "i'm", "i've", "we're", "please", "thanks", "hello", "hi", "help",
)
# fmt: on
_SIGNS: Final = (  # the marks of programs, which report; then the words of people, who ask
    _Sign("code", 1.6, later.pattern(r"\b(?:[A-Z]{2,}\d{3,}|E[A-Z]{4,}|0x[0-9a-fA-F]{4,}|[45]\d\d)\b")),
    _Sign("level", 1.6, later.pattern(r"(?im)^\W*(?:error|fatal|warning|warn|exception|traceback)\b")),
    _Sign("exception", 1.6, later.pattern(r"\b\w+(?:Error|Exception|Fault)\b")),
    _Sign("verdict", 1.4, _any(*_VERDICTS)),
    _Sign("quoted", 0.9, later.pattern(r"""(?:^|[\s:(])["'`‘“][^"'`’”]{1,80}["'`’”]""")),
    _Sign("name", 0.7, later.pattern(r"\b(?:[a-z]+[A-Z]\w*|\w+(?:\.\w+){2,}|\w+_\w+)\b|[\\/]\w+[\\/]|<\w+>|[$@]\w")),
    _Sign("mark", 0.4, later.pattern(r"[\])}:;=]")),
    _Sign("sentence", 0.6, later.pattern(r"[a-z'\"`)\]]\.\s*$")),
    _Sign("asks", -2.4, later.pattern(r"\?\s*$")),
    _Sign("asks within", -0.8, later.pattern(r"\?")),
    _Sign("question word", -2.0, later.pattern(rf"^\W*(?:{'|'.join(_QUESTION_WORDS)})\b", re.IGNORECASE)),
    _Sign("person", -2.0, _any(*_PEOPLE)),
)
_START: Final = -0.5  # most of what is typed is a question
_STEEP: Final = 1.5
_READ: Final = 2_000  # characters; what a longer paste is shows in its beginning


def error_likeness(text: str) -> float:
    """From 0 (a question in the user's words) to 1 (the text of an error). Linear in the text's length."""
    text = text[:_READ]
    odds = _START + sum(sign.weight for sign in _SIGNS if sign.pattern.search(text))
    return 1 / (1 + exp(-_STEEP * odds))
