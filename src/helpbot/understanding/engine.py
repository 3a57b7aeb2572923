"""From a message to a diagnosis: unwrap, find known errors, classify, look into the chunks, weigh (DESIGN, section 5).

Pure: the same knowledge, the same training and the same text give the same diagnosis, to the last digit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from math import exp, log1p
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from helpbot.knowledge.shape import problem_of
from helpbot.knowledge.signature import STOP, Signature, compile_signature, cut_words, mine_signatures
from helpbot.later import dataclass
from helpbot.messages import NOTHING
from helpbot.retrieval.search import ArticleHit, Hit, Searcher, weights_for
from helpbot.retrieval.tokens import Tokenizer
from helpbot.understanding.classifier import Examples, Kernel, Row, Vectoriser
from helpbot.understanding.diagnosis import Candidate, Diagnosis, Evidence, InputKind, Passage, Problem, Reasons
from helpbot.understanding.facets import FacetReader, Named
from helpbot.understanding.passages import claims, falling, found_in
from helpbot.understanding.signatures import ENTITIES, SURE, SignatureIndex, SignatureMatch
from helpbot.understanding.spelling import Spelling
from helpbot.understanding.unwrap import Unwrapped, unwrap
from helpbot.understanding.weigh import (
    BROAD,
    HANDOVER,
    OTHERS,
    REFUSED,
    SIGNALS,
    SIGNS,
    Judgement,
    judge,
    judge_passage,
    shares,
)

if TYPE_CHECKING:
    from helpbot.knowledge.base import KnowledgeBase
    from helpbot.knowledge.resolution import Resolution
    from helpbot.knowledge.vocabulary import Vocabulary
    from helpbot.understanding.encoder import Encoder

__all__ = [
    "Engine",
    "Gathered",
    "Reading",
    "Trained",
    "Weighed",
    "classified",
    "own_texts",
    "sections_of",
    "signatures_of",
    "tokenizer_of",
]

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]

MEANING_READ: Final = 600  # characters given to the encoder
_PIECES: Final = 140  # about as many as the encoder makes of MEANING_READ characters of language
_PIECE: Final = re.compile(r"\w+|[^\w\s]")
_READ: Final = 1_200  # characters that are classified; what decides a longer paste is its signature
_CANDIDATES: Final = 5
_LOOKED_AT: Final = 60  # chunks that tell what the best article has of a text
_EXPLAINED: Final = 3  # candidates with evidence
_PROBLEMS: Final = 4  # of one message
_CERTAIN: Final = 0.99
_BROAD_FROM: Final = 0.25  # the classifier's score for questions that could mean several things
_ANOTHER: Final = 0.4  # the most that is claimed for an error which names another thing than the known one
_LITERAL: Final = 4  # the fewest words of an error that one word more or less can tell from another
_AROUND: Final = 2  # words around an error that is shown rather than told
_UNHEARD: Final = 0.35  # the share of what is said, by rarity
_COVERED: Final = 0.95  # how likely one of several meanings is meant when the field is known


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trained:
    """All that was learnt from one knowledge; plain arrays and words, so that it can be stored.

    `texts` are the examples, one class after the other; `labels` (texts,) number their classes: resolutions, then
    OTHERS. `rows` are their words, `examples` (texts, width) their meaning (empty without an encoder), and `dual`
    (classes, texts) turns likeness to them into scores. `counts` (tokens, resolutions) says in how many texts of a
    resolution a token stands (255 and more alike), `weights` (tokens,) how rare it is, `heard` (entities, resolutions)
    in how many texts of a resolution, its sections included, an entity is spoken of.
    """

    resolutions: tuple[str, ...]
    kernel: Kernel
    columns: Mapping[str, int]
    idf: Singles
    rows: Examples
    dual: Singles
    examples: Singles
    texts: Sequence[str]
    labels: NDArray[np.int32]
    tokens: Mapping[str, int]
    counts: NDArray[np.uint8]
    weights: Singles
    entities: tuple[str, ...]
    heard: NDArray[np.uint8]
    words: Mapping[str, int]  # every word of the knowledge and how often it is used, for spelling
    chunks: Singles  # the encoder's vectors of the chunks, (chunks, width) or empty
    judgement: Judgement

    @property
    def meaning(self) -> bool:
        """Whether it was learnt with an encoder."""
        return bool(self.chunks.size or self.examples.size)


def tokenizer_of(vocabulary: Vocabulary, *, loose: bool = False) -> Tokenizer:
    """The tokenizer that knows the author's synonyms and short names; `loose` keeps words that say nothing."""
    synonyms: dict[str, list[str]] = {}
    for group in vocabulary.synonyms:
        for way in group[1:]:
            synonyms[way] = [group[0]]
    for values in vocabulary.facets.values():
        for ways in values.values():
            for way in ways[1:]:
                # "at" and "im" are words, and so is "manage": the facets read those by how they are written.
                if not (len(way) <= 2 and way.isupper() and way != "CW") and way.lower() != "manage":
                    synonyms[way] = [ways[0]]
    return Tokenizer(synonyms=synonyms, stop_words=()) if loose else Tokenizer(synonyms=synonyms)


