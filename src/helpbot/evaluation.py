"""How well an engine does: labelled questions, what is not covered, intent sets, and charts of it.

Measured as a user would see it: what `decide` makes of a diagnosis. What is held aside from the knowledge's own
questions is chosen by the text alone (a fifth, by its hash), so that every run on every machine holds aside the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from helpbot.dialogue.policy import Answer, Clarify, Policy, decide
from helpbot.errors import Origin
from helpbot.knowledge.base import Example, KnowledgeBase
from helpbot.knowledge.resolution import Kind, Resolution, Source
from helpbot.messages import Outcome
from helpbot.understanding.calibration import Bin, auroc, reliability
from helpbot.understanding.engine import Engine
from helpbot.understanding.training import train

if TYPE_CHECKING:
    from helpbot.understanding.encoder import Encoder

__all__ = [
    "Asked",
    "Difference",
    "Intents",
    "Quality",
    "Verdict",
    "ask",
    "chart",
    "held_aside",
    "is_held_aside",
    "measure",
    "measure_intents",
    "read_asked",
    "regress",
    "svg",
]

Floats: TypeAlias = NDArray[np.float64]

HANDOVER_AT: Final = 0.5
_FIFTH: Final = 5
_BAR: Final = 40  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A labelled text: every outcome that is right, every resolution that is acceptable.

    With `all` each of the resolutions must be answered; else one is enough.
    """

    text: str
    outcomes: frozenset[str]
    resolutions: tuple[str, ...] = ()
    all: bool = False
    kind: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of one labelled text, and whether that is right.

    `confidence` is that of the best candidate, `best` its resolution, `known` how likely the knowledge covers it.
    """

    asked: Asked
    outcome: str
    resolutions: tuple[str, ...]
    right: bool
    confidence: float
    known: float
    best: str | None

    @property
    def answered(self) -> bool:
        """Whether an answer was given."""
        return self.outcome == Outcome.ANSWER


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A labelled line that is no longer answered as it says."""

    line: int
    text: str
    wanted: str
    got: str


def read_asked(path: Path) -> list[Asked]:
    """The labelled lines of a JSON-lines file (`text`, `outcome`, `resolutions`, `all`, `kind`); talks are left out."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        data = json.loads(line) if line.strip() else {}
        if "text" in data and "outcome" in data:
            outcomes = [data["outcome"]] if isinstance(data["outcome"], str) else data["outcome"]
            found.append(
                Asked(
                    text=data["text"],
                    outcomes=frozenset(outcomes),
                    resolutions=tuple(data.get("resolutions", ())),
                    all=bool(data.get("all")),
                    kind=data.get("kind", ""),
                    line=number,
                )
            )
    return found


def ask(engine: Engine, asked: Asked, policy: Policy) -> Verdict:
    """What one text comes to."""
    diagnosis = engine.diagnose(asked.text)
    decisions = [decide(problem, policy, engine.knowledge) for problem in diagnosis.problems]
    answers = [decision.candidate.resolution or "" for decision in decisions if isinstance(decision, Answer)]
    if diagnosis.handover >= HANDOVER_AT:
        outcome = Outcome.ESCALATE
    elif answers:
        outcome = Outcome.ANSWER
    elif any(isinstance(decision, Clarify) for decision in decisions):
        outcome = Outcome.CLARIFY
    else:
        outcome = Outcome.NO_ANSWER
    right = outcome.value in asked.outcomes
    if right and outcome is Outcome.ANSWER and asked.resolutions:
        right = set(asked.resolutions) <= set(answers) if asked.all else answers[0] in asked.resolutions
    first = diagnosis.problems[0] if diagnosis.problems else None
    best = first.candidates[0] if first is not None and first.candidates else None
    return Verdict(
        asked=asked,
        outcome=outcome.value,
        resolutions=tuple(answers),
        right=right,
        confidence=best.confidence if best is not None and outcome is not Outcome.ESCALATE else 0.0,
        known=first.known if first is not None else 0.0,
        best=best.resolution if best is not None else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What a set of questions that are covered, and one of texts that are not, came to. Shares are 0 to 1."""

    questions: tuple[Verdict, ...]
    refused: tuple[Verdict, ...] = ()

    @property
    def right(self) -> float:
        """The share of questions that were answered rightly (asking back does not count)."""
        return _share(verdict.right for verdict in self.questions)

    @property
    def asked_back(self) -> float:
        """The share of questions that were answered with a choice that holds the right one."""
        return _share(verdict.outcome == Outcome.CLARIFY for verdict in self.questions)

    @property
    def wrong(self) -> float:
        """The share of questions that were answered wrongly."""
        return _share(verdict.answered and not verdict.right for verdict in self.questions)

    @property
    def best_right(self) -> float:
        """The share of questions whose best candidate is right, whatever was decided."""
        return _share(verdict.best in verdict.asked.resolutions for verdict in self.questions)

    @property
    def wrongly_answered(self) -> float:
        """The share of texts outside the knowledge that were answered as if they were covered."""
        return _share(verdict.answered for verdict in self.refused)

    @property
    def known_auroc(self) -> float:
        """How well `known` tells what is covered from what is not."""
        return auroc(_known(self.questions), _known(self.refused))

    def accepted_at(self, kept: float = 0.95) -> float:
        """The share of texts outside that pass a threshold which `kept` of the rightly understood questions pass."""
        good = np.sort([v.confidence for v in self.questions if v.best in v.asked.resolutions])
        if not len(good) or not self.refused:
            return 0.0
        threshold = good[int((1 - kept) * len(good))]
        return _share(verdict.confidence >= threshold for verdict in self.refused)

    def curve(self) -> list[tuple[float, float, float]]:
        """(threshold, coverage, precision) over questions and texts outside together."""
        everything = (*self.questions, *self.refused)
        rows = []
        for threshold in (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98):
            given = [verdict for verdict in everything if verdict.confidence >= threshold]
            right = sum(verdict.best in verdict.asked.resolutions for verdict in given)
            covered = sum(v.confidence >= threshold for v in self.questions) / max(1, len(self.questions))
            rows.append((threshold, covered, right / len(given) if given else 1.0))
        return rows

    def bins(self) -> list[Bin]:
        """Claimed confidence beside what was right, texts outside the knowledge included."""
        everything = (*self.questions, *self.refused)
        claimed = np.array([verdict.confidence for verdict in everything])
        right = np.array([verdict.best in verdict.asked.resolutions for verdict in everything], bool)
        return reliability(claimed, right) if everything else []


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _known(verdicts: Sequence[Verdict]) -> Floats:
    return np.array([verdict.known for verdict in verdicts])


