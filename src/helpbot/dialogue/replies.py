"""The bot's words: which templates there are, what each may use, and how an answer is put together.

The words stand in `bot/replies/NAME.j2`, one file for each entry of `TEMPLATES`; the operator may change any of
them. What a template is given is plain data, so nothing a user typed can act as a template or as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from helpbot.errors import Fault
from helpbot.knowledge.base import KnowledgeBase
from helpbot.knowledge.resolution import Resolution, Source
from helpbot.knowledge.shape import shape
from helpbot.knowledge.template import check_template, template
from helpbot.messages import Citation, Part, Point, Points, Step, Steps, Text
from helpbot.understanding.diagnosis import Candidate, Passage

__all__ = ["TEMPLATES", "Answer", "Replies", "check_replies"]

_CHOICES: Final = [{"number": 1, "label": "Autotask"}, {"number": 2, "label": "ConnectWise"}]
_SOURCES: Final = [{"number": 1, "title": "PSA Sync Issues", "section": "Already synchronizing"}]
_HOURS: Final = {"open_now": False, "opens": "Monday 09:00 (Europe/Amsterdam)"}

# Every template and a sample of what it is given: the names it may use are the sample's.
TEMPLATES: Final[Mapping[str, Mapping[str, Any]]] = {
    "greeting": {"bot": "helpbot", "company": "Salesbuildr"},
    "greeted": {"bot": "helpbot", "company": "Salesbuildr"},
    "answer": {
        "title": "Already synchronizing", "kind": "fix", "cause": "It is being synced now.", "sources": _SOURCES,
        "points": [{"term": "New", "text": "just made", "source": 1}], "check": "Sync again.", "older": "",
        "steps": [{"number": 1, "go": "Admin > Tools > Issues", "text": "Look there.", "source": 1}],
    },
    "another": {"title": "Payment term/type is deleted"},
    "solved": {},
    "clarify": {"choices": _CHOICES, "facet": "PSA"},
    "no_answer": {},
    "no_answer_error": {},
    "part_unknown": {},
    "still_unclear": {},
    "escalate": {"reason": "not_solved", "other": ""},
    "ask_product": {"again": False},
    "ask_error": {"again": False},
    "explain_product": {},
    "explain_error": {},
    "why": {"field": "product_name"},
    "aside_unknown": {},
    "form_resumes": {},
    "case_opened": {
        "number": "HB-1001", "product_name": "FortiGate 60F", "error_message": "x", "delivered": True,
        "ask_address": True, "email": "", "reachable": True, **_HOURS,
    },
    "case_state": {"number": "HB-1001", "state": "open", "owner": "Anna", **_HOURS},
    "case_recalled": {"number": "HB-1001", "product_name": "FortiGate 60F", "error_message": "x"},
    "case_same": {"number": "HB-1001", "state": "open", "owner": "", **_HOURS},
    "case_added": {"number": "HB-1001", "owner": ""},
    "case_corrected": {"number": "HB-1001", "field": "product_name", "value": "FortiGate 60F"},
    "product_kept": {"value": "FortiGate 60F"},
    "noted": {"field": "product_name", "value": "FortiGate 60F"},
    "address_noted": {"email": "a@example.com", "number": "HB-1001"},
    "file_received": {"files": "screen.png"},
    "resolved": {},
    "resolved_case": {"number": "HB-1001"},
    "welcome": {},
    "cancelled": {},
    "cancelled_case": {"number": "HB-1001"},
    "nothing_to_cancel": {},
    "take_your_time": {"asking": False},
    "form_news": {**_HOURS},
    "thanked_case": {"number": "HB-1001", "owner": ""},
    "nothing_more": {},
    "where": {"places": [{"path": "Admin > Tools > Issues"}], "sources": _SOURCES},
    "detail": {"title": "Already synchronizing", "lines": [{"text": "Wait a few minutes."}], "sources": _SOURCES},
    "what_did_not_help": {},
    "blank": {},
    "cut": {},
    "agent_joined": {"agent": "Anna", "number": "HB-1001"},
    "agent_asked": {"agent": "Anna", "field": "product_name", "what": ""},
    "agent_suggested": {"agent": "Anna"},
    "agent_resolved": {"agent": "Anna", "number": "HB-1001", "reason": ""},
    "agent_reopened": {"agent": "Anna", "number": "HB-1001"},
    "agent_left": {"agent": "Anna", "number": "HB-1001"},
    "passed_on": {"agent": "Anna", "number": "HB-1001"},
    "reminder": {"asking": "product_name"},
    "ended": {},
    "none_product": {"words": "don't know"},
    "none_error": {"words": "no error is shown"},
    "not_given": {},
    "label_solved": {}, "label_not_solved": {}, "label_person": {}, "label_none_of_these": {}, "label_cancel": {},
    "label_product": {}, "label_error": {}, "help_product": {}, "help_error": {},
}  # fmt: skip


def check_replies(sources: Mapping[str, str], folder: str) -> list[Fault]:
    """Everything wrong with the templates of a bot: missing ones, unknown ones, and those that are refused."""
    faults = [
        Fault(f"{folder}/{name}.j2", 0, "the template is missing", "Copy it with `helpbot init`")
        for name in TEMPLATES
        if name not in sources
    ]
    for name, source in sources.items():
        path = f"{folder}/{name}.j2"
        sample = TEMPLATES.get(name)
        if sample is None:
            faults.append(Fault(path, 0, "no reply has this name", "Remove the file, or mend its name"))
            continue
        faults += check_template(source, path, 1, tuple(sample), loops=True, sample=sample)
    return faults


class Answer:
    """One resolution or passage, ready to be told: its title, parts, citations and plain text."""

    __slots__ = ("captured", "citations", "parts", "resolution", "text", "title")

    def __init__(
        self, title: str, text: str, parts: tuple[Part, ...], citations: tuple[Citation, ...],
        resolution: str | None, captured: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.title, self.text, self.parts, self.citations = title, text, parts, citations
        self.resolution, self.captured = resolution, captured


class Replies:
    """The checked templates of one bot. Each is compiled when it is first said."""

    __slots__ = ("_sources",)

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def say(self, name: str, **values: object) -> str:
        """The words of one template; blanks at its ends are taken off."""
        return template(self._sources[name]).render({**dict.fromkeys(TEMPLATES[name], ""), **values}).strip()

    def answer(self, candidate: Candidate, knowledge: KnowledgeBase, first: int = 0) -> Answer:
        """What a candidate says: its resolution, or the passage's own section.

        `first` is how many citations the reply holds already: the numbers go on from there.
        """
        if candidate.resolution is not None:
            return self._resolution(knowledge.resolutions[candidate.resolution], candidate.captured, knowledge, first)
        assert candidate.passage is not None
        return self._passage(candidate.passage, knowledge, first)

    def resolution(self, name: str, knowledge: KnowledgeBase, captured: Mapping[str, str]) -> Answer:
        """The answer of a resolution by id."""
        return self._resolution(knowledge.resolutions[name], captured, knowledge)

    def _resolution(
        self, found: Resolution, captured: Mapping[str, str], knowledge: KnowledgeBase, first: int = 0
    ) -> Answer:
        values = {**dict.fromkeys(_names(found), ""), **captured}
        cited = _Cited(knowledge, first)
        cause = template(found.cause).render(values)
        cited.number(found.source)
        points = tuple(
            Point(term=point.term, text=template(point.text).render(values), source=cited.number(point.source))
            for point in found.points
        )
        steps = tuple(
            Step(go=step.go, text=template(step.text).render(values), source=cited.number(step.source))
            for step in found.steps
        )
        older = template(found.older.text).render(values) if found.older else ""
        if found.older:
            cited.number(found.older.source)
        check = template(found.check).render(values)
        return self._told(found.title, found.kind.value, cause, points, steps, check, older, cited, found.id, captured)

    def _passage(self, passage: Passage, knowledge: KnowledgeBase, first: int) -> Answer:
        article = knowledge.articles.get(passage.article)
        sections = article.within(passage.anchor) if article else ()
        shaped = shape(sections, passage.about)
        cited = _Cited(knowledge, first)
        cited.number(Source(passage.article, passage.anchor))
        steps = tuple(
            Step(go=go, text=text, source=cited.number(Source(passage.article, anchor)))
            for anchor, go, text in shaped.steps
        )
        points = tuple(
            Point(text=text, source=cited.number(Source(passage.article, anchor))) for anchor, _, text in shaped.points
        )
        cause = shaped.cause or ("" if steps or points else passage.text)
        title = passage.section.rsplit(" › ", 1)[-1] or passage.title
        return self._told(title, "fix" if steps else "explanation", cause, points, steps, "", "", cited, None, {})

    def _told(
        self, title: str, kind: str, cause: str, points: tuple[Point, ...], steps: tuple[Step, ...], check: str,
        older: str, cited: _Cited, resolution: str | None, captured: Mapping[str, str],
    ) -> Answer:  # fmt: skip
        text = self.say(
            "answer", title=title, kind=kind, cause=cause, check=check, older=older, sources=cited.listed(),
            points=[{"term": p.term or "", "text": p.text, "source": _counted(p.source)} for p in points],
            steps=[
                {"number": n, "go": s.go or "", "text": s.text, "source": _counted(s.source)}
                for n, s in enumerate(steps, 1)
            ],
        )  # fmt: skip
        parts: list[Part] = [Text(text=title, role="lead")]
        if cause:
            parts.append(Text(text=cause, role="cause"))
        if points:
            parts.append(Points(points=points))
        if steps:
            parts.append(Steps(steps=steps))
        if check:
            parts.append(Text(text=check, role="check"))
        if older:
            parts.append(Text(text=older, role="note"))
        return Answer(title, text, tuple(parts), tuple(cited.citations), resolution, captured)


def _counted(source: int | None) -> int | str:
    return "" if source is None else source + 1


def _names(found: Resolution) -> tuple[str, ...]:
    """The names that its errors may capture; those that were not captured are empty."""
    return tuple(
        part.split(":")[0].strip("{}") for error in found.errors for part in error.split("{")[1:] if ":" in part
    )


class _Cited:
    """Numbers the sources of one answer in the order in which they are first used."""

    def __init__(self, knowledge: KnowledgeBase, first: int) -> None:
        self._knowledge, self._first = knowledge, first
        self._numbers: dict[Source, int] = {}
        self.citations: list[Citation] = []

    def number(self, source: Source) -> int:
        if source not in self._numbers:
            self._numbers[source] = self._first + len(self.citations)
            self.citations.append(self._knowledge.citation(source))
        return self._numbers[source]

    def listed(self) -> list[dict[str, object]]:
        return [
            {"number": n, "title": c.title, "section": c.section} for n, c in enumerate(self.citations, self._first + 1)
        ]
