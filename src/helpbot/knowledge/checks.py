"""What holds articles and resolutions together: each fault names the file, the line and what to do.

Every step's source exists, every menu path and error of a resolution stands in a section it cites, no two
resolutions claim one error, templates use only what the errors capture, and two sections that tell a different
way for the same error are reported as a contradiction unless the resolution says what the older one tells.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from helpbot.errors import Fault
from helpbot.knowledge.article import Article
from helpbot.knowledge.base import Example, KnowledgeBase, ScriptTurn
from helpbot.knowledge.resolution import Resolution, Source
from helpbot.knowledge.template import check_template

__all__ = ["check_knowledge"]

_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*):([a-z]+)\}")
_TYPES: Final = frozenset({"int", "id", "word", "quoted", "text", "version", "url", "path", "date"})
_MENU: Final = re.compile(r"\*\*([^*\n]+(?: > [^*\n]+)+)\*\*")
_LINK: Final = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_CODE: Final = re.compile(r"`[^`\n]*`")  # what looks like a link in it is none
_FEWEST_QUESTIONS: Final = 5


def check_knowledge(knowledge: KnowledgeBase) -> list[Fault]:
    """Everything wrong across the files of one knowledge, graves first."""
    faults: list[Fault] = []
    for resolution in knowledge.resolutions.values():
        faults += _sources(resolution, knowledge.articles)
        faults += _literals(resolution, knowledge.articles)
        faults += _templates(resolution)
        faults += _references(resolution, knowledge)
    faults += _claims(knowledge.resolutions.values())
    faults += _questions(knowledge)
    faults += _examples(knowledge.examples, knowledge.resolutions)
    for article in knowledge.articles.values():
        faults += _links(article, knowledge.articles)
    faults += _contradictions(knowledge)
    return sorted(faults, key=lambda fault: (not fault.grave, fault))


def _fault(
    resolution: Resolution, place: tuple[str | int, ...], problem: str, remedy: str, *, grave: bool = True
) -> Fault:
    """A fault at the line of one of the resolution's fields."""
    return Fault(resolution.origin.path, resolution.line(*place), problem, remedy, grave)


def _all_sources(resolution: Resolution) -> Iterator[tuple[tuple[str | int, ...], str, Source]]:
    """Every source: where it stands in the file, what to call it, and what it cites."""
    yield ("source",), "source", resolution.source
    for index, step in enumerate(resolution.steps):
        yield ("steps", index, "source"), f"step {index + 1}", step.source
    for index, point in enumerate(resolution.points):
        yield ("points", index, "source"), f"point {index + 1}", point.source
    if resolution.older:
        yield ("older", "source"), "older", resolution.older.source


def _sources(resolution: Resolution, articles: Mapping[str, Article]) -> Iterator[Fault]:
    for place, name, source in _all_sources(resolution):
        article = articles.get(source.article)
        if article is None:
            known = ", ".join(sorted(articles)) or "none"
            problem = f"{name} cites {source}, but there is no such article"
            yield _fault(resolution, place, problem, f"Use one of: {known}")
        elif article.section(source.anchor) is None:
            near = _nearest(source.anchor, [section.anchor for section in article.sections])
            problem = f"{name} cites {source}, but {source.article} has no such section"
            yield _fault(resolution, place, problem, f"Did you mean #{near}")


def _nearest(word: str, words: Iterable[str]) -> str:
    """The most alike of the words, by the letters they share in order of length."""
    pairs = {word[i : i + 2] for i in range(len(word) - 1)}
    return max(words, key=lambda other: len(pairs & {other[i : i + 2] for i in range(len(other) - 1)}), default="")


def _folded(text: str) -> str:
    """Text for comparing literally: without Markdown's marks, quotes and arrows alike, blanks as one."""
    text = re.sub(r"[*_`]+", "", text).replace("→", ">").replace("’", "'").replace("“", '"').replace("”", '"')
    return re.sub(r"\s+", " ", text).lower()


def _text(source: Source, articles: Mapping[str, Article]) -> str:
    article = articles.get(source.article)
    if article is None:
        return ""
    return _folded("\n".join(f"{section.title}\n{section.body}" for section in article.within(source.anchor)))


