"""Find known error messages in what somebody pasted or typed from memory.

Three steps, the cheap before the dear. An undamaged message is found by one look-up a word (the rarest pair of
neighbouring words of each signature). Otherwise words and pairs vote for signatures, by place, so that words scattered
over a log do not add up; a word that no signature holds votes as the one word it may be a misspelling of. The best few
are then aligned word by word with the paste, and the alignment decides: what is missing, what stands in its place, and
whether that could be said of the same fault.

Some words are never guessed over: numbers, parts of field names, negations, names of products and of the things that
messages are about, and the very words by which two signatures differ. A signature whose protected word is replaced by
another word is not what was pasted, however much else agrees.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import Final

import numpy as np
from rapidfuzz.distance import OSA, Indel, LCSseq

from helpbot.knowledge.signature import STOP, TYPES, WORD, Signature, cut_words, plain, words_of
from helpbot.later import dataclass
from helpbot.understanding.unwrap import Unwrapped

__all__ = ["SURE", "SignatureIndex", "SignatureMatch"]

SURE: Final = 0.75  # from here on a match decides alone; below it is one reason among others
LEAST: Final = 0.5  # nothing below is reported


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureMatch:
    """A signature found in a paste, and why."""

    signature: Signature
    score: float  # 0 to 1; see SURE
    exact: bool  # every literal word, in order, nothing between; case, quotes and line wraps aside
    start: int  # the span in the original, in characters
    end: int
    captures: dict[str, str]  # what stood where the placeholders are, as it stood in the paste
    coverage: float  # the share of the signature's words found, by weight
    evidence: tuple[str, ...]  # what was forgiven: misspelt, missing, cut short


NEGATIONS: Final = words_of("not no never none cannot without nor neither nothing nobody")
_NEGATING: Final = ("in", "un", "dis", "non", "im", "il", "ir", "mis", "de", "anti")
# Beginnings that turn a word round: internal and external are two letters apart, and two different things.
_TURNING: Final = (
    ("in", "ex"), ("im", "ex"), ("in", "out"), ("up", "down"), ("pre", "post"), ("over", "under"), ("en", "dis"),
    ("min", "max"), ("de", "in"), ("in", "under"), ("under", "out"),
)  # fmt: skip

# Things that messages of business software are about. A misspelt word is never read as one of these, nor one of
# these as another: "contract" is no misspelling of "contact".
ENTITIES: Final = words_of(
    "account address agent agreement appointment article asset assignment attachment attribute audience "
    "board branch bundle calendar campaign card cart catalog category certificate channel charge class "
    "client code column comment company component configuration connection contact container contract "
    "cost country coupon credential credit currency customer dashboard database date deal delivery "
    "department device discount distributor document domain draft email employee entity entry event "
    "expense export feature field file folder form group host image import industry instance integration "
    "inventory invoice issue item job key label lead ledger license licence line link list location lot "
    "machine mailbox manager manufacturer mapping margin market member message meter module note number "
    "object offer opportunity option order organization organisation owner package page partner party "
    "password payment permission person phone picture pipeline plan policy port position post price "
    "process product profile project property prospect province purchase quantity query queue quote rate "
    "receipt record recipient region registration reminder report request resource return revenue role "
    "rule schedule schema section seller serial server service session shipment site sku solution source "
    "stage state status step stock store subscription supplier subcategory table tag target task tax team "
    "template tenant term territory text ticket time title token tool topic transaction transfer type "
    "unit user vendor version view visit volume voucher warehouse warranty webhook widget workflow "
    "workspace zone autotask connectwise halopsa halo kaseya datto hubspot salesforce quickbooks xero "
    "stripe shopify slack teams google microsoft azure"
)
# Words that say what is wrong: "customer number" alone is no invalid one.
FAULTS: Final = words_of(
    "invalid illegal inactive failed fails failure expired exceeded denied forbidden refused rejected "
    "missing deleted duplicate disabled blocked cancelled canceled unavailable unreachable unsupported "
    "unauthorized unauthorised unexpected unknown incorrect malformed unable already timeout conflict "
    "corrupt corrupted locked aborted reset mismatch undefined required"
)
# How people shorten a word, and which one they mean.
_SHORT: Final = dict(
    pair.split("=")
    for pair in words_of(
        "id=identifier ids=identifiers no=number nr=number num=number nbr=number auth=authentication "
        "authn=authentication cred=credentials creds=credentials config=configuration conf=configuration "
        "opp=opportunity opps=opportunity acct=account org=organization cust=customer pw=password "
        "pwd=password msg=message err=error req=request conn=connection db=database perm=permission "
        "perms=permissions cat=category prod=product co=company cw=connectwise at=autotask pls=please "
        "plz=please sync=synchronizing synced=synchronized syncing=synchronizing inv=invoice qty=quantity "
        "desc=description dir=directory doc=document env=environment dest=destination src=source obj=object "
        "param=parameter params=parameters arg=argument args=arguments"
    )
)
_DENYING: Final = frozenset(("no", "not", "cannot"))
# Words one letter from "no" or "not" that are words themselves.
_NEAR_NOT: Final = words_of(
    "now got hot lot note net nor nod rot dot pot bot cot jot knot no non nut nit tot go ho so new nu know one"
)
_SPLIT: Final = {
    **{
        f"{verb}n{mark}t": (verb, "not")
        for verb in words_of("is was are were does do did has have had could would should must")
        for mark in ("'", "")
    },
    "can't": ("cannot",),
    "cant": ("cannot",),
    "won't": ("will", "not"),
    "wont": ("will", "not"),
    "ain't": ("is", "not"),
    # What the operating system's codes are called in words.
    "econnreset": ("connection", "reset"),
    "econnrefused": ("connection", "refused"),
    "econnaborted": ("connection", "aborted"),
}

_NEW: Final = 1 << 40  # ids of words that no signature holds begin here
_PAIR: Final = 1 << 21  # a pair's key is first * _PAIR + second
_BUCKET: Final = 3  # votes are gathered by stretches of 8 words
_MOST_VOTES: Final = 60_000  # of one paste: what a log of the commonest words would otherwise cast
_OFTEN: Final = 12  # occurrences of one feature in a paste that may vote


class _Paste:
    """The words of a paste; their ids in the index and their places are worked out when asked for."""

    __slots__ = ("_ids", "_lookup", "_pieces", "_places", "guessed", "near", "source", "text", "words")

    def __init__(
        self,
        text: str,
        pieces: list[str],
        words: list[str],
        source: list[int] | None,
        lookup: Mapping[str, int],
        guessed: frozenset[int] = frozenset(),
    ) -> None:
        self.text, self.words, self.source, self.guessed = text, words, source, guessed
        self._pieces, self._lookup = pieces, lookup
        self.near: dict[str, frozenset[int]] | None = None  # filled in by the index
        self._ids: list[int] | None = None
        self._places: list[tuple[int, int]] = []

    def apart(self, joined: Mapping[str, Sequence[str]]) -> "_Paste":
        """The same with some of its words taken apart, which were guessed to be several written as one."""
        words: list[str] = []
        source: list[int] = []
        guessed: list[int] = []
        for i, word in enumerate(self.words):
            pieces = joined.get(word)
            if pieces:
                guessed += range(len(words), len(words) + len(pieces))
            words += pieces or (word,)
            source += [self.source[i] if self.source is not None else i] * len(pieces or (word,))
        apart = _Paste(self.text, self._pieces, words, source, self._lookup, frozenset(guessed))
        apart.near = self.near
        return apart

    @property
    def ids(self) -> list[int]:
        """One number a word; a word that no signature holds has one of its own."""
        if self._ids is None:
            get = self._lookup.get
            self._ids = [get(word, _NEW + i) for i, word in enumerate(self.words)]
        return self._ids

    def place(self, i: int) -> tuple[int, int]:
        """Where word i stands in the peeled text."""
        n = i if self.source is None else self.source[i]
        if not self._places:
            find, places, end = self.text.find, self._places, 0
            for piece in self._pieces:
                # Between two words stand no letters, so the next place where the letters occur is the word's own.
                start = find(piece, end)
                end = start + len(piece)
                places.append((start, end))
        return self._places[n]


@dataclass(slots=True)
class _Found:
    """One aligned candidate: which words of the signature stand where in the paste."""

    number: int
    score: float
    rank: float
    coverage: float
    exact: bool
    first: int  # words of the paste
    last: int
    pairs: list[tuple[int, int]]  # (word of the signature, word of the paste), rising in both
    evidence: list[str]


@dataclass(slots=True)
class _Alignment:
    """A signature laid over a stretch of a paste, and what the rules have found against it so far."""

    mine: list[int]  # the signature's words
    gaps: list[int]  # placeholders before each of them and behind the last
    paste: _Paste
    ids: list[int]  # the paste's words, misspelt ones resolved
    have: dict[int, int]  # word of the signature -> word of the paste
    quality: dict[int, float]  # how well each stands for it, up to 1
    used: set[int]  # words of the paste
    total: float  # weight of the signature's words
    got: float = 0.0  # of those found
    order: list[int] = field(default_factory=list)  # `have` in order
    content: list[int] = field(default_factory=list)  # words of the signature that carry meaning
    matched: list[int] = field(default_factory=list)  # those of them that were found
    lost: float = 0.0  # weight of what is missing, less where it was cut off
    inner: float = 0.0  # of that, between matched words
    penalty: float = 0.0
    cap: float = 1.0  # the score's upper end
    cut: bool = False  # an end is missing, and shows that it was cut
    bare: bool = False  # an end is missing, and nothing shows why
    evidence: list[str] = field(default_factory=list)


class SignatureIndex:
    """All signatures, ready to be found in any text. Built once; matching changes nothing in it.

    `protected` are words never guessed over (names of products and things); `known` are further words of the field
    that are no misspellings of anything.
    """

    def __init__(
        self, signatures: Iterable[Signature], *, protected: Iterable[str] = (), known: Iterable[str] = ()
    ) -> None:
        self.signatures = tuple(signatures)
        named = {word for text in protected for word, _, _ in cut_words(text)}
        self._entities = ENTITIES | {word for word in named if word not in STOP and len(word) > 1}
        self._known = self._entities | STOP | NEGATIONS | {word for text in known for word, _, _ in cut_words(text)}
        self._vocabulary: dict[str, int] = {}
        self._joined: dict[str, tuple[str, ...]] = {}
        self._read()
        self._weigh()
        self._protect()
        self._build()

    def __len__(self) -> int:
        return len(self.signatures)

    # ---- building ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Cut every signature into word ids; count its placeholders before each word and after the last."""
        cut = [[cut_words(part) for part in signature.parts] for signature in self.signatures]
        coded: set[str] = set()
        for parts in cut:
            for words in parts:
                for run in _runs(words):
                    joined = "".join(run)
                    if len(joined) >= 5 or (len(joined) >= 3 and joined.isalpha() and joined not in self._known):
                        self._joined.setdefault(joined, tuple(run))
                    letters = list(takewhile(str.isalpha, run))  # imdsv2 is cut before its digit whatever its case
                    if 1 < len(letters) < len(run) and len("".join(letters)) >= 4:
                        self._joined.setdefault("".join(letters), tuple(letters))
                    coded.update(word for word in run if word not in STOP and (len(word) > 1 or word.isdigit()))
        if len(self.signatures) <= _FEW:
            self._join_neighbours(cut)
        vocabulary = self._vocabulary
        ids: list[int] = []
        gaps: list[int] = []
        self._offsets = [0]
        for parts in cut:
            pending = 0
            for n, words in enumerate(parts):
                pending += n > 0
                for word, _, _ in words:
                    for piece in self._split(word):
                        if (
                            piece == "not"
                            and ids
                            and not pending
                            and len(ids) > self._offsets[-1]
                            and ids[-1] == vocabulary.get("can")
                        ):
                            ids[-1] = vocabulary.setdefault("cannot", len(vocabulary))
                            continue
                        ids.append(vocabulary.setdefault(piece, len(vocabulary)))
                        gaps.append(pending)
                        pending = 0
            gaps.append(pending)
            self._offsets.append(len(ids))
        self._ids = np.array(ids, np.int64)
        self._gaps = gaps  # one more than the words for each signature: those of n begin at offsets[n] + n
        self._words = list(vocabulary)
        self._coded = {vocabulary[word] for word in coded if word in vocabulary}

    def _join_neighbours(self, cut: list[list[list[tuple[str, int, int]]]]) -> None:
        """Read "ratelimit" as "rate limit": neighbours written as one word, where that is no word itself."""
        every = {word for parts in cut for words in parts for word, _, _ in words}
        for parts in cut:
            for words in parts:
                for (one, _, _), (two, _, _) in pairwise(words):
                    joined = one + two
                    telling = one not in STOP and two not in STOP and min(len(one), len(two)) >= 3
                    if telling and joined not in every and joined not in self._known:
                        self._joined.setdefault(joined, (one, two))

    def _split(self, word: str) -> Sequence[str]:
        """One word as the index holds it: contractions and joined field names apart, a possessive's ending off."""
        found = _SPLIT.get(word) or self._joined.get(word)
        if found:
            return found
        stem, mark, ending = word.partition("'")
        return (stem, "not") if mark and ending == "t" else (stem,)

    def _weigh(self) -> None:
        """A word's weight: small for what any sentence holds, more for what few signatures hold."""
        total = max(1, len(self.signatures))
        counts = np.bincount(self._ids, minlength=len(self._words)) if self._words else np.zeros(0, np.int64)
        scale = math.log(1 + total)
        weights = []
        for word, count in zip(self._words, counts.tolist(), strict=True):
            rare = math.log(1 + total / max(1, count)) / scale
            weights.append((0.2 if word in STOP else 0.45 + 0.75 * rare) if word not in NEGATIONS else 0.5)
        self._weights = weights
        self._counts = counts
        self._often: list[int] = counts.tolist()

    def _protect(self) -> None:
        """Which words may not be guessed over: by kind, and by being all that tells two signatures apart."""
        guarded = set(self._coded)
        for word, number in self._vocabulary.items():
            if word in NEGATIONS or word in FAULTS or word in self._entities or word[0].isdigit():
                guarded.add(number)
        masked: dict[int, tuple[int, int]] = {}
        ids, offsets = self._ids.tolist(), self._offsets
        for n in range(len(self.signatures)):
            words = ids[offsets[n] : offsets[n + 1]]
            if not 2 <= len(words) <= 24:
                continue
            for j, word in enumerate(words):
                key = hash((*words[:j], -7, *words[j + 1 :]))
                other = masked.setdefault(key, (word, n))
                if other[0] != word:
                    guarded.update(w for w in (word, other[0]) if self._words[w] not in STOP)
        self._guarded = guarded

    def _build(self) -> None:
        """The look-up of undamaged messages, and the postings by which words and pairs vote."""
        ids, offsets, count = self._ids, np.array(self._offsets, np.int64), len(self.signatures)
        lengths = np.diff(offsets)
        owner = np.repeat(np.arange(count), lengths)
        place = np.arange(len(ids)) - offsets[:-1][owner] if count else np.zeros(0, np.int64)
        inside = np.zeros(len(ids), bool)
        if len(ids) > 1:
            inside[:-1] = owner[:-1] == owner[1:]
        gaps = np.array(self._gaps, np.int64)
        before = np.delete(gaps, offsets[1:] + np.arange(count)) if count else gaps  # placeholders before each word
        if len(ids) > 1:
            inside[:-1] &= before[1:] == 0
        firsts = np.flatnonzero(inside)
        pair_keys = ids[firsts] * _PAIR + ids[firsts + 1] if len(firsts) else np.zeros(0, np.int64)
        self._keys, self._starts, self._who, self._where, self._votes, self._total = _postings(
            np.concatenate([ids, pair_keys + _PAIR]),
            np.concatenate([owner, owner[firsts]]),
            np.concatenate([place, place[firsts]]),
            count,
        )
        self._least = self._total * (_LEAST_SHARE * 0.999)  # the votes without which nothing is aligned
        # Each signature is looked up by its rarest pair, or by its rarest word where that is rarer.
        rarity = np.ones(len(ids)) * np.inf
        if len(firsts):
            _, which, often = np.unique(pair_keys, return_inverse=True, return_counts=True)
            rarity[firsts] = often[which]
        self._anchors: dict[
            int, list[tuple[int, int, int]]
        ] = {}  # signature, place of the anchor in it, its rarest word
        id_list, rare, counts = ids.tolist(), rarity.tolist(), self._often
        for n in range(count):
            a, b = self._offsets[n], self._offsets[n + 1]
            if a == b:
                continue
            best = min(range(a, b), key=rare.__getitem__)
            alone = min(range(a, b), key=lambda j: counts[id_list[j]])
            rarest = id_list[alone]
            if counts[rarest] < rare[best]:
                best, key = alone, -1 - rarest
            else:
                key = id_list[best] * _PAIR + id_list[best + 1]
            self._anchors.setdefault(key, []).append((n, best - a, rarest))
        self._firsts = frozenset(self._words[-1 - key if key < 0 else key // _PAIR] for key in self._anchors)
        self._odd = frozenset(self._joined) | frozenset(_SPLIT) | {"can"}
        variants = [
            (hash(v), m)
            for m, word in enumerate(self._words)
            if 4 <= len(word) <= 24 and word.isalpha()
            for v in _deletions(word)
        ]
        # Field names written as one word follow the words: their numbers begin where the words' end.
        self._whole = [word for word in self._joined if 7 <= len(word) <= 40 and word.isalpha()]
        variants += [(hash(v), m) for m, word in enumerate(self._whole, len(self._words)) for v in _deletions(word)]
        variants.sort()
        self._near_keys = np.array([v for v, _ in variants], np.int64)
        self._near_words = np.array([m for _, m in variants], np.int32)
        self._contained: dict[int, bool] = {}  # worked out for those that are found
        self._forms: dict[int, tuple[list[int], list[int]]] = {}  # and what was worked out of a few of the many
        self._close: dict[str, frozenset[int]] = {}
        self._alikes: dict[tuple[str, str], float] = {}
        # Of a few signatures the postings are lists as well: a question has three words of theirs, or none.
        self._lists: dict[int, list[tuple[int, int]]] = {}
        if count <= _FEW:
            starts, who, where = self._starts.tolist(), self._who.tolist(), self._where.tolist()
            for row, key in enumerate(self._keys.tolist()):
                first, last = starts[row], starts[row + 1]
                self._lists[key] = list(zip(who[first:last], where[first:last], strict=True))
            self._voting: dict[int, float] = dict(zip(self._keys.tolist(), self._votes.tolist(), strict=True))

    def _row(self, key: int) -> int:
        """Where a feature's postings stand; -1 where it does not vote."""
        row = int(self._keys.searchsorted(key))
        return row if row < len(self._keys) and self._keys[row] == key else -1

    def _in_longer(self, n: int) -> bool:
        """Whether all words of signature n stand in a longer one: finding it is then no reason to look no further."""
        known = self._contained.get(n)
        if known is None:
            mine, _ = self._form(n)
            keys = [a * _PAIR + b + _PAIR for a, b in pairwise(mine)] or mine
            rows = [row for key in keys if (row := self._row(key)) >= 0]
            row = min(rows, key=lambda r: self._starts[r + 1] - self._starts[r], default=-1)
            known = False
            if row >= 0:
                for other in self._who[self._starts[row] : self._starts[row + 1]].tolist()[:_COMMON]:
                    longer, _ = self._form(other)
                    if len(longer) > len(mine) and any(
                        longer[i : i + len(mine)] == mine for i in range(len(longer) - len(mine) + 1)
                    ):
                        known = True
                        break
            self._contained[n] = known
        return known

    def _loose(self, found: _Found, paste: _Paste) -> bool:
        """Whether the values of a short signature could be words of a longer one, misspelt."""
        if len(found.pairs) > 5:
            return False
        gaps = self._form(found.number)[1]
        until = found.last + (3 if gaps[-1] else 0)
        own = {p for _, p in found.pairs}
        words, known = paste.words[: until + 1], self._vocabulary
        return any(
            p not in own and word.isalpha() and (len(word) >= 8 or (word in known and word not in STOP))
            for p, word in enumerate(words[found.first :], found.first)
        )

    # ---- matching ---------------------------------------------------------------------------------------------------

    def match(self, unwrapped: Unwrapped, limit: int = 5) -> list[SignatureMatch]:
        """The signatures found, at most `limit`, in the order in which they stand in the paste; none overlap."""
        if not self.signatures or limit < 1:
            return []
        paste = self._paste(unwrapped.text)
        if not paste.words:
            return []
        found = self._exact(paste)
        if not found:
            paste = self._taken_apart(paste)
        if not found or limit > 1 or any(self._in_longer(f.number) or self._loose(f, paste) for f in found):
            found += self._vote(paste, found)
        if len(found) == 1:
            return [self._match(found[0], paste, unwrapped)]
        chosen: list[_Found] = []
        for candidate in sorted(found, key=lambda f: (-f.rank, f.first, f.number)):
            if any(candidate.first <= c.last and c.first <= candidate.last for c in chosen):
                continue
            if any(candidate.number == c.number for c in chosen):
                continue
            chosen.append(candidate)
            if len(chosen) == limit:
                break
        return [self._match(f, paste, unwrapped) for f in sorted(chosen, key=lambda f: f.first)]

    def _paste(self, text: str) -> _Paste:
        """The words of a text with contractions taken apart and field names written as one word split."""
        text = plain(text)
        pieces = WORD.findall(text)
        words = " ".join(pieces).lower().split(" ") if pieces else []
        source: list[int] | None = None
        if "'" in text or not self._odd.isdisjoint(words):
            odd = self._odd
            out: list[str] = []
            source = []
            for i, word in enumerate(words):
                if word == "not" and out and out[-1] == "can":
                    out[-1] = "cannot"
                elif word in odd or "'" in word:
                    split = self._split(word)
                    out.extend(split)
                    source.extend([i] * len(split))
                else:
                    out.append(word)
                    source.append(i)
            words = out
        return _Paste(text, pieces, words, source, self._vocabulary)

    def _form(self, n: int) -> tuple[list[int], list[int]]:
        """A signature's word ids, and the number of placeholders before each and after the last."""
        known = self._forms.get(n)
        if known is None:
            a, b = self._offsets[n], self._offsets[n + 1]
            known = self._ids[a:b].tolist(), self._gaps[a + n : b + n + 1]
            if len(self._forms) < _FORMS:
                self._forms[n] = known
        return known

    def _exact(self, paste: _Paste) -> list[_Found]:
        """Undamaged messages: every word in its order, values only where placeholders stand."""
        words, firsts = paste.words, self._firsts
        likely = [i for i, word in enumerate(words) if word in firsts]
        if not likely:
            return []
        ids, anchors, last = paste.ids, self._anchors, len(words) - 1
        hits: list[tuple[int, Sequence[tuple[int, int, int]]]] = []
        for i in likely:
            first = ids[i]
            if i < last and (there := anchors.get(first * _PAIR + ids[i + 1])):
                hits.append((i, there))
            if there := anchors.get(-1 - first):
                hits.append((i, there))
        found: dict[int, _Found] = {}
        if not hits:
            return []
        present = set(ids)
        for i, anchored in hits:
            for n, offset, rarest in anchored:
                if rarest in present and n not in found and (pairs := self._literal(n, offset, i, ids)):
                    first, last = pairs[0][1], pairs[-1][1]
                    gaps = self._gaps
                    if self._alone(paste, first, last, gaps[self._offsets[n] + n], gaps[self._offsets[n + 1] + n]):
                        weights = self._weights
                        weight = sum([weights[ids[p]] for _, p in pairs])
                        found[n] = _Found(n, 1.0, weight, 1.0, True, first, last, pairs, [])
        return list(found.values())

    def _alone(self, paste: _Paste, first: int, last: int, before: int, behind: int) -> bool:
        """Whether an undamaged message's ends are ends of words, and no word before it denies it.

        `before` and `behind` are the placeholders there: whatever stands at one is its value.
        """
        text = paste.text
        if not before:
            start = paste.place(first)[0]
            beside = text[start - 1 : start]
            asked = beside.isalnum() or beside == "_" or (first and paste.words[first - 1] in NEGATIONS)
            if asked and self._edge(paste, first, -1, False, False) in _BAD_ENDS:
                return False
        if not behind:
            end = paste.place(last)[1]
            beside = text[end : end + 1]
            if (beside.isalnum() or beside == "_") and self._edge(paste, last, 1, False, False) in _BAD_ENDS:
                return False
        return True

    def _literal(self, n: int, offset: int, at: int, ids: list[int]) -> list[tuple[int, int]]:
        """The places of all words of signature n if they stand undamaged around the anchor; else nothing."""
        mine, gaps = self._form(n)
        first = offset
        while gaps[first] == 0 and first > 0:
            first -= 1
        last = offset + 1
        while last < len(mine) and gaps[last] == 0:
            last += 1
        start = at - (offset - first)
        if start < 0 or ids[start : start + last - first] != mine[first:last]:
            return []
        pairs = [(j, start + j - first) for j in range(first, last)]
        place, j = start + last - first, last
        while j < len(mine):  # the runs behind, each within reach of the one before
            end = j + 1
            while end < len(mine) and gaps[end] == 0:
                end += 1
            run = mine[j:end]
            reach = min(place + _REACH, len(ids) - len(run) + 1)
            place = next((p for p in range(place, reach) if ids[p : p + len(run)] == run), -1)
            if place < 0:
                return []
            pairs += [(j + k, place + k) for k in range(len(run))]
            place, j = place + len(run), end
        place, j = start, first
        while j > 0:  # the runs before
            begin = j - 1
            while gaps[begin] == 0 and begin > 0:
                begin -= 1
            run = mine[begin:j]
            place = next(
                (
                    p
                    for p in range(place - len(run), max(-1, place - len(run) - _REACH), -1)
                    if ids[p : p + len(run)] == run
                ),
                -1,
            )
            if place < 0:
                return []
            pairs += [(begin + k, place + k) for k in range(len(run))]
            j = begin
        pairs.sort()
        return pairs

    # ---- votes ------------------------------------------------------------------------------------------------------

    def _vote(self, paste: _Paste, exact: list[_Found]) -> list[_Found]:
        """Damaged messages: the candidates with the most votes in one place, aligned and judged."""
        done = {f.number for f in exact}
        covered = sum(f.last - f.first + 1 for f in exact if not self._in_longer(f.number))
        if len(paste.ids) - covered < 2:
            return []
        ids, misspelt = self._resolve(paste)
        found: list[_Found] = []
        most = 0.0
        for n, start, votes in self._candidates(ids):
            if n in done:
                continue
            if found and votes < most * _WORTH:
                break
            lo = max(0, start - 6)
            judged = self._align(n, paste, ids, misspelt, lo, start)
            if judged is not None:
                done.add(n)
                found.append(judged)
                most = max(most, votes * judged.score)
        return found

    def _candidates(self, ids: list[int]) -> list[tuple[int, int, float]]:
        """(signature, about where it begins in the paste, votes), most promising first."""
        if self._lists:
            cast = self._cast(ids)
            if cast is not None:
                return cast
        array = np.array(ids, np.int64)
        features = array
        places = np.arange(len(ids))
        if len(ids) > 1:
            known = array < _NEW
            at = np.flatnonzero(known[:-1] & known[1:])
            features = np.concatenate((array, array[at] * _PAIR + array[at + 1] + _PAIR))
            places = np.concatenate((places, at))
        rows = self._keys.searchsorted(features)
        hit = np.flatnonzero(self._keys.take(rows, mode="clip") == features)
        if not len(hit):
            return []
        rows, places = rows[hit], places[hit]
        lengths = self._starts[rows + 1] - self._starts[rows]
        if len(rows) > 400 or lengths.sum() > _MOST_VOTES:
            rows, places, lengths = _fewer(rows, places, lengths)
        offsets = np.cumsum(lengths)
        each = np.repeat(self._starts[rows] - offsets + lengths, lengths) + np.arange(offsets[-1])
        who, votes = self._who[each], np.repeat(self._votes[rows], lengths)
        # Most of those that a log's words speak for are spoken for by too little, wherever it stands.
        voting = np.flatnonzero(np.bincount(who, votes).take(who) >= self._least.take(who))
        if not len(voting):
            return []
        who, votes, each = who[voting].astype(np.int64), votes[voting], each[voting]
        begin = np.repeat(places, lengths)[voting] - self._where[each]
        keys = (who << 13) | ((begin + 64) >> _BUCKET)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        bounds = np.empty(len(keys) + 1, bool)
        bounds[0] = bounds[-1] = True
        np.not_equal(keys[1:], keys[:-1], out=bounds[1:-1])
        heads = np.flatnonzero(bounds)
        counts, heads = heads[1:] - heads[:-1], heads[:-1]
        sums = np.add.reduceat(votes[order], heads)
        keys = keys[heads]
        beside = keys[1:] == keys[:-1] + 1
        sums[:-1] += sums[1:] * beside
        counts[:-1] += counts[1:] * beside
        who = keys >> 13
        share = sums / self._total[who]
        alone, tried = _trying(ids)
        likely = np.flatnonzero((share >= _LEAST_SHARE) & ((counts > 1) | (share >= alone)))
        who, keys, worth = who[likely], keys[likely], sums[likely] * np.minimum(1.0, share[likely])
        best = np.argsort(-worth, kind="stable")[: tried * 2]
        out: list[tuple[int, int, float]] = []
        seen: set[int] = set()
        for number, bucket, value in zip(
            who[best].tolist(), (keys[best] & 8191).tolist(), worth[best].tolist(), strict=True
        ):
            if number not in seen:
                seen.add(number)
                out.append((number, (bucket << _BUCKET) - 64, value))
        return out[:tried]

    def _cast(self, ids: list[int]) -> list[tuple[int, int, float]] | None:
        """The same for a text that few signatures have words of, one vote after the other; None where they are many."""
        lists, held = self._lists, []
        votes = 0
        for i, word in enumerate(ids):
            if word >= _NEW:
                continue
            if there := lists.get(word):
                held.append((i, word, there))
                votes += len(there)
            if (
                i + 1 < len(ids)
                and ids[i + 1] < _NEW
                and (there := lists.get(key := word * _PAIR + ids[i + 1] + _PAIR))
            ):
                held.append((i, key, there))
                votes += len(there)
        if votes > _SINGLY or len(held) > _SINGLY:
            return None
        sums: dict[int, float] = {}
        for _, key, there in held:
            vote = self._voting[key]
            for n, _ in there:
                sums[n] = sums.get(n, 0.0) + vote
        least = self._least
        likely = {n for n, got in sums.items() if got >= least[n]}
        if not likely:
            return []
        places: dict[tuple[int, int], list[float]] = {}
        for i, key, there in held:
            vote = self._voting[key]
            for n, where in there:
                if n in likely:
                    places.setdefault((n, (i - where + 64) >> _BUCKET), []).append(vote)
        alone, tried = _trying(ids)
        found: list[tuple[float, int, int]] = []
        for (n, bucket), own in places.items():
            beside = places.get((n, bucket + 1), ())
            got, counts = sum(own) + sum(beside), len(own) + len(beside)
            share = got / float(self._total[n])
            if share >= _LEAST_SHARE and (counts > 1 or share >= alone):
                found.append((got * min(1.0, share), n, bucket))
        found.sort(key=lambda one: (-one[0], one[1], one[2]))
        best: dict[int, tuple[int, int, float]] = {}
        for worth, n, bucket in found[: tried * 2]:
            best.setdefault(n, (n, (bucket << _BUCKET) - 64, worth))
        return list(best.values())[:tried]

    def _resolve(self, paste: _Paste) -> tuple[list[int], dict[int, int]]:
        """Word ids with misspelt words read as the words they are near; and which those are, with their distance."""
        misspelt = dict.fromkeys(paste.guessed, 1)
        best: dict[str, tuple[int, int]] = {}
        for word, numbers in self._nearby(paste).items():
            if len(word) <= 24:
                tried = [m for m in numbers if m < len(self._words)]
                found = min(((_distance(word, self._words[m]), -self._often[m], m) for m in tried), default=None)
                if found is not None and found[0] <= _allowed(word, self._words[found[2]]):
                    best[word] = (found[2], found[0])
        if not best:
            return paste.ids, misspelt
        ids = list(paste.ids)
        for i, word in enumerate(paste.words):
            if word in best:
                ids[i], misspelt[i] = best[word]
        return ids, misspelt

    def _nearby(self, paste: _Paste) -> dict[str, frozenset[int]]:
        """For each word of a paste that nobody knows the numbers of the words that one or two letters make of it."""
        if paste.near is None:
            vocabulary, known = self._vocabulary, self._known
            odd = [
                word
                for word in dict.fromkeys(paste.words)
                if word not in vocabulary and 4 <= len(word) <= 42 and word not in known
            ][:_MOST_MISSPELT]
            close = self._close
            near = {word: close.get(word) for word in odd}
            if new := [word for word, numbers in near.items() if numbers is None]:
                fresh = self._near_to(new)
                if len(close) > _REMEMBERED:
                    close.clear()
                close.update(fresh)
                near.update(fresh)
            paste.near = {word: numbers for word, numbers in near.items() if numbers}
        return paste.near

    def _near_to(self, odd: Sequence[str]) -> dict[str, frozenset[int]]:
        """For each of some words the numbers of the words that one or two letters make of it, or none."""
        keys = self._near_keys
        found: dict[str, set[int]] = {word: set() for word in odd}
        if len(keys):
            wanted = np.array([hash(variant) for word in odd for variant in _deletions(word)], np.int64)
            left = keys.searchsorted(wanted)
            hit = np.flatnonzero(keys.take(left, mode="clip") == wanted)
            owners = np.repeat(np.arange(len(odd)), [len(word) + 1 for word in odd])[hit].tolist()
            begins, ends = left[hit].tolist(), keys.searchsorted(wanted[hit], side="right").tolist()
            for n, begin, end in zip(owners, begins, ends, strict=True):
                found[odd[n]].update(self._near_words[begin:end].tolist())
        return {word: frozenset(numbers) for word, numbers in found.items()}

    def _taken_apart(self, paste: _Paste) -> _Paste:
        """The paste with misspelt field names, written as one word, taken apart as the signatures hold them."""
        if not self._whole:
            return paste
        first = len(self._words)
        found: dict[str, Sequence[str]] = {}
        for word, numbers in self._nearby(paste).items():
            if len(word) < 6 or not word.isalpha():
                continue
            best = min(((_distance(word, self._whole[m - first]), m) for m in numbers if m >= first), default=(99, 0))
            own = min((_distance(word, self._words[m]) for m in numbers if m < first), default=99)
            if best[0] <= 2 and best[0] < own:
                found[word] = self._joined[self._whole[best[1] - first]]
        return paste.apart(found) if found else paste

    # ---- judging ----------------------------------------------------------------------------------------------------

    def _align(
        self, n: int, paste: _Paste, ids: list[int], misspelt: dict[int, int], lo: int, start: int
    ) -> _Found | None:
        """Signature n against the paste around its votes: the heaviest chain of words in order, close together."""
        mine, gaps = self._form(n)
        hi = min(len(ids), start + len(mine) + 20 + 8 * sum(gaps))
        if hi <= lo:
            return None
        weights = self._weights
        chain: list[tuple[int, int]] = []
        chains = [chain]
        for block in LCSseq.opcodes(mine, ids[lo:hi]):
            if block.tag != "equal":
                continue
            for j, p in zip(
                range(block.src_start, block.src_end),
                range(lo + block.dest_start, lo + block.dest_end),
                strict=True,
            ):
                if chain:
                    before, there = chain[-1]
                    skipped = any(gaps[before + 1 : j + 1])
                    if p - there - (j - before) > (_REACH if skipped else 3):
                        chain = []
                        chains.append(chain)
                chain.append((j, p))
        pairs = max(chains, key=lambda c: sum(weights[mine[j]] for j, _ in c))
        if not pairs:
            return None
        judged = self._judge(n, paste, ids, pairs, misspelt)
        if judged is None or judged.score < SURE:
            # A word of the line before, or a letter that happens to agree, is no part of a message cut short.
            for fewer in _without_ends(pairs, paste):
                again = self._judge(n, paste, ids, fewer, misspelt, {p for _, p in pairs})
                if again is not None and (judged is None or again.score > judged.score):
                    judged = again
                    break
        return judged

    def _judge(
        self,
        n: int,
        paste: _Paste,
        ids: list[int],
        pairs: list[tuple[int, int]],
        misspelt: dict[int, int],
        spent: Iterable[int] = (),
    ) -> _Found | None:
        """What is missing, what stands in its place, and whether that could be said of the same fault.

        `spent` are words of the paste that may stand for no other word of the signature.
        """
        mine, gaps = self._form(n)
        weights = self._weights
        total = sum(weights[w] for w in mine)
        have = dict(pairs)
        if sum(weights[mine[j]] for j in have) < 0.25 * total:
            return None
        quality = {j: (0.94 if p in misspelt else 1.0) for j, p in pairs}
        one = _Alignment(mine, gaps, paste, ids, have, quality, {*have.values(), *spent}, total)
        if len(have) < len(mine):
            self._fill(one)
        if len(have) == 1 and next(iter(have.values())) in misspelt:
            return None
        one.got = sum(weights[mine[j]] * quality[j] for j in have)
        one.content = [j for j in range(len(mine)) if weights[mine[j]] >= 0.4]
        one.matched = [j for j in one.content if j in have]
        one.order = sorted(have)
        if one.got < 0.3 * total or not self._between(one) or not self._ends(one) or not self._enough(one):
            return None
        if any(quality[j] == _GARBLED and mine[j] in self._guarded for j in have):
            one.cap = _UNSURE
        blurred = sum(weights[mine[j]] * (1 - quality[j]) for j in have)
        score = min(one.cap, 1.0 - (one.lost + blurred) / total - one.penalty)
        if score < LEAST:
            return None
        one.evidence += [
            f"“{paste.words[have[j]]}” for “{self._words[mine[j]]}”" for j in one.order if quality[j] < 1.0
        ]
        return _Found(
            number=n,
            score=score,
            rank=one.got * score**3,
            coverage=one.got / total,
            exact=score >= 0.9999,
            first=min(have.values()),
            last=max(have.values()),
            pairs=sorted(have.items()),
            evidence=one.evidence,
        )

    def _between(self, one: _Alignment) -> bool:
        """Between matched words nothing guarded may be missing, and nothing that turns the sense may be added."""
        weights, paste = self._weights, one.paste
        # In a long message one protected word may be mistyped past recognition, if no other stands in its place.
        long = len(one.matched) >= 7 and one.got >= 0.8 * one.total
        for a, b in pairwise(one.order):
            missing = range(a + 1, b)
            added = [p for p in range(one.have[a] + 1, one.have[b]) if p not in one.used]
            free = any(one.gaps[a + 1 : b + 1])
            if any(one.mine[j] in self._guarded for j in missing) and (
                not long
                or any(self._words[one.mine[j]] in NEGATIONS for j in missing)
                or (not free and any(self._named(one.ids[p], paste.words[p]) for p in added))
            ):
                return False
            one.lost += sum(weights[one.mine[j]] for j in missing)
            one.evidence += [f"without “{self._words[one.mine[j]]}”" for j in missing]
            if free:
                one.penalty += 0.0 if added else 0.04  # no value where one belongs
            else:
                one.penalty += 0.005 * len(added)  # so that what holds more than the message is not called exact
                if not self._added(one, a, b, [p for p in added if self._telling(paste.words[p])]):
                    return False
        one.inner = one.lost
        return True

    def _added(self, one: _Alignment, a: int, b: int, strange: list[int]) -> bool:
        """What words that are not in the signature cost, where no value is expected; False where they refuse it."""
        if not strange:
            return True
        paste = one.paste
        if "\n" in paste.text[paste.place(one.have[a])[1] : paste.place(one.have[b])[0]]:
            one.penalty += 0.2  # two lines that each hold some of it, not one line wrapped
        replaced = any(self._weights[one.mine[j]] >= 0.4 for j in range(a + 1, b))
        for p in strange:
            word = paste.words[p]
            named = self._named(one.ids[p], word)
            turned = any(_opposite(word, self._words[one.mine[j]]) for j in range(a + 1, b))
            if word in NEGATIONS or turned or (replaced and named):
                return False
            one.penalty += (0.3 if word in self._vocabulary else 0.2) if replaced or named else 0.06
            one.evidence.append(f"with “{word}”")
        return True

    def _ends(self, one: _Alignment) -> bool:
        """What is missing before the first and behind the last matched word, and whether it can have been cut off."""
        first, last = one.order[0], one.order[-1]
        for missing, at, gap, side in (
            (range(first), one.have[first], one.gaps[first], -1),
            (range(last + 1, len(one.mine)), one.have[last], one.gaps[last + 1], 1),
        ):
            beyond = [self._words[one.mine[j]] for j in missing]
            stump = missing and not gap and self._stump(one.paste, at, side, beyond)
            edge = "cut" if stump else self._edge(one.paste, at, side, bool(missing), gap > 0)
            if missing and edge == "edge" and side < 0 and self._half(one, first):
                edge = "cut"
            if edge == "against":
                return False
            if edge == "stuck":
                if len(one.matched) < 2:
                    return False
                one.penalty += 0.04
            if not missing:
                continue
            guards = any(one.mine[j] in self._guarded for j in missing)
            if guards and (edge == "conflict" or (edge == "open" and not gap)):
                return False
            if edge == "conflict" and self._thing(one.paste.words[at + side]):
                return False
            if side < 0 and edge != "cut" and any(self._words[one.mine[j]] in NEGATIONS for j in missing):
                if edge != "edge" or len(one.matched) < _LONG or one.got < 0.6 * one.total:
                    return False  # "records found" says the reverse of "no records found"
                one.cap = min(one.cap, _UNSURE)
            if edge == "conflict" and any(self._weights[one.mine[j]] >= 0.4 for j in missing):
                one.penalty += 0.15
            one.lost += sum(self._weights[one.mine[j]] for j in missing) * _LOSS[edge]
            one.evidence.append(f"cut short at the {'start' if side < 0 else 'end'}")
            if edge == "cut":
                one.cut = True
            else:
                one.bare = True
                one.cap = min(one.cap, _UNSURE if guards else 1.0)
        return True

    def _half(self, one: _Alignment, first: int) -> bool:
        """Whether the first word found is the end of its word: "ister" of "register"."""
        word, said = self._words[one.mine[first]], one.paste.words[one.have[first]]
        return 3 <= len(said) < len(word) and word.endswith(said) and said not in self._known

    def _enough(self, one: _Alignment) -> bool:
        """Whether what was found is enough to name this signature and no other."""
        matched, content, got = len(one.matched), len(one.content), one.got / one.total
        if (
            one.bare
            and matched < 3
            and got < 0.75
            and (one.cap < 1.0 or len(one.have) < 4)
            and not (one.cap == 1.0 and self._only(one))
        ):
            return False
        if got < (0.3 if one.cut else 0.5):
            return False
        if matched < min(2, content) and not (one.cut and len(one.have) >= 3 and self._only(one)):
            return False
        if one.inner >= 0.4 and sum(one.quality[j] == 1.0 for j in one.matched) < 2:
            return False
        return matched == content or sum(len(self._words[one.mine[j]]) for j in one.have) >= 10

    def _fill(self, one: _Alignment) -> None:
        """Find words unlike in letters but alike in meaning, or half typed, where they should stand."""
        mine, gaps, paste = one.mine, one.gaps, one.paste
        have, quality, used, words = one.have, one.quality, one.used, self._words
        order = sorted(have)
        first, last = order[0], order[-1]
        slots = [
            (range(a + 1, b), range(have[a] + 1, have[b]), any(gaps[a + 1 : b + 1]))
            for a, b in pairwise(order)
            if b > a + 1
        ]
        if first:
            reach = first + 2 + 6 * any(gaps[: first + 1])
            slots.append((range(first), range(max(0, have[first] - reach), have[first]), any(gaps[1 : first + 1])))
        if last + 1 < len(mine):
            reach = have[last] + len(mine) - last + 2 + 6 * any(gaps[last + 1 :])
            slots.append(
                (
                    range(last + 1, len(mine)),
                    range(have[last] + 1, min(len(paste.words), reach)),
                    any(gaps[last + 1 : len(mine)]),
                )
            )
        for slot, places, apart in slots:
            missing: Sequence[int] = slot
            if len(places) > 24:
                continue
            beyond = places.start > have[last] or places.stop <= have[first]
            shut, line = self._shut(paste, places, places.start > have[last]) if beyond else (places, places)
            free = [p for p in shut if p not in used]
            if free and not apart:
                for run, there in self._together(
                    missing, free, paste.words, mine, places.start > have[last], places.stop <= have[first]
                ):
                    for n, j in enumerate(run):
                        have[j], quality[j] = there[min(n, len(there) - 1)], 0.9
                    used.update(there)
                    free = [p for p in free if p not in used]
                missing = [j for j in missing if j not in have]
            for j in missing if places.start > have[first] else reversed(missing):
                best, at = 0.0, -1
                for p in free:
                    like = self._likeness(words[mine[j]], paste.words[p])
                    if like > best and (like == 1.0 or p in line):
                        best, at = like, p
                if best:
                    have[j], quality[j] = at, best
                    used.add(at)
                    free.remove(at)

    def _shut(self, paste: _Paste, places: range, behind: bool) -> tuple[range, range]:
        """Of the places beyond an end of a match those up to where the message was cut; of them those on its line."""
        shut = line = places
        order = places if behind else reversed(places)
        for p in order:
            near, far = (p - 1, p) if behind else (p, p + 1)
            if near < 0 or far == len(paste.words):
                continue
            between = paste.text[paste.place(near)[1] : paste.place(far)[0]]
            if _ELLIPSIS.search(between):
                shut = range(places.start, p) if behind else range(p + 1, places.stop)
                break
            if "\n" in between and line is places:
                line = range(places.start, p) if behind else range(p + 1, places.stop)
        return shut, line

    def _together(
        self,
        missing: Sequence[int],
        free: list[int],
        words: list[str],
        mine: list[int],
        tail: bool,
        head: bool,
    ) -> list[tuple[Sequence[int], list[int]]]:
        """Words that agree once the spaces are taken out ("ha sno", "manybytes"): of the signature, of the paste."""
        if tail or head:
            # Beyond an end: one word for two, or two for one, next to what matched.
            for a, b in ((2, 1), (1, 2), (2, 2)):
                if len(missing) >= a and len(free) >= b:
                    js, ps = (missing[:a], free[:b]) if tail else (missing[-a:], free[-b:])
                    if self._alike(js, ps, words, mine):
                        return [(js, ps)]
            return []
        return (
            [(missing, free)]
            if len(missing) + len(free) > 2 and len(free) <= 6 and self._alike(missing, free, words, mine)
            else []
        )

    def _alike(self, js: Sequence[int], ps: Sequence[int], words: list[str], mine: list[int]) -> bool:
        ours, theirs = "".join(self._words[mine[j]] for j in js), "".join(words[p] for p in ps)
        if ours == theirs and len(ours) >= 4:
            return True
        if not (ours.isalpha() and theirs.isalpha()):
            return False
        least = 5 if theirs in self._vocabulary or theirs in self._known else 4
        if min(len(ours), len(theirs)) < least or abs(len(ours) - len(theirs)) > 2:
            return False
        return OSA.distance(ours, theirs) <= (1 if len(ours) < 9 else 2) and not any(
            _opposite(self._words[mine[j]], words[p]) for j in js for p in ps
        )

    def _likeness(self, word: str, said: str) -> float:
        """How well a word of the paste stands for a word of a signature: 0 where it must not."""
        if word == said:
            return 1.0
        if said in self._known and said not in _DENYING and said not in _SHORT:
            return 0.0
        alike = self._alikes.get((word, said))
        if alike is None:
            alike = self._compared(word, said)
            if len(self._alikes) >= _REMEMBERED:
                self._alikes.clear()
            self._alikes[word, said] = alike
        return alike

    def _compared(self, word: str, said: str) -> float:
        """The likeness of two different words."""
        if _SHORT.get(said) == word:
            return 0.9
        if abs(len(word) - len(said)) > 3 and not word.startswith(said):
            return 0.0
        if (said in self._known and said not in _DENYING) or not word[0].isalpha() or not said[0].isalpha():
            return 0.0
        if word in NEGATIONS:
            if said in _DENYING and word in _DENYING:
                return 0.85
            mistyped = word in ("no", "not") and said not in _NEAR_NOT and 2 <= len(said) <= 4
            return 0.8 if mistyped and OSA.distance(said, word) == 1 else 0.0
        if len(said) >= 4 and len(word) > len(said) and word.startswith(said):
            return 0.85
        # Its place is known here, so more letters may be wrong than where it might be any word.
        length = min(len(said), len(word))
        allowed = max(_allowed(said, word), 0 if length < 6 else 2 if length < 10 else 3)
        if len(word) == 3 and len(said) >= 3 and said not in self._vocabulary:
            allowed = 0 if word in self._entities and sorted(said) != sorted(word) else 1
        distance = OSA.distance(said, word, score_cutoff=3)
        if distance <= allowed:
            return 0.0 if _opposite(said, word) else 0.9
        # Mistyped beyond that, it is still no other word: nobody knows it, and most of its letters agree.
        garbled = (
            (
                length >= 4
                or (length == 3 and distance == 1 and said[0] == word[0])
                or (length == 2 and distance == 1 and (len(word) == 3 or sorted(said) == sorted(word)))
            )
            and said not in self._vocabulary
            and (
                Indel.normalized_similarity(said, word, score_cutoff=0.62) >= 0.62
                or (distance == 2 and length >= 5 and said[0] == word[0])
            )
            and not _opposite(said, word)
        )
        return _GARBLED if garbled else 0.0

    def _named(self, number: int, word: str) -> bool:
        """Whether a word of the paste is one that messages are told apart by."""
        return (
            number in self._guarded
            or word in self._entities
            or word in NEGATIONS
            or word in FAULTS
            or word[0].isdigit()
        )

    def _thing(self, word: str) -> bool:
        """Whether a word names one of the things that messages are about, or several of it."""
        return word in self._entities or word.removesuffix("s") in self._entities

    def _stump(self, paste: _Paste, at: int, side: int, missing: Sequence[str]) -> bool:
        """Whether what stands beside a match, at an end of its line, is what a cut left of the next word.

        `missing` are the signature's words beyond that end, in its order.
        """
        other = at + side
        if not 0 <= other < len(paste.words):
            return False
        word = missing[-1] if side < 0 else missing[0]
        said, (start, end) = paste.words[other], paste.place(other)
        beyond = paste.text[max(0, start - 3) : start] if side < 0 else paste.text[end : end + 3]
        touched = beyond.endswith(("…", "...", "..")) if side < 0 else beyond.startswith(("…", ".."))
        if len(said) >= len(word):
            whole = "".join(missing)
            if not len(word) < len(said) < len(whole):
                return False
            word = whole
        if _opposite(said, word) and not (touched and side < 0):
            return False
        beyond = beyond.rstrip(" ") if side < 0 else beyond.lstrip(" ")
        told = side < 0 and other > 0 and paste.words[other - 1] in _SAYING
        if beyond and (beyond[-1] if side < 0 else beyond[0]) not in _ENDS and not told:
            return False
        if word.endswith(said) if side < 0 else word.startswith(said):
            return True
        # A letter of the stump may be wrong, too, if it is no word of its own.
        if len(said) < (2 if touched else 3) or said in self._vocabulary or said in self._known:
            return False
        near = (word[-n:] if side < 0 else word[:n] for n in (len(said), len(said) + 1, len(said) - 1))
        return any(OSA.distance(said, part) <= 1 for part in near if len(part) >= 2)

    def _telling(self, word: str) -> bool:
        """Whether an added word changes what is said."""
        return word not in STOP and len(word) > 1

    def _only(self, one: _Alignment) -> bool:
        """Whether two neighbouring words of these stand together in no signature that points elsewhere."""
        mine, order = one.mine, one.order
        target = None
        for a, b in pairwise(order):
            if b != a + 1:
                continue
            row = int(np.searchsorted(self._keys, mine[a] * _PAIR + mine[b] + _PAIR))
            if row < len(self._keys) and self._keys[row] == mine[a] * _PAIR + mine[b] + _PAIR:
                targets = {
                    self.signatures[n].target
                    for n in self._who[self._starts[row] : self._starts[row + 1]].tolist()[:20]
                }
                if len(targets) == 1:
                    target = targets
        return target is not None

    def _edge(self, paste: _Paste, at: int, side: int, missing: bool, gap: bool) -> str:
        """How a match ends on one side.

        "cut", at an "edge", "open", in "conflict" with the next word, "against" it, or with a letter "stuck" to it.
        """
        start, end = paste.place(at)
        text, words = paste.text, paste.words
        if not gap:
            stuck = text[max(0, start - 2) : start][::-1] if side < 0 else text[end : end + 2]
            if (
                stuck
                and (stuck[0].isalnum() or (len(stuck) == 2 and stuck[0] == "_" and stuck[1].isalnum()))
                and not self._inside(paste, at, side)
            ):
                # TaxCompany and tax_company are not Company; one letter before it is a slip of the finger.
                alone = (
                    side < 0 and not missing and stuck[0].isalpha() and not (stuck[1:].isalnum() or stuck[1:] == "_")
                )
                return "stuck" if alone else "against"
            if missing and stuck[:1] == "_":
                return "cut"
        other = at + side
        near: str | None = None
        for _ in range(8 if gap and missing else 1):  # a value may stand between the words and the end
            if not 0 <= other < len(words):
                near = (text[:start] if side < 0 else text[end:])[slice(-8, None) if side < 0 else slice(8)]
                return "cut" if _ELLIPSIS.search(near) else "edge"
            there = paste.place(other)
            between = text[there[1] : start] if side < 0 else text[end : there[0]]
            if not missing:
                spaced = not between.strip() and "\n" not in between
                return "against" if side < 0 and spaced and words[other] in NEGATIONS and not gap else "edge"
            if _ELLIPSIS.search(between):
                return "cut"
            if "\n" in between or (not gap and between.strip() and between not in ("'", "-")):
                return "edge"
            if not gap:
                if not self._telling(words[other]):
                    return "open"
                if words[other] in _SAYING:
                    return "edge" if side < 0 else "open"
                return "edge" if side < 0 and self._rest(paste, other) else "conflict"
            start, end = there
            other += side
        return "open"

    def _rest(self, paste: _Paste, at: int) -> bool:
        """Whether a word is what a cut left, mistyped: two or three letters behind the ellipsis, no word known."""
        word = paste.words[at]
        if not (2 <= len(word) <= 3 and word.isalpha()) or word in self._vocabulary or word in self._known:
            return False
        start = paste.place(at)[0]
        return paste.text[max(0, start - 3) : start].endswith(("…", ".."))

    def _inside(self, paste: _Paste, at: int, side: int) -> bool:
        """Whether a word shares its place with its neighbour (a contraction or a joined name taken apart)."""
        other = at + side
        return 0 <= other < len(paste.ids) and paste.source is not None and paste.source[other] == paste.source[at]

    # ---- the result -------------------------------------------------------------------------------------------------

    def _match(self, found: _Found, paste: _Paste, unwrapped: Unwrapped) -> SignatureMatch:
        signature = self.signatures[found.number]
        captures, first, last = _captures(signature, self._form(found.number)[1], found.pairs, paste)
        start, end = unwrapped.span(first, last)
        return SignatureMatch(
            signature=signature,
            score=round(max(0.0, min(1.0, found.score)), 4),
            exact=found.exact,
            start=start,
            end=end,
            captures=captures,
            coverage=round(found.coverage, 4),
            evidence=tuple(found.evidence),
        )


_LOSS: Final = {
    "cut": 0.25,
    "edge": 0.6,
    "open": 0.85,
    "conflict": 0.85,
}  # how much of a missing end counts, by how it ends
_BAD_ENDS: Final = ("against", "stuck")  # with these nothing is undamaged
_ENDS: Final = "\n…\"'`<>{}[]|.,:-"
_UNSURE: Final = 0.72  # at most, where a guarded word is missing or hardly recognised
_LONG: Final = 4  # telling words of which a message whose beginning is gone may still be recognised, unsurely
_FEW: Final = 5_000  # signatures up to which neighbouring words are also known written as one
_REMEMBERED: Final = 10_000  # words of which is kept what they may be misspelt for
_FORMS: Final = 2_000  # signatures of which the words are kept at hand
_SINGLY: Final = 400  # votes up to which counting them one by one is quicker
_GARBLED: Final = 0.7  # the quality of a word hardly recognised: with one of these a match is never sure
_REACH: Final = 40  # words that one placeholder may hold
_TRIED: Final = 16  # candidates aligned; twice as many for a paste that is hardly more than the message
_BRIEF: Final = 24  # words of such a paste
_LEAST_SHARE: Final = 0.2  # of a signature's votes, without which it is not aligned
_WORTH: Final = 0.45  # a candidate with fewer votes than this share of a match's is not aligned
_MOST_MISSPELT: Final = 300  # different unknown words of one paste looked up
_ELLIPSIS: Final = re.compile(r"…|\.\.")
# Words that introduce a message, and so are no part of it.
_SAYING: Final = words_of(
    "error errors warning message says said saying reads fatal failed info got get getting gets shows "
    "showing popup toast banner alert text exception reason detail details status response result log "
    "code cause ends end start starts ending like about still only just now"
)


def _trying(ids: Sequence[int]) -> tuple[float, int]:
    """The share of a signature's votes from which one word alone names it, and how many candidates are aligned."""
    return (0.0, 2 * _TRIED) if len(ids) <= _BRIEF else (0.5, _TRIED)  # in a log it must be half of it


def _without_ends(pairs: list[tuple[int, int]], paste: _Paste) -> Iterator[list[tuple[int, int]]]:
    """The chain without one or two words at an end that say nothing or stand on a line of their own."""
    for size in (1, 2):
        if len(pairs) < size + 3:
            return
        for rest, dropped, (j, p), (k, q) in (
            (pairs[size:], pairs[:size], pairs[size - 1], pairs[size]),
            (pairs[:-size], pairs[-size:], pairs[-size - 1], pairs[-size]),
        ):
            silent = all(paste.words[at] in STOP or len(paste.words[at]) == 1 for _, at in dropped)
            if (k > j + 1 and silent) or "\n" in paste.text[paste.place(p)[1] : paste.place(q)[0]]:
                yield rest


def _runs(words: list[tuple[str, int, int]]) -> Iterator[list[str]]:
    """Words that stand without a gap: the parts of a field's name."""
    run: list[str] = []
    end = -1
    for word, start, stop in words:
        if start != end:
            if len(run) > 1:
                yield run
            run = []
        run.append(word)
        end = stop
    if len(run) > 1:
        yield run


def _postings(features: np.ndarray, owners: np.ndarray, places: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    """Features in order with their owners and places, the commonest left out; each one's vote, each owner's total."""
    order = np.argsort(features, kind="stable")
    features, owners, places = features[order], owners[order], places[order]
    keys, inverse, counts = np.unique(features, return_inverse=True, return_counts=True)
    often = counts[inverse]
    # Of each owner the rarest features stay however common they are: it must be findable by something.
    rare = np.lexsort((often, owners))
    first = np.searchsorted(owners[rare], np.arange(count))
    among = np.empty(len(owners), np.int64)
    among[rare] = np.arange(len(owners)) - first[owners[rare]]
    keep = (often <= _COMMON) | (among < _FINDABLE)
    kept = np.bincount(inverse[keep], minlength=len(keys))
    present = kept > 0
    starts = np.concatenate([[0], np.cumsum(kept[present])])
    votes = np.log1p(max(1, count) / counts[present]).astype(np.float32)
    total = np.bincount(owners[keep], weights=np.log1p(max(1, count) / often[keep]), minlength=count)
    return (
        keys[present],
        starts,
        owners[keep].astype(np.int32),
        places[keep].astype(np.int16),
        votes,
        np.maximum(total, 1e-9),
    )


_FINDABLE: Final = 5
_COMMON: Final = 300  # features of more signatures than this do not vote, unless a signature has no rarer


def _fewer(rows: np.ndarray, places: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, ...]:
    """The rarest features first, each a dozen times at most, until the votes of one paste are used up."""
    order = np.lexsort((places, rows, lengths))
    rows, places, lengths = rows[order], places[order], lengths[order]
    heads = np.concatenate([[True], rows[1:] != rows[:-1]])
    nth = np.arange(len(rows)) - np.maximum.accumulate(np.where(heads, np.arange(len(rows)), 0))
    keep = nth < _OFTEN
    keep &= np.cumsum(np.where(keep, lengths, 0)) <= _MOST_VOTES
    keep[0] = True
    return rows[keep], places[keep], lengths[keep]


def _deletions(word: str) -> list[str]:
    """A word and all that is left of it with one letter taken out."""
    return [word, *(word[:i] + word[i + 1 :] for i in range(len(word)))]


def _distance(a: str, b: str) -> int:
    distance = OSA.distance(a, b, score_cutoff=3)
    return 99 if distance <= 3 and _opposite(a, b) else distance


def _allowed(said: str, word: str) -> int:
    """How many letters may be wrong in a word."""
    if len(word) < 4 or len(said) < 3:
        return 0
    return 1 if min(len(said), len(word)) < 8 else 2


def _opposite(a: str, b: str) -> bool:
    """Whether one word denies the other: active and inactive, internal and external."""
    short, long = (a, b) if len(a) < len(b) else (b, a)
    if long.endswith(short):
        return long[: len(long) - len(short)] in _NEGATING
    if long[-2:] != short[-2:]:  # what is turned begins otherwise and ends alike
        return False
    return any(
        x.startswith(one) and y.startswith(two) and len(x) > len(one) + 2 and x[len(one) :] == y[len(two) :]
        for one, two in _TURNING
        for x, y in ((a, b), (b, a))
    )


@lru_cache(maxsize=4096)
def _typed(type_: str) -> re.Pattern[str]:
    return re.compile(TYPES[type_])


def _captures(
    signature: Signature, gaps: list[int], pairs: list[tuple[int, int]], paste: _Paste
) -> tuple[dict[str, str], int, int]:
    """What stands where the placeholders are, and the span of the whole in the peeled text."""
    have = dict(pairs)
    text = paste.text
    first, last = paste.place(pairs[0][1])[0], paste.place(pairs[-1][1])[1]
    captures: dict[str, str] = {}
    n = 0
    for j, count in enumerate(gaps):
        names, types = signature.names[n : n + count], signature.types[n : n + count]
        n += count
        if not count:
            continue
        left = paste.place(have[j - 1])[1] if j - 1 in have else None
        right = paste.place(have[j])[0] if j in have and j < len(gaps) - 1 else None
        if left is None and right is None:
            continue
        if left is not None and right is not None:
            captures.update(_within(names, types, text[left:right]))
        elif left is not None:
            span = _after(names, types, text, left, captures) if j == len(gaps) - 1 else None
            last = max(last, span or 0)
        elif right is not None and j == 0:
            first = min(first, _before(names, types, text, right, captures))
    return captures, first, last


_MARKS_BEFORE: Final = " \t\n\r\"'`([{<:;,.=#*>|-"
_MARKS_AFTER: Final = " \t\n\r\"'`)]}>:;,.*|-"


def _within(names: Sequence[str], types: Sequence[str], between: str) -> dict[str, str]:
    """The values between two words: one takes all of it, several share it by their types."""
    inner = between.lstrip(
        _MARKS_BEFORE if types[0] not in ("int", "number", "path") else " \t\n\r\"'`([{<:;,="
    ).rstrip(_MARKS_AFTER)
    out: dict[str, str] = {}
    if len(names) == 1:
        exact = _typed(types[0]).fullmatch(inner) or (_typed(types[0]).search(between) if types[0] != "text" else None)
        if exact:
            out[names[0]] = exact[0].strip("\"'`") if types[0] == "quoted" else exact[0]
        elif inner and types[0] in ("text", "word", "quoted", "id"):
            out[names[0]] = " ".join(inner.split())
        return out
    place = 0
    for name, type_ in zip(names, types, strict=True):
        found = _typed(type_ if type_ != "text" else "word").search(inner, place)
        if not found:
            break
        out[name] = found[0].strip("\"'`") if type_ == "quoted" else found[0]
        place = found.end()
    return out


def _after(names: Sequence[str], types: Sequence[str], text: str, place: int, captures: dict[str, str]) -> int:
    """The values behind the last word, up to the end of the line; where they end."""
    for name, type_ in zip(names, types, strict=True):
        line = text.find("\n", place)
        stop = min(len(text) if line < 0 else line, place + 500)
        begin = place
        lead = _MARKS_BEFORE if type_ not in ("quoted", "path", "int", "number") else " \t:=,"
        while begin < stop and text[begin] in lead:
            begin += 1
        found = (
            _typed(type_).match(text, begin, stop)
            if type_ != "text"
            else re.compile(r"[^\n\"<>|{}]{1,300}").match(text, begin, stop)
        )
        if not found and type_ not in ("text", "word", "quoted"):
            found = _typed(type_).search(text, place, min(stop, place + 12))
        if not found:
            return place
        value = found[0].strip("\"'` ") if type_ in ("quoted", "text") else found[0].rstrip(".,;:")
        if not value:
            return place
        captures[name] = value
        place = begin if not found else found.start() + len(found[0].rstrip(" .,;:'"))
    return place


def _before(names: Sequence[str], types: Sequence[str], text: str, place: int, captures: dict[str, str]) -> int:
    """The value before the first word, from the start of its line; where it begins."""
    begin = max(text.rfind("\n", 0, place) + 1, place - 300)
    said = text[begin:place].rstrip(_MARKS_AFTER)
    if not said or len(names) != 1:
        return place
    pieces = list(_typed(types[0] if types[0] not in ("text", "quoted") else "word").finditer(said))
    if not pieces:
        return place
    if types[0] == "quoted" and text[begin + len(said) : begin + len(said) + 1] in ("'", '"'):
        mark = text[begin + len(said)]
        opening = said.rfind(mark)
        captures[names[0]] = said[opening + 1 :]
        return begin + max(opening, 0)
    captures[names[0]] = pieces[-1][0]
    return begin + pieces[-1].start()
