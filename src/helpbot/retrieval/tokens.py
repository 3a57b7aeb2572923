"""Words of a text as the index knows them.

Two views of the same text. `Tokenizer.words` is what questions are searched by: identifiers whole and in
parts, stemmed, without words that say nothing, with the author's synonyms. `Tokenizer.exact` is what pasted
errors are searched by: every word as it stands, only its case folded.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

import Stemmer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["STOP_WORDS", "Tokenizer"]

# Words that stand in nearly every question whatever it is about. Deliberately short: `not`, `no`, `without`,
# `all`, `after`, `before`, `between`, `only` tell one support article from the next.
STOP_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """
    a about am an and any are as at be been being but by can cant could did do does doing dont for from
    get got had has have having he her here hi hello him his how i id if ill im in into is isnt it its
    ive just let me my myself of on or our please she should so some such than thank thanks that the
    their them then there these they this those to too us very was way we were what whats when where
    which while who whom why will with would you your yours
        """,
    )
)

# One run of word characters, joined by the signs that hold a name together (`ps.dll`, `re-index`, `don't`,
# `a::b`), with the signs that belong to a name behind it (`C#`, `C++`). The bound keeps hostile runs linear.
_WORD: Final = re.compile(r"\w+(?:(?:::|[.'’\-])\w+){0,15}(?:\+\+|#(?!\w))?")
_PARTS: Final = re.compile(r"[^\W_]+")
# catalogItem -> catalog Item; HTTPServer -> HTTP Server. Digits stay with the letters before them (CS8618).
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LETTERS: Final = re.compile(r"[^\W\d_]+")

_LONGEST_WORD: Final = 64  # longer runs are base64, hashes or noise: cut, so that a paste cannot fill memory
_MOST_REMEMBERED: Final = 50_000  # words; some 10 MB at most, then the memory starts afresh


class Tokenizer:
    """Turns text into tokens, the same way for articles and for questions.

    `synonyms` maps a word or a phrase to what else it means (`{"po": ["purchase order"]}`): its tokens are
    added where the word stands, in articles and in questions alike. `language` names a Snowball stemmer;
    None leaves words unstemmed. Any text is taken: lone surrogates, control characters, any length. Time is
    linear in the text.
    """

    __slots__ = (
        "_exact",
        "_exact_memory",
        "_language",
        "_memory",
        "_phrases",
        "_piece_memory",
        "_stem",
        "_stop",
        "_synonyms",
    )

    def __init__(
        self,
        *,
        synonyms: Mapping[str, Iterable[str]] | None = None,
        stop_words: Iterable[str] = STOP_WORDS,
        language: str | None = "english",
    ) -> None:
        self._language = language
        self._stop = frozenset(stop_words)
        self._stem = Stemmer.Stemmer(language, 0).stemWord if language else _same
        self._memory: dict[str, tuple[str, ...]] = {}
        self._exact_memory: dict[str, str] = {}
        self._piece_memory: dict[str, tuple[str, ...]] = {}
        self._synonyms: dict[str, tuple[str, ...]] = {}
        phrases: dict[str, tuple[str, ...]] = {}
        for key, meanings in (synonyms or {}).items():
            folded = _fold(key).lower().strip()
            added = tuple(token for meaning in meanings for token in self._plain(_fold(meaning)))
            if len(_WORD.findall(folded)) == 1:
                self._synonyms[folded] = added
            elif folded:
                phrases[" ".join(folded.split())] = added
        self._memory.clear()  # what was learnt on the way did not yet know all the synonyms
        self._phrases = _Phrases(phrases) if phrases else None

    def words(self, text: str) -> list[str]:
        """The tokens a question is searched by, in the order of the text."""
        text = _fold(text)
        tokens = self._plain(text)
        if self._phrases is not None:
            tokens.extend(self._phrases.meanings(text))
        return tokens

    def exact(self, text: str) -> list[str]:
        """Every word as it stands, lower-cased: no stemming, no stop words, nothing added."""
        memory = self._exact_memory
        out: list[str] = []
        for word in _WORD.findall(_fold(text)):
            token = memory.get(word)
            if token is None:
                token = word[:_LONGEST_WORD].lower()
                if len(memory) >= _MOST_REMEMBERED:
                    memory.clear()
                memory[token if len(word) > _LONGEST_WORD else word] = token
            out.append(token)
        return out

    def pieces(self, words: Iterable[str], size: int) -> list[str]:
        """The runs of `size` characters in each of some exact words, ends marked: for what is misspelt."""
        memory = self._piece_memory
        out: list[str] = []
        for word in words:
            pieces = memory.get(word)
            if pieces is None or len(pieces[0]) > size:
                marked = f"\x02{word}\x03"
                pieces = tuple(marked[at : at + size] for at in range(max(1, len(marked) - size + 1)))
                if len(memory) >= _MOST_REMEMBERED:
                    memory.clear()
                memory[word] = pieces
            out += pieces
        return out

    def surfaces(self, text: str) -> dict[str, str]:
        """For each token of `words`, the word of the text it came from (the first, as it was written)."""
        found: dict[str, str] = {}
        for word in _WORD.findall(_fold(text)):
            for token in self._expand(word):
                found.setdefault(token, word)
        return found

    def _plain(self, text: str) -> list[str]:
        memory = self._memory
        out: list[str] = []
        for word in _WORD.findall(text):
            tokens = memory.get(word)
            if tokens is None:
                tokens = self._expand(word)
                if len(word) <= _LONGEST_WORD:
                    if len(memory) >= _MOST_REMEMBERED:
                        memory.clear()
                    memory[word] = tokens
            out += tokens
        return out

    def _expand(self, word: str) -> tuple[str, ...]:
        """The tokens of one word: itself, then its parts, then what the author says it means."""
        word = word[:_LONGEST_WORD].strip("_")
        whole = word.lower().replace("’", "'")
        if "'" in whole:  # user's, don't: a possessive says nothing, the rest is one word
            whole = whole.removesuffix("'s").replace("'", "")
        out = [] if whole in self._stop else [self._root(whole)]
        parts = _PARTS.findall(_HUMPS.sub(" ", word)) if "'" not in word and "’" not in word else []
        if len(parts) > 1:
            if "-" in whole:  # re-index and reindex are one word to those who type it
                out.append(self._root(whole.replace("-", "")))
            out += [self._root(part) for part in map(str.lower, parts) if part not in self._stop]
            if len(parts) > 2:  # System.IO.FileNotFound: the names between the dots as well
                out += [
                    self._root(name) for name in re.split(r"[^\w]+", whole) if name not in self._stop and len(name) > 1
                ]
        out += self._synonyms.get(whole, ())
        return tuple(dict.fromkeys(out))

    def _root(self, word: str) -> str:
        if len(word) > 2 and _LETTERS.fullmatch(word):
            return str(self._stem(word))
        return word


class _Phrases:
    """Finds the author's phrases in a text, whatever its case and spacing."""

    __slots__ = ("_meanings", "_pattern")

    def __init__(self, meanings: Mapping[str, tuple[str, ...]]) -> None:
        self._meanings = dict(meanings)
        longest_first = sorted(self._meanings, key=lambda phrase: (-len(phrase), phrase))
        spaced = (r"\s+".join(map(re.escape, phrase.split())) for phrase in longest_first)
        # Both sides in small letters: a pattern that folds case itself takes three times as long.
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)")

    def meanings(self, text: str) -> list[str]:
        found: list[str] = []
        for phrase in self._pattern.findall(text.lower()):
            found += self._meanings.get(" ".join(phrase.split()), ())
        return found


def _fold(text: str) -> str:
    """NFKC where it can matter: full-width letters and ligatures are the letters they stand for."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _same(word: str) -> str:
    return word
