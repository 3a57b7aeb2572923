"""From a message to a diagnosis: unwrap, find known errors, classify, look into the chunks, weigh (DESIGN, section 5).

`train` learns everything that can be learnt from a knowledge, `Engine` uses it. Both are pure: the same knowledge and
the same text give the same diagnosis, to the last digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from helpbot.knowledge.signature import BadPattern, Signature, compile_signature, mine_signatures
from helpbot.messages import NOTHING
from helpbot.retrieval.search import ArticleHit, Searcher, weights_for
from helpbot.retrieval.tokens import Tokenizer
from helpbot.understanding.classifier import Classifier, Kernel, Row, Vectoriser, fit, similarity
from helpbot.understanding.diagnosis import Candidate, Diagnosis, Evidence, InputKind, Passage, Problem
from helpbot.understanding.facets import FacetReader, Named
from helpbot.understanding.signatures import SURE, SignatureIndex, SignatureMatch
from helpbot.understanding.unwrap import Unwrapped, unwrap
from helpbot.understanding.weigh import OTHERS, SIGNALS, Judgement, fit_signals, judge, shares, signs_of

if TYPE_CHECKING:
    from helpbot.knowledge.article import Chunk
    from helpbot.knowledge.base import KnowledgeBase
    from helpbot.knowledge.resolution import Resolution
    from helpbot.knowledge.vocabulary import Vocabulary
    from helpbot.understanding.encoder import Encoder

__all__ = ["Engine", "Trained", "tokenizer_of", "train"]

Floats: TypeAlias = NDArray[np.float64]
Encode: TypeAlias = "Callable[[Sequence[str]], NDArray[np.float32]]"

WORDS_ONLY: Final = Kernel(words=0.5, pairs=0.25, letters=0.5, ridge=0.3)
WITH_MEANING: Final = Kernel(words=0.4, pairs=0.2, letters=0.4, meaning=2.0, sharpness=2.0, ridge=0.15)

_READ: Final = 1_200  # characters that are classified; what decides a longer paste is its signature
_CANDIDATES: Final = 5
_MEANING_READ: Final = 600  # characters given to the encoder


# ---- what is learnt -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trained:
    """All that was learnt from one knowledge; plain arrays and words, so that it can be stored.

    `texts` are the examples in the order of `examples`, one class after the other; `labels` (texts,) number their
    classes: resolutions, then OTHERS. `counts` (tokens, resolutions) says in how many texts of a resolution a token
    stands (255 and more alike), `weights` (tokens,) how rare the token is, `heard` (entities, resolutions) in how many
    texts of a resolution, its sections included, an entity is spoken of.
    """

    resolutions: tuple[str, ...]
    kernel: Kernel
    columns: Mapping[str, int]
    idf: NDArray[np.float32]
    linear: NDArray[np.float32]
    dual: NDArray[np.float32]
    examples: NDArray[np.float32]
    texts: tuple[str, ...]
    labels: NDArray[np.int32]
    tokens: Mapping[str, int]
    counts: NDArray[np.uint8]
    weights: NDArray[np.float32]
    entities: tuple[str, ...]
    heard: NDArray[np.uint8]
    chunks: NDArray[np.float32]  # the encoder's vectors of the chunks, (chunks, width) or empty
    judgement: Judgement
    handover: float = 0.5  # the classifier's score from which on a person is asked for as likely as not

    @property
    def meaning(self) -> bool:
        """Whether it was learnt with an encoder."""
        return bool(self.chunks.size)


def tokenizer_of(vocabulary: Vocabulary, *, loose: bool = False) -> Tokenizer:
    """The tokenizer that knows the author's synonyms and short names; `loose` keeps words that say nothing."""
    synonyms: dict[str, list[str]] = {}
    for group in vocabulary.synonyms:
        for way in group[1:]:
            synonyms[way] = [group[0]]
    for values in vocabulary.facets.values():
        for ways in values.values():
            for way in ways[1:]:
                if not (len(way) <= 2 and way.isupper()) and way.lower() not in ("manage",):
                    synonyms[way] = [ways[0]]
    return Tokenizer(synonyms=synonyms, stop_words=()) if loose else Tokenizer(synonyms=synonyms)