_TEMPLATE: Final = re.compile(r"\{%.*?%\}|\{\{.*?\}\}")


def own_texts(resolution: Resolution) -> list[str]:
    """What a resolution says itself, a text a line of it; placeholders left out."""
    lines = [resolution.title, resolution.label, resolution.cause, resolution.check]
    lines += [step.text for step in resolution.steps]
    lines += [f"{point.term}: {point.text}" if point.term else point.text for point in resolution.points]
    if resolution.older:
        lines.append(resolution.older.text)
    return [text for line in lines if (text := _TEMPLATE.sub("", line).strip())]


def sections_of(resolution: Resolution) -> frozenset[tuple[str, str]]:
    """Every section that a resolution cites, as (article, anchor)."""
    sources = [resolution.source, *(step.source for step in resolution.steps)]
    sources += [point.source for point in resolution.points]
    if resolution.older:
        sources.append(resolution.older.source)
    return frozenset((source.article, source.anchor) for source in sources)


def signatures_of(knowledge: KnowledgeBase) -> tuple[Signature, ...]:
    """The authors' error patterns, and those that stand in sections which no resolution speaks for."""
    found: list[Signature] = []
    for resolution in knowledge.resolutions.values():
        for number, error in enumerate(resolution.errors):
            name = f"{resolution.id}/{number}"
            try:
                found.append(compile_signature(error, target=resolution.id, id=name, origin=resolution.origin))
            except ValueError:  # `helpbot check` reports it
                continue
    seen = {_literal(signature.pattern) for signature in found}
    spoken_for = {place for resolution in knowledge.resolutions.values() for place in sections_of(resolution)}
    for article in knowledge.articles.values():
        for section in article.sections:
            if (article.id, section.anchor) in spoken_for:
                continue
            target = f"{article.id}#{section.anchor}"
            for signature in mine_signatures(f"## {section.title}\n{section.body}", target=target):
                if (literal := _literal(signature.pattern)) not in seen:
                    seen.add(literal)
                    found.append(signature)
    return tuple(found)


def _literal(pattern: str) -> str:
    return re.sub(r"\W+", " ", re.sub(r"\{[^}]*\}", " ", pattern)).strip().lower()


@dataclass(slots=True, eq=False)
class Reading:
    """One text, made ready for all that looks at it."""

    text: str  # what is classified
    named: Named
    tokens: list[str]
    row: Row
    likeness: Singles  # to each example, by words
    matches: Sequence[SignatureMatch] = ()
    error: float = 0.0  # how much it looks like a pasted error, 0 to 1
    system: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # facets known from elsewhere
    vector: Singles | None = None
    cosines: Singles | None = None  # to each example, by meaning
    chunk_cosines: Singles | None = None
    near: Singles | None = None  # the kernel of words with each example, once it is asked for
    spelt: str = ""  # the text with its misspelt words put right

    def forget_likeness(self) -> None:
        """Let go of all that is as large as the examples are many; what was gathered from it stays right."""
        self.likeness, self.near, self.vector = np.empty(0, np.float32), None, None
        self.cosines, self.chunk_cosines = None, None


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What speaks for each resolution but the classifier's score, whatever weight that is given later."""

    signals: Floats  # (resolutions, signals), the first column empty
    words: Floats  # of each class the likeness of its nearest example, by words
    meaning: Floats  # and by meaning


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """What the signals of one text came to."""

    classes: list[float]
    signals: Floats  # (resolutions, signals)
    scores: Floats  # (resolutions,)
    order: list[int]  # the best candidates
    share: Floats  # of the ordered candidates
    signs: Floats