def _literals(resolution: Resolution, articles: Mapping[str, Article]) -> Iterator[Fault]:
    for index, step in enumerate(resolution.steps):
        cited = _text(step.source, articles)
        if step.go and cited and _folded(step.go) not in cited:
            problem = f"the menu path of step {index + 1}, {step.go}, does not stand in {step.source}"
            yield _fault(
                resolution, ("steps", index, "go"), problem, "Cite the section that names it, or mend the path"
            )
    everything = " ".join(_text(source, articles) for _, _, source in _all_sources(resolution))
    for index, error in enumerate(resolution.errors):
        place = ("errors", index)
        for problem in _bad_placeholders(error):
            yield _fault(resolution, place, problem, "Write {name:type} with a type of: " + ", ".join(sorted(_TYPES)))
        pattern = ".{0,200}?".join(re.escape(part) for part in _parts(_folded(error)))
        if everything.strip() and not re.search(pattern, everything):
            problem = f'the error "{error}" does not stand in any section cited'
            yield _fault(resolution, place, problem, "Quote it in the article, or cite the section that does")


def _parts(error: str) -> list[str]:
    return re.split(r"\{[a-z][a-z0-9_]*:[a-z]+\}", error)


def _bad_placeholders(error: str) -> Iterator[str]:
    for name, kind in _PLACEHOLDER.findall(error):
        if kind not in _TYPES:
            yield f'the error "{error}" has {{{name}:{kind}}}, which is no type'
    if re.search(r"[{}]", _PLACEHOLDER.sub("", error)):
        yield f'the error "{error}" has a brace that is no placeholder'


def _templates(resolution: Resolution) -> Iterator[Fault]:
    names = {name for error in resolution.errors for name, _ in _PLACEHOLDER.findall(error)}
    texts: list[tuple[tuple[str | int, ...], str]] = [(("cause",), resolution.cause), (("check",), resolution.check)]
    texts += [(("steps", index, "text"), step.text) for index, step in enumerate(resolution.steps)]
    texts += [(("points", index, "text"), point.text) for index, point in enumerate(resolution.points)]
    if resolution.older:
        texts.append((("older", "text"), resolution.older.text))
    for place, text in texts:
        sample = dict.fromkeys(names, "1")
        yield from check_template(text, resolution.origin.path, resolution.line(*place), names, sample=sample)


def _references(resolution: Resolution, knowledge: KnowledgeBase) -> Iterator[Fault]:
    for index, other in enumerate(resolution.see_also):
        if other not in knowledge.resolutions:
            problem = f"see_also names {other}, which is no resolution"
            yield _fault(resolution, ("see_also", index), problem, "Mend the id, or remove it")
    for facet, values in resolution.applies_to.items():
        known = knowledge.vocabulary.facets.get(facet)
        if known is None:
            yield _fault(
                resolution, ("applies_to", facet), f"applies_to names the facet {facet}", "Use psa or distributor"
            )
            continue
        for value in values:
            if known and value not in known:
                problem = f"applies_to names {facet} {value}, which vocabulary.yaml does not list"
                yield _fault(resolution, ("applies_to", facet), problem, "Use one of: " + ", ".join(sorted(known)))


def _claims(resolutions: Iterable[Resolution]) -> Iterator[Fault]:
    claimed: dict[str, Resolution] = {}
    for resolution in resolutions:
        for index, error in enumerate(resolution.errors):
            literal = "\x00".join(_parts(_folded(error).strip(" .!")))
            other = claimed.setdefault(literal, resolution)
            if other is not resolution:
                problem = f'the error "{error}" is claimed by {other.origin.path} too'
                yield _fault(resolution, ("errors", index), problem, "Leave it to one of the two")