def measure(
    engine: Engine, questions: Sequence[Asked], refused: Sequence[Asked] = (), policy: Policy | None = None
) -> Quality:
    """Ask everything."""
    policy = policy or Policy()
    return Quality(
        questions=tuple(ask(engine, one, policy) for one in questions),
        refused=tuple(ask(engine, one, policy) for one in refused),
    )


def regress(
    knowledge: KnowledgeBase, engine: Engine, policy: Policy | None = None, examples: Sequence[Asked] | None = None
) -> list[Difference]:
    """What the labelled lines of the knowledge (or `examples`) want otherwise than it is answered."""
    found = []
    for one in [_asked(example) for example in knowledge.examples if example.text] if examples is None else examples:
        verdict = ask(engine, one, policy or Policy())
        if not verdict.right:
            wanted = " or ".join(sorted(one.outcomes)) + (f" ({', '.join(one.resolutions)})" if one.resolutions else "")
            got = verdict.outcome + (f" ({', '.join(verdict.resolutions)})" if verdict.resolutions else "")
            found.append(Difference(line=one.line, text=one.text, wanted=wanted, got=got))
    return found


def _asked(example: Example) -> Asked:
    return Asked(
        text=example.text,
        outcomes=frozenset(example.outcomes),
        resolutions=example.resolutions,
        kind=example.kind,
        line=example.line,
    )


# ---- held aside -----------------------------------------------------------------------------------------------------


def is_held_aside(text: str) -> bool:
    """Whether a text belongs to the fifth that is never learnt from while measuring."""
    return int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), 16) % _FIFTH == 0


def held_aside(knowledge: KnowledgeBase, encoder: Encoder | None = None, policy: Policy | None = None) -> Quality:
    """Learn from four fifths of the authors' questions and negatives, ask the fifth."""
    trained = train(knowledge, encoder.encode if encoder is not None else None, unseen=is_held_aside)
    engine = Engine(knowledge, trained, encoder=encoder)
    questions = [
        Asked(text=question, outcomes=frozenset({"answer"}), resolutions=(resolution.id,))
        for resolution in knowledge.resolutions.values()
        for question in resolution.questions
        if is_held_aside(question)
    ]
    refused = [
        _asked(example)
        for example in knowledge.examples
        if example.text and "no_answer" in example.outcomes and is_held_aside(example.text)
    ]
    return measure(engine, questions, refused, policy)


