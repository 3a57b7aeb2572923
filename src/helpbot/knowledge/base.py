"""All that a bot knows, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from helpbot.knowledge.article import Article, Chunk
from helpbot.knowledge.resolution import Resolution, Source
from helpbot.knowledge.vocabulary import Vocabulary
from helpbot.later import dataclass
from helpbot.messages import Citation

__all__ = ["Example", "KnowledgeBase", "ScriptTurn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptTurn:
    """One turn of a scripted conversation: what the user says and what must come of it."""

    user: str
    outcomes: tuple[str, ...]
    resolutions: tuple[str, ...] = ()
    awaiting: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A labelled text of knowledge/questions.jsonl: a regression test, and a negative for the classifier."""

    text: str
    outcomes: tuple[str, ...]
    resolutions: tuple[str, ...] = ()
    kind: str = ""
    line: int = 0
    turns: tuple[ScriptTurn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeBase:
    """Articles, resolutions, words and examples. `version` is a hash of the files they were read from."""

    articles: Mapping[str, Article]
    resolutions: Mapping[str, Resolution]
    vocabulary: Vocabulary = Vocabulary()
    examples: Sequence[Example] = ()
    chunks: tuple[Chunk, ...] = ()
    version: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)  # "article#anchor" -> the heading's text

    def citation(self, source: Source) -> Citation:
        """The citation of a source that was checked when the knowledge was loaded."""
        article = self.articles.get(source.article)
        section = article.section(source.anchor) if article else None
        return Citation(
            article=source.article,
            title=article.title if article else source.article,
            section=section.title if section else source.anchor,
            anchor=source.anchor,
        )