def _questions(knowledge: KnowledgeBase) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for resolution in knowledge.resolutions.values():
        if len(resolution.questions) < _FEWEST_QUESTIONS:
            problem = f"only {len(resolution.questions)} example questions"
            remedy = "Add questions in users' own words: 25 teach the classifier well"
            yield _fault(resolution, ("questions",), problem, remedy, grave=False)
        for index, question in enumerate(resolution.questions):
            other = seen.setdefault(_folded(question), resolution.id)
            if other != resolution.id:
                problem = f'the question "{question}" stands in {other} too'
                yield _fault(resolution, ("questions", index), problem, "Leave it to one of the two")


def _examples(examples: Iterable[Example], resolutions: Mapping[str, Resolution]) -> Iterator[Fault]:
    outcomes = {"answer", "clarify", "no_answer", "escalate", "resolved", "cancelled"}
    for example in examples:
        places: tuple[Example | ScriptTurn, ...] = (example, *example.turns)
        for place in places:
            for outcome in place.outcomes:
                if outcome not in outcomes:
                    yield Fault("questions.jsonl", example.line, f"there is no outcome {outcome}",
                                "Use one of: " + ", ".join(sorted(outcomes)))  # fmt: skip
            for name in place.resolutions:
                if name not in resolutions:
                    yield Fault("questions.jsonl", example.line, f"there is no resolution {name}", "Mend the id")


def _links(article: Article, articles: Mapping[str, Article]) -> Iterator[Fault]:
    for section in article.sections:
        fence = ""
        for offset, line in enumerate(section.body.split("\n"), 1):
            mark = _FENCE.match(line)
            if mark:
                fence = "" if fence and mark[1].startswith(fence) else fence or mark[1][:3]
            for target in () if fence else _LINK.findall(_CODE.sub("", line)):
                if re.match(r"[a-z][a-z0-9+.-]*:", target):
                    if not target.startswith(("http://", "https://", "mailto:")):
                        problem = f"the link {target[:60]} has a scheme that is not allowed"
                        yield Fault(article.origin.path, section.line + offset, problem, "Use https, http or mailto")
                    continue
                name, _, anchor = target.partition("#")
                other = articles.get(name.removesuffix(".md").rsplit("/", 1)[-1]) if name else article
                if name.endswith(".md") and other is None:
                    yield Fault(
                        article.origin.path,
                        section.line + offset,
                        f"the link {target} leads nowhere",
                        "Mend it",
                    )
                elif other is not None and anchor and other.section(anchor) is None:
                    yield Fault(
                        article.origin.path,
                        section.line + offset,
                        f"the link {target} names no section",
                        "Mend the anchor",
                    )


def _contradictions(knowledge: KnowledgeBase) -> Iterator[Fault]:
    """Sections of different articles that quote one error but send the user to different menus.

    A resolution that cites both, or says under `older` what the other tells, has settled it.
    """
    told: dict[str, list[tuple[Article, Source, frozenset[str]]]] = defaultdict(list)
    errors = {
        _folded(re.split(r"\{", error)[0]).strip(" .\"'"): resolution
        for resolution in knowledge.resolutions.values()
        for error in resolution.errors
    }
    for article in knowledge.articles.values():
        for section in article.sections:
            body = _folded(f"{section.title}\n{section.body}")
            menus = frozenset(
                _folded(menu) for part in article.within(section.anchor) for menu in _MENU.findall(part.body)
            )
            for error in errors:
                if len(error) > 12 and error in body and menus:
                    told[error].append((article, Source(article.id, section.anchor), menus))
    for error, places in told.items():
        settled = {source.article for _, _, source in _all_sources(errors[error])}
        articles = {article.id: article for article, _, _ in places}
        loose = [article for name, article in articles.items() if name not in settled]
        menus_by = {name: frozenset().union(*(menus for a, _, menus in places if a.id == name)) for name in articles}
        for article in loose:
            for other, menus in menus_by.items():
                if other != article.id and menus_by[article.id] != menus:
                    newer = max((article, articles[other]), key=lambda each: each.updated)
                    remedy = f"Make the two agree, or say under `older` of {errors[error].id} what the user may see"
                    problem = f'"{error}" is told differently in {other}; {newer.id} is the newer'
                    yield Fault(article.origin.path, 0, problem, remedy, grave=False)
                    break