# ---- intents --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Intents:
    """What a set of labelled short texts came to. `oos` marks those outside of all labels."""

    accuracy: float  # of the texts with a label
    known_auroc: float  # texts with a label against those without
    accepted: float  # of those without, at the threshold that 95 % of the rightly labelled pass


def measure_intents(
    train_rows: Sequence[tuple[str, str]],
    test_rows: Sequence[tuple[str, str]],
    encoder: Encoder | None = None,
    *,
    outside: str = "oos",
) -> Intents:
    """Take labels for resolutions with example questions, learn from some texts and ask others (text, label)."""
    knowledge = _of_labels(train_rows, outside)
    trained = train(knowledge, encoder.encode if encoder is not None else None)
    engine = Engine(knowledge, trained, encoder=encoder)
    names = {label: name for name, label in _names(train_rows, outside).items()}
    inside = [
        Asked(text=text, outcomes=frozenset({"answer"}), resolutions=(names.get(label, label),))
        for text, label in test_rows
        if label != outside
    ]
    refused = [Asked(text=text, outcomes=frozenset({"no_answer"})) for text, label in test_rows if label == outside]
    quality = measure(engine, inside, refused)
    return Intents(
        accuracy=quality.best_right,
        known_auroc=auroc(np.array([v.known for v in quality.questions]), np.array([v.known for v in quality.refused])),
        accepted=quality.accepted_at(),
    )


def _names(rows: Sequence[tuple[str, str]], outside: str) -> dict[str, str]:
    """An id for each label, in the order of the rows."""
    labels = list(dict.fromkeys(label for _, label in rows if label != outside))
    return {f"label-{number}": label for number, label in enumerate(labels)}


def _of_labels(rows: Sequence[tuple[str, str]], outside: str) -> KnowledgeBase:
    own: dict[str, list[str]] = {}
    for text, label in rows:
        own.setdefault(label, []).append(text)
    nothing: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    resolutions = {
        name: Resolution(
            id=name, title=label.replace("_", " ").lower(), label=label, kind=Kind.EXPLANATION, topic="all",
            source=Source("none", "none"), cause="", applies_to=nothing, questions=tuple(own[label]), origin=Origin(""),
        )
        for name, label in _names(rows, outside).items()
    }  # fmt: skip
    examples = tuple(Example(text=text, outcomes=("no_answer",), kind="near") for text in own.get(outside, ()))
    return KnowledgeBase(articles={}, resolutions=resolutions, examples=examples)


# ---- charts ---------------------------------------------------------------------------------------------------------


def chart(bins: Sequence[Bin]) -> str:
    """A reliability diagram in text: each bar reaches its mark `|` where confidence keeps its word."""
    lines = ["claimed  right  count"]
    for bar in bins:
        drawn = list("█" * round(bar.right * _BAR) + " " * (_BAR + 1 - round(bar.right * _BAR)))
        drawn[round(bar.claimed * _BAR)] = "|"
        lines.append(f"{bar.claimed:7.2f} {bar.right:6.2f} {bar.count:6d}  {''.join(drawn).rstrip()}")
    return "\n".join(lines)


def svg(bins: Sequence[Bin], *, size: int = 320) -> str:
    """A reliability diagram as an SVG image: a point for each bar, as large as it has texts, beside the diagonal."""
    most = max((bar.count for bar in bins), default=1)
    points = "".join(
        f'<circle cx="{bar.claimed * size:.1f}" cy="{(1 - bar.right) * size:.1f}" '
        f'r="{3 + 9 * (bar.count / most) ** 0.5:.1f}">'
        f"<title>claimed {bar.claimed:.2f}, right {bar.right:.2f}, {bar.count} texts</title></circle>"
        for bar in bins
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -10 {size + 20} {size + 20}" role="img" '
        f'aria-label="Claimed confidence and what was right"><path d="M0 {size}L{size} 0M0 0V{size}H{size}" '
        f'fill="none" stroke="currentColor"/><g fill="#2563eb" fill-opacity=".7">{points}</g></svg>'
    )