_TEMPLATE: Final = re.compile(r"\{%.*?%\}|\{\{.*?\}\}")


def _own_texts(resolution: Resolution) -> list[str]:
    """What a resolution says itself, a text a line of it; placeholders left out."""
    lines = [resolution.title, resolution.label, resolution.cause, resolution.check]
    lines += [step.text for step in resolution.steps]
    lines += [f"{point.term}: {point.text}" if point.term else point.text for point in resolution.points]
    if resolution.older:
        lines.append(resolution.older.text)
    return [text for line in lines if (text := _TEMPLATE.sub("", line).strip())]


def signatures_of(knowledge: KnowledgeBase) -> tuple[Signature, ...]:
    """The authors' error patterns, and those found in articles in sections that no resolution speaks for."""
    found: list[Signature] = []
    seen: set[str] = set()
    for resolution in knowledge.resolutions.values():
        for number, error in enumerate(resolution.errors):
            try:
                signature = compile_signature(
                    error, target=resolution.id, id=f"{resolution.id}/{number}", origin=resolution.origin
                )
            except BadPattern:
                continue  # `helpbot check` reports it
            found.append(signature)
            seen.add(_literal(signature.pattern))
    spoken_for = {place for resolution in knowledge.resolutions.values() for place in sections_of(resolution)}
    for article in knowledge.articles.values():
        for section in article.sections:
            if (article.id, section.anchor) in spoken_for:
                continue
            for signature in mine_signatures(
                f"## {section.title}\n{section.body}", target=f"{article.id}#{section.anchor}"
            ):
                if _literal(signature.pattern) not in seen:
                    seen.add(_literal(signature.pattern))
                    found.append(signature)
    return tuple(found)


def _literal(pattern: str) -> str:
    return re.sub(r"\W+", " ", re.sub(r"\{[^}]*\}", " ", pattern)).strip().lower()


def sections_of(resolution: Resolution) -> frozenset[tuple[str, str]]:
    """Every section that a resolution cites, as (article, anchor)."""
    sources = [
        resolution.source,
        *(step.source for step in resolution.steps),
        *(point.source for point in resolution.points),
    ]
    if resolution.older:
        sources.append(resolution.older.source)
    return frozenset((source.article, source.anchor) for source in sources)


# ---- reading one text -----------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Reading:
    """One text, made ready for all that looks at it."""

    text: str  # what is classified
    named: Named
    tokens: list[str]
    row: Row
    vector: NDArray[np.float32] | None = None
    matches: Sequence[SignatureMatch] = ()
    error: float = 0.0  # how much it looks like a pasted error, 0 to 1
    system: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # facets known from elsewhere


@dataclass(frozen=True, slots=True, eq=False)
class _Weighed:
    """What the signals of one text came to."""

    signals: NDArray[np.float64]  # (resolutions, signals)
    scores: Floats  # (resolutions,)
    order: NDArray[np.intp]
    share: Floats  # of the ordered candidates
    signs: Floats
    nearest: int  # the example nearest in meaning among the best candidate's, -1 without an encoder