class Engine:
    """Understands messages about one knowledge. Immutable, and safe to use from several threads."""

    def __init__(
        self,
        knowledge: KnowledgeBase,
        trained: Trained,
        *,
        encoder: Encoder | None = None,
        searcher: Searcher | None = None,
        signatures: Sequence[Signature] | None = None,
    ) -> None:
        """`encoder` is the one that `trained` was learnt with (or None if it was learnt without).

        `searcher` and `signatures` are those of the knowledge, where they were made before.
        """
        self.knowledge, self.trained = knowledge, trained
        self.encoder = encoder if trained.meaning else None
        self.tokenizer = searcher.tokenizer if searcher is not None else tokenizer_of(knowledge.vocabulary)
        self.searcher = searcher or Searcher.build(knowledge.chunks, self.tokenizer)
        self.facets = FacetReader(knowledge.vocabulary)
        loose = tokenizer_of(knowledge.vocabulary, loose=True)
        self.vectoriser = Vectoriser(trained.columns, trained.idf, trained.kernel, self.tokenizer, loose)
        names = [way for values in knowledge.vocabulary.facets.values() for ways in values.values() for way in ways]
        known = signatures_of(knowledge) if signatures is None else signatures
        self.signatures = SignatureIndex(known, protected=names)
        self._literals: dict[str, list[list[str]]] = {}
        for signature in known:
            pieces = ([word for word, _, _ in cut_words(part)] for part in signature.parts)
            self._literals.setdefault(signature.target, []).extend(p for p in pieces if len(p) >= _LITERAL)
        self.spelling = Spelling(trained.words, protected=ENTITIES)
        self._count = len(trained.resolutions)
        self._number = {name: number for number, name in enumerate(trained.resolutions)}
        self._present, self._starts = np.unique(trained.labels, return_index=True)
        self._own: list[int] = np.searchsorted(trained.labels, np.arange(self._count + 1)).tolist()
        self._times = trained.counts.sum(axis=1, dtype=np.int64)
        self._entity = {entity: row for row, entity in enumerate(trained.entities)}
        self._rarest = float(trained.weights.max(initial=1.0))
        self._applies = self._facet_table()
        self._cites, self._cites_from = self._citation_table()

    def _facet_table(self) -> dict[tuple[str, str], Floats]:
        """For each value of a facet, +1 for the resolutions that are for it and -1 for those for another."""
        resolutions = [self.knowledge.resolutions[name] for name in self.trained.resolutions]
        table: dict[tuple[str, str], Floats] = {}
        for facet, values in self.knowledge.vocabulary.facets.items():
            owned = [resolution.applies_to.get(facet, ()) for resolution in resolutions]
            for value in values:
                table[facet, value] = np.array([0.0 if not own else 1.0 if value in own else -1.0 for own in owned])
        return table

    def _citation_table(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The chunks of the sections that each resolution cites, all in a row, and where each resolution's begin."""
        at: dict[tuple[str, str], list[int]] = {}
        for number, chunk in enumerate(self.knowledge.chunks):
            at.setdefault((chunk.article, chunk.anchor), []).append(number)
        nothing = [len(self.knowledge.chunks)]  # one past the last chunk scores 0
        cited = [
            sorted(n for place in sections_of(self.knowledge.resolutions[name]) for n in at.get(place, ())) or nothing
            for name in self.trained.resolutions
        ]
        starts = np.cumsum([0, *map(len, cited)])[:-1]
        return np.array([n for own in cited for n in own], np.intp), starts.astype(np.intp)

    # ---- the public face --------------------------------------------------------------------------------------------

    def diagnose(self, text: str, facets: Mapping[str, str] = NOTHING) -> Diagnosis:
        """What a message means. `facets` are those known from before ({"psa": "autotask"})."""
        unwrapped = unwrap(text)
        if not unwrapped.text.strip():
            return Diagnosis(text=text, kind=InputKind.EMPTY, problems=(), cut=unwrapped.cut)
        matches = self.signatures.match(unwrapped)
        sure = [match for match in matches if match.score >= SURE]
        problems, handover, reading = self._problems(unwrapped, matches, sure, facets)
        likely = unwrapped.looks_like_error >= 0.5 or self._decided(unwrapped, sure)
        return Diagnosis(
            text=text,
            kind=InputKind.ERROR if likely else InputKind.QUESTION,
            problems=problems,
            error_text=unwrapped.error_text,
            facets=self._named(unwrapped.text[:_READ], reading).single,
            handover=handover,
            cut=unwrapped.cut,
            encoder=reading is not None and reading.vector is not None,
        )

    def search(self, text: str, top: int = 10) -> list[ArticleHit]:
        """The best articles for a text, by words and (with an encoder) by meaning."""
        asked = classified(unwrap(text))
        cosines = None
        if self.encoder is not None and asked.strip():
            cosines = self.trained.chunks @ self.encoder.encode([self._told(asked)])[0]
        return self.searcher.search(asked, top, weights=weights_for(asked), cosines=cosines)

    def _named(self, text: str, reading: Reading | None) -> Named:
        """What a text names; not looked for again where the reading did."""
        return reading.named if reading is not None and reading.spelt == text else self.facets.read(text)

    def _told(self, text: str) -> str:
        """The beginning of a text that is given to the encoder.

        The encoder cuts a word that it does not know into pieces and works on each: six hundred letters of noise would
        cost it twice what as many of language do. Language ends by its length, and noise by its pieces.
        """
        text, left, known = text[:MEANING_READ], _PIECES, self.trained.words
        if len(text) > _PIECES:
            for found in _PIECE.finditer(text):
                word = found[0]
                left -= 1 if len(word) < 4 or word.lower() in known else -(-len(word) // 2)
                if left < 0:
                    return text[: found.start()]
        return text

    # ---- reading ----------------------------------------------------------------------------------------------------

    def read(
        self,
        text: str,
        unwrapped: Unwrapped,
        matches: Sequence[SignatureMatch] = (),
        system: Mapping[str, str] = NOTHING,
        *,
        vector: Singles | None = None,
    ) -> Reading:
        """Make a text ready; `vector` is its meaning where that was worked out."""
        corrected = self.spelling.correct(text)
        tokens = self.tokenizer.words(corrected)
        row = self.vectoriser.row(corrected, tokens)
        reading = Reading(
            text=text,
            spelt=corrected,
            named=self.facets.read(corrected),
            tokens=tokens,
            row=row,
            likeness=self.trained.rows.likeness(row),
            matches=matches,
            error=unwrapped.looks_like_error,
            system=system,
        )
        if vector is not None:
            reading.vector = vector
            if self.trained.examples.size:
                reading.cosines = self.trained.examples @ vector
            if self.trained.chunks.size:
                reading.chunk_cosines = self.trained.chunks @ vector
        return reading

    def classes(self, reading: Reading) -> Floats:
        """The classifier's score of every class, (classes,)."""
        kernel = self.trained.kernel
        near = reading.near = kernel.of_words(reading.likeness)
        if reading.cosines is not None:
            near = near + kernel.of_meaning(reading.cosines)
        return np.asarray(self.trained.dual @ near, np.float64)

    def gather(self, reading: Reading, *, left_out: int = -1) -> Gathered:
        """The signals of a text. While learning, `left_out` is the example that the text is itself: it is not seen."""
        count = self._count
        signals = np.zeros((count, len(SIGNALS)))
        for match in reading.matches:
            number = self._number.get(match.signature.target)
            if number is not None:
                signals[number, 1] = max(signals[number, 1], match.score)
                signals[number, 2] = max(signals[number, 2], float(match.exact))
        chunk_scores = self.searcher.indexes.words.scores(reading.tokens)
        top = float(chunk_scores.max(initial=0.0))
        if top > 0:
            signals[:, 3] = self._best_cited(chunk_scores) / top
        if reading.chunk_cosines is not None:
            signals[:, 4] = self._best_cited(reading.chunk_cosines)
        self._add_facets(reading, signals)
        words = self._nearest(reading.likeness, left_out)
        signals[:, 7] = words[:count]
        meaning = np.zeros(len(words))
        if reading.cosines is not None:
            meaning = self._nearest(reading.cosines, left_out)
            signals[:, 8] = meaning[:count]
        return Gathered(signals, words, meaning)

    def weigh(
        self, reading: Reading, gathered: Gathered, classes: Floats, *, left_out: int = -1, masked: int = -1
    ) -> Weighed:
        """Scores and signs of a text.

        While learning, `left_out` is the example that the text is itself, and `masked` a class taken out with all its
        examples: the text is judged as if they had never been seen.
        """
        signals, words, meaning = gathered.signals.copy(), gathered.words, gathered.meaning
        signals[:, 0] = classes[: self._count]
        scores = signals @ self.trained.judgement.signals
        if masked >= 0:
            classes, words, meaning = classes.copy(), words.copy(), meaning.copy()
            classes[masked], words[masked], meaning[masked], scores[masked] = 0.0, 0.0, 0.0, -1e9
        order = np.argsort(-scores, kind="stable")[:_CANDIDATES]
        share, best, listed = shares(scores[order]), int(order[0]), classes.tolist()
        signs = self._signs(reading, listed, signals, best, float(share[0]), words, meaning, left_out, scores[best])
        return Weighed(listed, signals, scores, order.tolist(), share, signs)

    def _best_cited(self, scores: NDArray[np.floating]) -> Floats:
        """For each resolution the best score among the chunks it cites; `scores` (chunks,)."""
        return np.asarray(np.maximum.reduceat(np.append(scores, 0.0)[self._cites], self._cites_from), np.float64)

    def _nearest(self, likeness: Singles, left_out: int) -> Floats:
        """For each class the likeness of its nearest example, (classes,)."""
        if left_out >= 0:
            likeness = likeness.copy()
            likeness[left_out] = 0.0
        nearest = np.zeros(self._count + len(OTHERS))
        nearest[self._present] = np.maximum.reduceat(likeness, self._starts)
        return nearest

    def _add_facets(self, reading: Reading, signals: Floats) -> None:
        named = dict(reading.named.facets)
        for facet, value in reading.system.items():
            named.setdefault(facet, (value,))
        for facet, values in named.items():
            fits = [table for value in values if (table := self._applies.get((facet, value))) is not None]
            if fits:
                best = np.maximum.reduce(fits)
                signals[:, 5] += best > 0
                signals[:, 6] += best < 0

    def _signs(
        self,
        reading: Reading,
        classes: list[float],
        signals: Floats,
        best: int,
        share: float,
        words: Floats,
        meaning: Floats,
        left_out: int,
        total: float,
    ) -> Floats:
        """What speaks for and against trusting the best candidate, (len(SIGNS),)."""
        count = self._count
        own, refused = classes[best], max(classes[count:][REFUSED])
        other = max(classes[:best] + classes[best + 1 : count], default=0.0)
        missing, unheard, _ = self._missing(reading.tokens, best, left_out)
        itself = int(left_out >= 0 and int(self.trained.labels[left_out]) == best)
        heard = self.trained.heard
        things = [self._entity[thing] for thing in reading.named.entities if thing in self._entity]
        odd = sum(int(heard[thing, best]) <= itself for thing in things)
        _, signature, _, section, _, _, conflict, *_ = signals[best].tolist()
        words_own, meaning_own = float(words[best]), float(meaning[best])
        return np.array(
            [
                own, own - max(other, 0.0), own - refused, missing, unheard, min(odd, 3), signature,
                reading.error * (1 - signature), conflict, log1p(min(len(reading.tokens), 60)),
                share, section, classes[count + BROAD],
                words_own, words_own - max(words[count:][REFUSED].tolist()),
                meaning_own, meaning_own - max(meaning[count:][REFUSED].tolist()),
                classes[count + HANDOVER], total,
            ]
        )  # fmt: skip

    def _missing(self, tokens: Sequence[str], best: int, left_out: int = -1) -> tuple[float, float, list[str]]:
        """Which share of what is said a resolution never says, which nobody says (by rarity), and the words."""
        trained = self.trained
        whole = missing = unheard = 0.0
        itself = left_out >= 0 and int(trained.labels[left_out]) == best
        covered = left_out >= 0 and int(trained.labels[left_out]) < self._count
        words = []
        for token in dict.fromkeys(tokens):
            number = trained.tokens.get(token)
            if number is None or (covered and self._times[number] <= 1):
                whole += self._rarest
                unheard += self._rarest
                missing += self._rarest
                words.append(token)
                continue
            weight = float(trained.weights[number])
            whole += weight
            if trained.counts[number, best] <= itself:
                missing += weight
                words.append(token)
        return (missing / whole, unheard / whole, words) if whole else (0.0, 0.0, words)

    # ---- problems ---------------------------------------------------------------------------------------------------

    def _decided(self, unwrapped: Unwrapped, sure: Sequence[SignatureMatch]) -> bool:
        """Whether a known error stands in the text word for word and next to nothing is said besides."""
        if not any(match.exact for match in sure):
            return False
        rest = unwrapped.original
        for match in sorted(sure, key=lambda match: -match.start):
            rest = f"{rest[: match.start]} {rest[match.end :]}"
        return len(rest) < 2_000 and sum(token.isalpha() for token in set(self.tokenizer.words(rest))) <= 3

    def _problems(
        self,
        unwrapped: Unwrapped,
        matches: Sequence[SignatureMatch],
        sure: Sequence[SignatureMatch],
        facets: Mapping[str, str],
    ) -> tuple[tuple[Problem, ...], float, Reading | None]:
        """The problems of a message in order, how likely a person is asked for, and the reading, if one was needed."""
        targets = list(dict.fromkeys(match.signature.target for match in sure))
        if len(targets) > 1:
            return tuple(self._known_error(target, unwrapped, sure) for target in targets), 0.0, None
        # With articles alone nothing else tells better: a known error decides, whatever stands around it.
        if targets and (not self._count or self._decided(unwrapped, sure)):
            return (self._known_error(targets[0], unwrapped, sure),), 0.0, None
        text = classified(unwrapped)
        parts = [] if sure else _parts(text)
        vectors: list[Singles | None] = [None] * (1 + len(parts))
        if self.encoder is not None:
            vectors = list(self.encoder.encode([self._told(part) for part in (text, *parts)]))
        reading = self.read(text, unwrapped, matches, facets, vector=vectors[0])
        if not self._count:
            return (self._passages(reading, unwrapped),), 0.0, reading
        whole, handover = self._problem(reading, unwrapped)
        problems: tuple[Problem, ...] = (whole,)
        if parts:
            own = [
                self._problem(self.read(part, unwrap(part), (), facets, vector=vector), unwrap(part))[0]
                for part, vector in zip(parts, vectors[1:], strict=True)
            ]
            problems = _separate(whole, own)
        return problems, handover, reading

    def _known_error(self, target: str, unwrapped: Unwrapped, sure: Sequence[SignatureMatch]) -> Problem:
        """The problem of a message that is a known error."""
        match = max((match for match in sure if match.signature.target == target), key=lambda match: match.score)
        text = unwrapped.original[match.start : match.end]
        evidence = (Evidence(kind="signature", label=match.signature.pattern, weight=match.score),)
        confidence = _CERTAIN if match.exact else 0.75 + 0.24 * (match.score - SURE) / (1 - SURE)
        passage = (
            None
            if target in self._number
            else self._section_passage(target, match.score, about=match.signature.pattern)
        )
        candidate = Candidate(
            resolution=target if target in self._number else None,
            confidence=confidence,
            score=match.score,
            evidence=evidence,
            captured=dict(match.captures),
            exact=match.exact,
            passage=passage,
        )
        return Problem(text=text, candidates=(candidate,), known=max(confidence, 0.97))

    def _problem(self, reading: Reading, unwrapped: Unwrapped) -> tuple[Problem, float]:
        """What one text is about, and how likely it asks for a person."""
        weighed = self.weigh(reading, self.gather(reading), self.classes(reading))
        confidence, known = judge(weighed.signs, self.trained.judgement)
        best = weighed.order[0]
        if weighed.signals[best, 2] and weighed.signals[best, 1] >= SURE:
            confidence, known = max(confidence, 0.95), max(known, 0.97)
        unknown = unwrapped.error_text
        if any(match.score >= SURE for match in reading.matches):
            unknown = ""
        swapped = not weighed.signals[best, 1] and self._swaps_a_word(reading.text, self.trained.resolutions[best])
        if swapped or (unknown and _is_another_error(weighed.signs)):
            confidence, known = min(confidence, _ANOTHER), min(known, _ANOTHER)
        elif self._broad(reading, weighed):
            return self._open_question(reading, weighed), 0.0
        handover = _handover(weighed.classes[self._count + HANDOVER], max(weighed.classes[: self._count]))
        candidates = self._candidates(reading, weighed, confidence, known)
        return Problem(text=reading.text, candidates=candidates, known=known, unknown_error=unknown), handover

    def _swaps_a_word(self, text: str, resolution: str) -> bool:
        """Whether it is one of the resolution's errors but for one word, which is another: "no internal identifier"."""
        spoken = [word for word, _, _ in cut_words(text[:_READ])]
        return any(
            _one_word_apart(spoken[at : at + len(literal)], literal)
            for literal in self._literals.get(resolution, ())
            if len(spoken) <= len(literal) + _AROUND  # a sentence that holds it is told, and may put it otherwise
            for at in range(len(spoken) - len(literal) + 1)
        )

    def _broad(self, reading: Reading, weighed: Weighed) -> bool:
        """Whether the text is one of those that could mean several things, as the authors' examples of them show."""
        score = weighed.classes[self._count + BROAD]
        rival = max(*weighed.classes[: self._count], *weighed.classes[self._count :][REFUSED])
        pasted = reading.error >= 0.5 and len(reading.tokens) > 2  # an error that is not known is no open question
        return score >= _BROAD_FROM and score > rival and not pasted

    def _open_question(self, reading: Reading, weighed: Weighed) -> Problem:
        """A text that names a field and no problem in it: its candidates are to be asked back."""
        order = weighed.order[: max(2, min(3, self._count))]
        share = shares(weighed.scores[order]) * 0.5 + 0.5 / len(order)
        candidates = tuple(
            Candidate(
                resolution=self.trained.resolutions[number],
                confidence=float(own) * _COVERED,
                score=float(weighed.scores[number]),
                evidence=self._evidence(reading, weighed, number, None),
            )
            for number, own in zip(order, share.tolist(), strict=True)
        )
        return Problem(text=reading.text, candidates=candidates, known=_COVERED)

    def _candidates(self, reading: Reading, weighed: Weighed, confidence: float, known: float) -> tuple[Candidate, ...]:
        rest = weighed.share[1:]
        total = float(rest.sum())
        others = rest / total * max(known - confidence, 0.0) if total > 0 else rest
        claimed = falling([confidence, *others.tolist()])
        found = []
        for place, number in enumerate(weighed.order):
            name = self.trained.resolutions[number]
            own = [match for match in reading.matches if match.signature.target == name]
            best = max(own, key=lambda match: match.score, default=None)
            found.append(
                Candidate(
                    resolution=name,
                    confidence=claimed[place],
                    score=float(weighed.scores[number]),
                    evidence=self._evidence(reading, weighed, number, best) if place < _EXPLAINED else (),
                    captured=dict(best.captures) if best else NOTHING,
                    exact=bool(best and best.exact),
                )
            )
        return tuple(found)

    def _evidence(
        self, reading: Reading, weighed: Weighed, number: int, match: SignatureMatch | None
    ) -> Sequence[Evidence]:
        """Why a candidate has its score: the parts of the very sum it was ranked by.

        What is as large as the examples are many is looked at now, and the rest when somebody reads the reasons.
        """
        begin, end = self._own[number], self._own[number + 1]
        nearest = begin + int(reading.likeness[begin:end].argmax()) if end > begin else -1
        signals, alike, words = weighed.signals[number].tolist(), None, None
        if reading.cosines is not None and reading.near is not None:
            alike = begin + int(reading.cosines[begin:end].argmax()) if end > begin else -1
            words = float(self.trained.dual[number] @ reading.near)
        text, tokens, pattern = reading.text, reading.tokens, match.signature.pattern if match else ""
        return Reasons(lambda: self._reasons(text, tokens, number, signals, nearest, alike, words, pattern))

    def _reasons(
        self,
        text: str,
        tokens: Sequence[str],
        number: int,
        signals: Sequence[float],
        nearest_at: int,
        alike_at: int | None,
        words: float | None,
        pattern: str,
    ) -> tuple[Evidence, ...]:
        """The evidence of resolution `number`; `alike_at` and `words` are None where meaning was not compared."""
        trained = self.trained
        weights = trained.judgement.signals.tolist()
        nearest = trained.texts[nearest_at] if nearest_at >= 0 else ""
        shared = set(self.tokenizer.words(nearest))
        said = self.tokenizer.surfaces(text)
        common = ", ".join(dict.fromkeys(said.get(t, t) for t in tokens if t in shared))
        # Without meaning all of the classifier's score is due to words.
        by_words = signals[0] if words is None else words
        found = [Evidence(kind="words", label=common, weight=by_words * weights[0])]
        alike = nearest
        if alike_at is not None:
            alike = trained.texts[alike_at] if alike_at >= 0 else ""
            found.append(Evidence(kind="meaning", label=alike, weight=(signals[0] - by_words) * weights[0]))
        rows = (
            (1, "signature", pattern), (2, "signature", "word for word"),
            (3, "chunk", "words of a section it cites"), (4, "chunk", "meaning of a section it cites"),
            (5, "facet", "it is for the system named"), (6, "facet", "it is for another system"),
            (7, "question", nearest), (8, "question", alike),
        )  # fmt: skip
        for place, kind, label in rows:
            if weight := signals[place] * weights[place]:
                found.append(Evidence(kind=kind, label=label, weight=weight))
        _, _, missing = self._missing(tokens, number)
        if missing:
            label = ", ".join(dict.fromkeys(said.get(token, token) for token in missing))
            found.append(Evidence(kind="missing", label=label, weight=0.0))
        return tuple(found)

    # ---- passages ---------------------------------------------------------------------------------------------------

    def _section_passage(self, target: str, score: float, about: str = "") -> Passage | None:
        """The section `article#anchor` as a passage; a part such as "Resolution" with the section it belongs to."""
        name, _, anchor = target.partition("#")
        if name in self.knowledge.articles:
            anchor = problem_of(self.knowledge.articles[name], anchor)
        for chunk in self.knowledge.chunks:
            if chunk.article == name and chunk.anchor == anchor:
                return Passage(
                    article=name, title=chunk.title, section=chunk.section, anchor=anchor, text=chunk.text,
                    score=score, fix_shaped=chunk.kind == "steps", about=about,
                )  # fmt: skip
        return None

    def _passages(self, reading: Reading, unwrapped: Unwrapped) -> Problem:
        """Where there are no resolutions: the best sections, each once."""
        text = reading.text
        cosines = reading.chunk_cosines
        ranked = self.searcher.hits(text, _LOOKED_AT, cosines=cosines)
        found: dict[str, Hit] = {}
        for hit in ranked:
            chunk = self.knowledge.chunks[hit.chunk_id]
            found.setdefault(f"{chunk.article}#{problem_of(self.knowledge.articles[chunk.article], chunk.anchor)}", hit)
        if not found:
            return Problem(text=text, candidates=(), known=0.0, unknown_error=unwrapped.error_text)
        hits = list(found.values())[:_CANDIDATES]
        confidence, known = judge_passage(found_in(self.searcher, text, ranked, cosines))
        claimed = claims(confidence, known, [hit.score for hit in hits])
        candidates = tuple(
            Candidate(
                resolution=None,
                confidence=share,
                score=hit.score,
                evidence=tuple(
                    Evidence(kind="chunk", label=word, weight=part) for word, part in hit.contributions.items()
                ),
                passage=self._section_passage(target, hit.score),
            )
            for (target, hit), share in zip(list(found.items())[:_CANDIDATES], claimed, strict=True)
        )
        return Problem(text=text, candidates=candidates, known=known, unknown_error=unwrapped.error_text)


def classified(unwrapped: Unwrapped) -> str:
    """What of a message is classified: all of a short one; of a long one the heaviest lines first."""
    if len(unwrapped.text) <= _READ // 2:
        return unwrapped.text
    return "\n".join(unwrapped.texts)[:_READ] or unwrapped.text[:_READ]


_SENTENCE: Final = re.compile(
    r"(?<=[?!.;])\s+|\n+|\s+(?:and also|also,|plus|second(?:ly)?[,:]|another (?:thing|question):?)\s+"
)
_ASKS: Final = re.compile(
    r"\?|^\W*(?:how|why|what|where|when|who|which|can|could|do|does|is|are|should|will)\b", re.IGNORECASE
)


def _parts(text: str) -> list[str]:
    """The questions of a text that asks several; none where it asks one."""
    if len(text) > _READ // 2:
        return []
    parts = [part.strip() for part in _SENTENCE.split(text) if part and part.strip()]
    asking = [part for part in parts if _ASKS.search(part) and part.count(" ") >= 2]
    return asking[:_PROBLEMS] if len(asking) > 1 else []


def _separate(whole: Problem, parts: Sequence[Problem], sure: float = 0.85) -> tuple[Problem, ...]:
    """The parts as problems of their own, where each clearly asks for something else; else the whole."""
    clear = [part for part in parts if part.candidates and part.candidates[0].confidence >= sure]
    about = [part.candidates[0].resolution for part in clear]
    if len(set(about)) < 2 or whole.candidates[0].resolution not in about:
        return (whole,)
    first = dict(reversed(list(zip(about, clear, strict=True))))
    return tuple(first[name] for name in dict.fromkeys(about))


def _is_another_error(signs: Floats) -> bool:
    """Whether an error that no signature knows names a thing the best candidate never speaks of, in words never heard.

    "Opportunity was not found in Salesforce" is all but the known one, and not it.
    """
    sign = dict(zip(SIGNS, signs.tolist(), strict=True))
    return bool(sign["odd entities"] >= 1 and sign["unheard"] >= _UNHEARD)


def _one_word_apart(spoken: Sequence[str], literal: Sequence[str]) -> bool:
    """Whether all words but one are the same; that one is no stop word or number (misspelt ones are matched before)."""
    apart = [(one, other) for one, other in zip(spoken, literal, strict=True) if one != other]
    if len(apart) != 1:
        return False
    return not set(apart[0]) & STOP and not "".join(apart[0]).isdigit()


def _handover(score: float, best: float) -> float:
    """How likely a person is asked for, from the classifier's score for it beside that of the best resolution."""
    return 1 / (1 + exp(-8 * (score - max(0.35, 0.85 * best))))