class Engine:
    """Understands messages about one knowledge. Immutable, and safe to use from several threads."""

    def __init__(
        self,
        knowledge: KnowledgeBase,
        trained: Trained,
        *,
        encoder: Encoder | None = None,
        searcher: Searcher | None = None,
    ) -> None:
        """`encoder` is the one that `trained` was learnt with (or None if it was learnt without)."""
        self.knowledge, self.trained = knowledge, trained
        self.encoder = encoder if trained.meaning else None
        self.tokenizer = searcher.tokenizer if searcher is not None else tokenizer_of(knowledge.vocabulary)
        self.searcher = searcher or Searcher.build(knowledge.chunks, self.tokenizer)
        self.facets = FacetReader(knowledge.vocabulary)
        self.vectoriser = Vectoriser(
            trained.columns, trained.idf, trained.kernel, self.tokenizer, tokenizer_of(knowledge.vocabulary, loose=True)
        )
        self.classifier = Classifier(
            (*trained.resolutions, *OTHERS), self.vectoriser, trained.linear, trained.dual, trained.examples
        )
        names = [way for values in knowledge.vocabulary.facets.values() for ways in values.values() for way in ways]
        self.signatures = SignatureIndex(signatures_of(knowledge), protected=names)
        self._number = {name: number for number, name in enumerate(trained.resolutions)}
        self._present, self._starts = np.unique(trained.labels, return_index=True)
        self._applies = self._facet_table()
        self._cites, self._cites_from = self._citation_table()
        self._times = trained.counts.sum(axis=1, dtype=np.int64)
        self._entity = {entity: row for row, entity in enumerate(trained.entities)}

    # -- tables --

    def _facet_table(self) -> dict[tuple[str, str], Floats]:
        """For each value of a facet, +1 for the resolutions that are for it and -1 for those for another."""
        table: dict[tuple[str, str], Floats] = {}
        resolutions = [self.knowledge.resolutions[name] for name in self.trained.resolutions]
        for facet, values in self.knowledge.vocabulary.facets.items():
            for value in values:
                table[facet, value] = np.array(
                    [
                        0.0 if not (own := resolution.applies_to.get(facet, ())) else 1.0 if value in own else -1.0
                        for resolution in resolutions
                    ]
                )
        return table

    def _citation_table(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The chunks of the sections that each resolution cites, all in a row, and where each resolution's begin."""
        nothing = len(self.knowledge.chunks)  # one past the last chunk scores 0
        at: dict[tuple[str, str], list[int]] = {}
        for number, chunk in enumerate(self.knowledge.chunks):
            at.setdefault((chunk.article, chunk.anchor), []).append(number)
        cited = [
            sorted(n for place in sections_of(self.knowledge.resolutions[name]) for n in at.get(place, ())) or [nothing]
            for name in self.trained.resolutions
        ]
        starts = np.cumsum([0, *map(len, cited)])[:-1]
        return np.array([n for own in cited for n in own], np.intp), starts.astype(np.intp)

    # -- reading --

    def _read(
        self, text: str, unwrapped: Unwrapped, matches: Sequence[SignatureMatch], system: Mapping[str, str]
    ) -> _Reading:
        return _Reading(
            text=text,
            named=self.facets.read(text),
            tokens=self.tokenizer.words(text),
            row=self.vectoriser.row(text),
            matches=matches,
            error=unwrapped.looks_like_error,
            system=system,
        )

    def _classes(self, reading: _Reading, cosines: NDArray[np.float32] | None) -> NDArray[np.float32]:
        scores = self.classifier.words_part(reading.row)
        if cosines is not None and self.trained.dual.size:
            scores = scores + self.classifier.meaning_part(cosines)
        return scores

    def _weigh(
        self,
        reading: _Reading,
        classes: NDArray[np.floating],
        cosines: NDArray[np.float32] | None,
        *,
        masked: int = -1,
        left_out: tuple[int, int] | None = None,
    ) -> _Weighed:
        """Signals, scores and signs. `masked` is a class that is taken out, `left_out` (token row owner) is …"""
        trained = self.trained
        count = len(trained.resolutions)
        signals = np.zeros((count, len(SIGNALS)))
        signals[:, 0] = classes[:count]
        for match in reading.matches:
            number = self._number.get(match.signature.target)
            if number is not None:
                signals[number, 1] = max(signals[number, 1], match.score)
                signals[number, 2] = max(signals[number, 2], float(match.exact))
        chunk_scores = self.searcher.indexes.words.scores(reading.tokens)
        top = float(chunk_scores.max(initial=0.0))
        if top > 0:
            signals[:, 3] = self._best_cited(chunk_scores) / top
        if reading.vector is not None and trained.chunks.size:
            signals[:, 4] = self._best_cited(trained.chunks @ reading.vector)
        self._facet_signals(reading, signals)
        nearest, near_margin, near_cosine = -1, 0.0, 0.0
        if cosines is not None:
            usable = cosines
            if left_out is not None:
                usable = cosines.copy()
                usable[left_out[0]] = -1.0
            by_class = np.full(count + len(OTHERS), -1.0)
            by_class[self._present] = np.maximum.reduceat(usable, self._starts)
            if masked >= 0:
                by_class[masked] = -1.0
            signals[:, 7] = np.maximum(by_class[:count], 0.0)
            near_cosine = float(by_class[:count].max(initial=0.0))
            near_margin = near_cosine - float(by_class[count : count + 3].max(initial=-1.0))
        scores = signals @ trained.judgement.signals
        if masked >= 0 and masked < count:
            scores[masked] = -1e9
        order = np.argsort(-scores, kind="stable")[:_CANDIDATES]
        share = shares(scores[order])
        best = int(order[0])
        if cosines is not None:
            begin, end = np.searchsorted(trained.labels, (best, best + 1))
            nearest = int(begin + np.argmax(cosines[begin:end])) if end > begin else -1
        missing, unheard = self._missing(reading.tokens, best, left_out)
        own_text = int(left_out is not None and left_out[1] == best)
        things = [self._entity[thing] for thing in reading.named.entities if thing in self._entity]
        odd = int((trained.heard[things, best] <= own_text).sum()) if things else 0
        seen = classes.copy()
        if masked >= 0:
            seen[masked] = 0.0
        signs = signs_of(
            classes=seen, resolutions=count, signals=signals, order=order, share=share,
            missing=missing, unheard=unheard, entities=float(odd),
            signature=float(signals[best, 1]), error=reading.error, tokens=len(reading.tokens),
            near=near_cosine, negative=near_margin,
        )  # fmt: skip
        return _Weighed(signals, scores, order, share, signs, nearest)

    def _best_cited(self, scores: NDArray[np.floating]) -> Floats:
        """For each resolution the best score among the chunks it cites; `scores` (chunks,)."""
        return np.maximum.reduceat(np.append(scores, 0.0)[self._cites], self._cites_from)

    def _facet_signals(self, reading: _Reading, signals: NDArray[np.float64]) -> None:
        named = dict(reading.named.facets)
        for facet, value in reading.system.items():
            named.setdefault(facet, (value,))
        for facet, values in named.items():
            fits = [table for value in values if (table := self._applies.get((facet, value))) is not None]
            if fits:
                best = np.maximum.reduce(fits)
                signals[:, 5] += best > 0
                signals[:, 6] += best < 0

    def _missing(self, tokens: Sequence[str], best: int, left_out: tuple[int, int] | None) -> tuple[float, float]:
        """Which share of what the text says the best candidate never says, and which nobody says; by rarity."""
        trained = self.trained
        whole = missing = unheard = 0.0
        rarest = float(trained.weights.max(initial=1.0))
        own = left_out[1] if left_out is not None else -1
        for token in dict.fromkeys(tokens):
            number = trained.tokens.get(token)
            if number is None or (own >= 0 and self._times[number] <= 1):
                whole += rarest
                missing += rarest
                unheard += rarest
                continue
            weight = float(trained.weights[number])
            whole += weight
            if trained.counts[number, best] <= (1 if own == best else 0):
                missing += weight
        return (missing / whole, unheard / whole) if whole else (0.0, 0.0)

    # -- the public face --

    def diagnose(self, text: str, facets: Mapping[str, str] = NOTHING) -> Diagnosis:
        """What a message means. `facets` are those known from before ({"psa": "autotask"})."""
        unwrapped = unwrap(text)
        if not unwrapped.text.strip():
            return Diagnosis(text=text, kind=InputKind.EMPTY, problems=(), cut=unwrapped.cut)
        matches = self.signatures.match(unwrapped)
        problems, handover, meant = self._problems(unwrapped, matches, facets)
        named = self.facets.read(unwrapped.text[:_READ]).single
        kind = (
            InputKind.ERROR
            if unwrapped.looks_like_error >= 0.5 or self._only_error(unwrapped, matches)
            else InputKind.QUESTION
        )
        return Diagnosis(
            text=text, kind=kind, problems=problems, error_text=unwrapped.error_text, facets=named,
            handover=handover, cut=unwrapped.cut, encoder=meant,
        )  # fmt: skip

    def search(self, text: str, top: int = 10) -> list[ArticleHit]:
        """The best articles for a text, by words and (with an encoder) by meaning."""
        unwrapped = unwrap(text)
        asked = _classified(unwrapped)
        cosines = None
        if self.encoder is not None and self.trained.chunks.size and asked.strip():
            cosines = self.trained.chunks @ self.encoder.encode([asked[:_MEANING_READ]])[0]
        return self.searcher.search(asked, top, weights=weights_for(asked), cosines=cosines)

    # -- problems --

    def _only_error(self, unwrapped: Unwrapped, matches: Sequence[SignatureMatch]) -> bool:
        """Whether known errors are all that the text says."""
        if not matches:
            return False
        said = len(unwrapped.original)
        return sum(match.end - match.start for match in matches) >= 0.7 * said

    def _decided(self, unwrapped: Unwrapped, matches: Sequence[SignatureMatch]) -> bool:
        """Whether a known error stands in the text and next to nothing is said besides."""
        if not any(match.exact and match.score >= SURE for match in matches):
            return False
        rest = unwrapped.original
        for match in sorted(matches, key=lambda match: -match.start):
            rest = f"{rest[: match.start]} {rest[match.end :]}"
        return len(unwrapped.prose and self.tokenizer.words(rest)) <= 3

    def _problems(
        self, unwrapped: Unwrapped, matches: Sequence[SignatureMatch], facets: Mapping[str, str]
    ) -> tuple[tuple[Problem, ...], float, bool]:
        text = _classified(unwrapped)
        targets = list(dict.fromkeys(match.signature.target for match in matches if match.score >= SURE))
        if len(targets) > 1:
            problems = []
            for target in targets:
                own = [match for match in matches if match.signature.target == target]
                words = unwrapped.original[own[0].start : own[0].end]
                problem, _, _ = self._problem(words, unwrap(words), own, facets, compare=False)
                problems.append(problem)
            return tuple(problems), 0.0, False
        compare = self.encoder is not None and not self._decided(unwrapped, matches)
        problem, handover, meant = self._problem(text, unwrapped, matches, facets, compare=compare)
        return (problem,), handover, meant

    def _problem(
        self,
        text: str,
        unwrapped: Unwrapped,
        matches: Sequence[SignatureMatch],
        facets: Mapping[str, str],
        *,
        compare: bool,
    ) -> tuple[Problem, float, bool]:
        reading = self._read(text, unwrapped, matches, facets)
        cosines = None
        if compare and self.encoder is not None:
            reading.vector = self.encoder.encode([text[:_MEANING_READ]])[0]
            cosines = self.trained.examples @ reading.vector
        if not self.trained.resolutions:
            return self._passages_only(text, reading, unwrapped), 0.0, cosines is not None
        classes = self._classes(reading, cosines)
        weighed = self._weigh(reading, classes, cosines)
        confidence, known = judge(weighed.signs, self.trained.judgement)
        best = int(weighed.order[0])
        if weighed.signals[best, 1] >= SURE and (not compare or weighed.signals[best, 2]):
            sure = 0.5 + weighed.signals[best, 1] / 2
            confidence, known = max(confidence, sure - 0.01), max(known, sure)
        handover = _handover(
            float(classes[len(self.trained.resolutions) + 3]), float(classes[: len(self.trained.resolutions)].max())
        )
        candidates = self._candidates(reading, weighed, confidence, known, cosines)
        unknown = ""
        if unwrapped.error_text and not any(match.score >= SURE for match in matches):
            unknown = unwrapped.error_text
        return (
            Problem(text=text, candidates=candidates, known=known, unknown_error=unknown),
            handover,
            cosines is not None,
        )

    def _candidates(
        self, reading: _Reading, weighed: _Weighed, confidence: float, known: float, cosines: NDArray[np.float32] | None
    ) -> tuple[Candidate, ...]:
        rest = weighed.share[1:]
        left = max(known - confidence, 0.0)
        others = rest / rest.sum() * left if rest.sum() > 0 else rest
        found = []
        for place, number in enumerate(weighed.order.tolist()):
            name = self.trained.resolutions[number]
            own = [match for match in reading.matches if match.signature.target == name]
            best = max(own, key=lambda match: match.score, default=None)
            found.append(
                Candidate(
                    resolution=name,
                    confidence=confidence if place == 0 else min(float(others[place - 1]), confidence),
                    score=float(weighed.scores[number]),
                    evidence=self._evidence(reading, weighed, number, cosines, best),
                    captured=dict(best.captures) if best else NOTHING,
                    exact=bool(best and best.exact),
                )
            )
        return tuple(found)

    def _evidence(
        self,
        reading: _Reading,
        weighed: _Weighed,
        number: int,
        cosines: NDArray[np.float32] | None,
        match: SignatureMatch | None,
    ) -> tuple[Evidence, ...]:
        """Why a candidate has its score: the parts of the very sum."""
        weights, signals = self.trained.judgement.signals, weighed.signals[number]
        found: list[Evidence] = []
        words = float(self.classifier.words_part(reading.row)[number]) * float(weights[0])
        meaning = float(signals[0] * weights[0]) - words
        found.append(Evidence(kind="words", label=", ".join(dict.fromkeys(reading.tokens[:8])), weight=words))
        if abs(meaning) > 1e-9:
            found.append(Evidence(kind="meaning", label="its example questions", weight=meaning))
        labels = {
            1: ("signature", match.signature.pattern if match else ""), 2: ("signature", "word for word"),
            3: ("chunk", "words of the sections it cites"), 4: ("chunk", "meaning of the sections it cites"),
            5: ("facet", "it is for the system named"), 6: ("facet", "it is for another system"), 7: ("question", "nearest example question"),
        }  # fmt: skip
        for place, (kind, label) in labels.items():
            weight = float(signals[place] * weights[place])
            if weight:
                found.append(Evidence(kind=kind, label=label, weight=weight))
        return tuple(found)

    def _passages_only(self, text: str, reading: _Reading, unwrapped: Unwrapped) -> Problem:
        """Where there are no resolutions: the sections found."""
        cosines = (
            self.trained.chunks @ reading.vector if reading.vector is not None and self.trained.chunks.size else None
        )
        hits = self.searcher.hits(text, 5, cosines=cosines)
        candidates = []
        for hit in hits:
            chunk: Chunk = self.knowledge.chunks[hit.chunk_id]
            share = self.searcher.coverage(text, hit.matched)
            candidates.append(
                Candidate(
                    resolution=None, confidence=round(share, 4), score=hit.score,
                    evidence=tuple(Evidence(kind="chunk", label=word, weight=part) for word, part in hit.contributions.items()),
                    passage=Passage(article=chunk.article, title=chunk.title, section=chunk.section, anchor=chunk.anchor,
                                    text=chunk.text, score=hit.score, fix_shaped=chunk.kind == "steps"),
                )
            )  # fmt: skip
        known = candidates[0].confidence if candidates else 0.0
        return Problem(text=text, candidates=tuple(candidates), known=known, unknown_error=unwrapped.error_text)


def _classified(unwrapped: Unwrapped) -> str:
    """What of a message is classified: all of a short one; of a long one the heaviest lines first."""
    if len(unwrapped.text) <= _READ // 2:
        return unwrapped.text
    return "\n".join(unwrapped.texts)[:_READ] or unwrapped.text[:_READ]


def _handover(score: float, best: float) -> float:
    """How likely a person is asked for, from the classifier's score for it beside that of the best resolution."""
    return float(1 / (1 + np.exp(-8 * (score - max(0.35, 0.6 * best)))))


# ---- learning -------------------------------------------------------------------------------------------------------


def train(
    knowledge: KnowledgeBase, encode: Encode | None = None, *, unseen: Callable[[str], bool] | None = None
) -> Trained:
    """Learn from a knowledge. `encode` gives vectors (texts, width); without it words alone are learnt.

    Texts for which `unseen` is true are left out altogether, to be asked afterwards.
    """
    kernel = WITH_MEANING if encode is not None else WORDS_ONLY
    resolutions = tuple(knowledge.resolutions)
    number = {name: at for at, name in enumerate(resolutions)}
    tokenizer, loose = tokenizer_of(knowledge.vocabulary), tokenizer_of(knowledge.vocabulary, loose=True)
    asked = [(question, number[r.id]) for r in knowledge.resolutions.values() for question in r.questions]
    asked += _labelled(knowledge, len(resolutions))
    asked = [(text, label) for text, label in asked if unseen is None or not unseen(text)]
    told = [(text, number[r.id]) for r in knowledge.resolutions.values() for text in _own_texts(r)]
    rows_in_order = sorted(
        [(label, 0, text) for text, label in asked] + [(label, 1, text) for text, label in told], key=lambda r: r[:2]
    )
    texts = tuple(text for _, _, text in rows_in_order)
    labels = np.array([label for label, _, _ in rows_in_order], np.int32)
    own_words = np.array([own for _, own, _ in rows_in_order], bool)
    vectors = encode([text[:_MEANING_READ] for text in texts]) if encode is not None else None
    chunk_vectors = (
        encode([f"{chunk.section}\n{chunk.text}" for chunk in knowledge.chunks])
        if encode is not None and knowledge.chunks
        else np.empty((0, 0), np.float32)
    )
    vectoriser = Vectoriser.learn(texts, kernel, tokenizer, loose)
    tokens, counts, weights = _token_table(texts, labels, len(resolutions), tokenizer)
    from helpbot.understanding.calibration import Logistic

    nothing = Logistic(np.zeros(15), 0.0)
    if not resolutions:
        return Trained(
            resolutions=(), kernel=kernel, columns={}, idf=np.empty(0, np.float32), linear=np.empty((0, len(OTHERS)), np.float32),
            dual=np.empty((0, len(OTHERS)), np.float32), examples=np.empty((0, 0), np.float32), texts=(),
            labels=np.empty(0, np.int32), tokens={}, counts=np.empty((0, 0), np.uint8), weights=np.empty(0, np.float32),
            entities=(), heard=np.empty((0, 0), np.uint8), chunks=chunk_vectors,
            judgement=Judgement(np.zeros(len(SIGNALS)), nothing, nothing),
        )  # fmt: skip
    trust = np.where(own_words, 0.3, 1.0)
    rows = [vectoriser.row(text) for text in texts]
    learnt = fit(rows, labels.astype(np.intp), (*resolutions, *OTHERS), vectoriser, vectors=vectors, trust=trust)
    from helpbot.understanding.weigh import PRIOR

    trained = Trained(
        resolutions=resolutions, kernel=kernel, columns=vectoriser.columns, idf=vectoriser.idf,
        linear=learnt.classifier.linear, dual=learnt.classifier.dual, examples=learnt.classifier.examples,
        texts=texts, labels=labels, tokens=tokens, counts=counts, weights=weights, entities=tuple(knowledge.vocabulary.entities),
        heard=_heard(knowledge, texts, labels), chunks=chunk_vectors,
        judgement=Judgement(PRIOR, nothing, nothing),
    )  # fmt: skip
    return replace(
        trained, judgement=_judgement(knowledge, trained, np.flatnonzero(~own_words), learnt.unseen, vectors)
    )


def _labelled(knowledge: KnowledgeBase, count: int) -> list[tuple[str, int]]:
    """The lines of questions.jsonl that no resolution answers, with the classes of OTHERS."""
    found = []
    for example in knowledge.examples:
        if not example.text or example.turns:
            continue
        outcome = example.outcomes[0] if example.outcomes else ""
        if outcome == "no_answer":
            kind = {"near_error": 1, "far": 2}.get(example.kind, 0)
            found.append((example.text, count + kind))
        elif outcome == "escalate":
            found.append((example.text, count + 3))
        elif outcome == "clarify":
            found.append((example.text, count + 4))
    return found


def _heard(knowledge: KnowledgeBase, texts: Sequence[str], labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """In how many texts of each resolution an entity is spoken of, (entities, resolutions)."""
    facets = FacetReader(knowledge.vocabulary)
    row = {entity: at for at, entity in enumerate(knowledge.vocabulary.entities)}
    heard = np.zeros((len(row), len(knowledge.resolutions)), np.int64)
    for text, label in zip(texts, labels.tolist(), strict=True):
        if label < len(knowledge.resolutions):
            for entity in facets.read(text).entities:
                heard[row[entity], label] += 1
    within = {(chunk.article, chunk.anchor): frozenset[str]() for chunk in knowledge.chunks}
    for chunk in knowledge.chunks:
        within[chunk.article, chunk.anchor] |= facets.read(f"{chunk.section}\n{chunk.text}").entities
    for label, resolution in enumerate(knowledge.resolutions.values()):
        for place in sections_of(resolution):
            for entity in within.get(place, ()):
                heard[row[entity], label] += 2
    return np.minimum(heard, 255).astype(np.uint8)


def _token_table(
    texts: Sequence[str], labels: NDArray[np.int32], resolutions: int, tokenizer: Tokenizer
) -> tuple[dict[str, int], NDArray[np.uint8], NDArray[np.float32]]:
    """Tokens, in how many texts of each resolution they stand (at most 255), and how rare they are."""
    found: dict[str, dict[int, int]] = {}
    spread: dict[str, int] = {}
    for text, label in zip(texts, labels.tolist(), strict=True):
        for token in set(tokenizer.words(text)):
            spread[token] = spread.get(token, 0) + 1
            if label < resolutions:
                own = found.setdefault(token, {})
                own[label] = min(255, own.get(label, 0) + 1)
    tokens = {token: at for at, token in enumerate(sorted(found))}
    counts = np.zeros((len(tokens), resolutions), np.uint8)
    for token, own in found.items():
        for label, times in own.items():
            counts[tokens[token], label] = times
    weights = np.array([np.log((len(texts) + 1) / spread[token]) for token in tokens], np.float32)
    return tokens, counts, weights


def _judgement(
    knowledge: KnowledgeBase,
    trained: Trained,
    asked: NDArray[np.intp],
    unseen: Floats,
    vectors: NDArray[np.float32] | None,
) -> Judgement:
    """The weights of signals and signs, from what each example would have scored unseen."""
    from helpbot.understanding.calibration import Logistic

    engine = Engine(knowledge, trained)
    count = len(trained.resolutions)
    cosines = vectors @ vectors.T if vectors is not None else None
    readings = {}
    for at in asked.tolist():
        unwrapped = unwrap(trained.texts[at])
        reading = engine._read(_classified(unwrapped), unwrapped, engine.signatures.match(unwrapped), NOTHING)
        reading.vector = vectors[at] if vectors is not None else None
        readings[at] = reading

    def weighed(engine: Engine) -> dict[int, _Weighed]:
        return {
            at: engine._weigh(reading, unseen[at], cosines[at] if cosines is not None else None,
                              left_out=(at, int(trained.labels[at])))
            for at, reading in readings.items()
        }  # fmt: skip

    first = weighed(engine)
    chosen, meant = [], []
    for at, one in first.items():
        label = int(trained.labels[at])
        if label < count:
            order = [label, *(n for n in np.argsort(-one.scores, kind="stable")[:8].tolist() if n != label)][:8]
            if len(order) == min(8, count):
                chosen.append(one.signals[order])
                meant.append(0)
    if not chosen:
        return trained.judgement
    signals = fit_signals(np.array(chosen), np.array(meant, np.intp))
    engine = Engine(
        knowledge, replace(trained, judgement=replace(trained.judgement, signals=signals)), searcher=engine.searcher
    )
    second = weighed(engine)
    kinds = trained.labels[asked] - count
    judged = np.flatnonzero((kinds < 3) | (kinds == 4))
    signs = np.array([second[int(asked[row])].signs for row in judged])
    right = np.array([int(second[int(asked[row])].order[0]) == int(trained.labels[asked[row]]) for row in judged])
    known = (kinds[judged] < 0) | (kinds[judged] == 4)
    return Judgement(signals, Logistic.fit(signs, right), Logistic.fit(signs, known))


def similar(vectors: NDArray[np.float32], trained: Trained) -> NDArray[np.float32]:
    """The meaning kernel of texts to all examples, for those who look into the engine."""
    return similarity(vectors, trained.examples, trained.kernel)
