"""Read a folder of knowledge from disk: all faults at once, or one frozen value.

A compiled copy is kept beside the index under the cache folder, named by the hash of the files, so that a
second start reads one JSON file instead of parsing YAML and Markdown again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from helpbot.errors import Fault, KnowledgeError
from helpbot.knowledge.article import Article
from helpbot.knowledge.base import Example, KnowledgeBase
from helpbot.knowledge.resolution import Resolution
from helpbot.knowledge.vocabulary import Vocabulary

__all__ = [
    "cache_folder",
    "content_version",
    "knowledge_files",
    "load_knowledge",
    "read_knowledge",
    "read_replies",
]

_LARGEST: Final = 10_000_000  # bytes a file; RELIABILITY 48-50 tries 20 MB
_MOST_FILES: Final = 200_000


def cache_folder() -> Path:
    """Where compiled knowledge and indexes are kept: HELPBOT_CACHE, the checkout's var/cache, or the user's cache."""
    given = os.environ.get("HELPBOT_CACHE")
    if given:
        return Path(given)
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "knowledge").is_dir():
        return checkout / "var" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "helpbot"


def knowledge_files(root: Path) -> list[Path]:
    """Every file that knowledge is read from, in a fixed order; nothing outside `root` is followed."""
    files: list[Path] = []
    for folder, ending in (("articles", ".md"), ("resolutions", ".yaml")):
        base = root / folder
        if base.is_dir():
            files += sorted(path for path in base.rglob(f"*{ending}") if path.is_file() or path.is_symlink())
    files += [path for name in ("vocabulary.yaml", "questions.jsonl") if (path := root / name).exists()]
    return files[:_MOST_FILES]


def content_version(root: Path) -> str:
    """A hash of names and bytes of the knowledge: the same files give the same version anywhere."""
    digest = hashlib.sha256()
    for path in knowledge_files(root):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(b"\0")
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError:
            digest.update(b"unreadable")
    return digest.hexdigest()[:16]


def load_knowledge(root: Path) -> KnowledgeBase:
    """The knowledge of a folder.

    Raises KnowledgeError with every grave fault of every file; warnings do not stop it.
    """
    knowledge, faults = read_knowledge(root)
    grave = [fault for fault in faults if fault.grave]
    if grave:
        raise KnowledgeError(grave)
    return knowledge


def read_knowledge(root: Path) -> tuple[KnowledgeBase, list[Fault]]:
    """What can be read of the knowledge, and all that is wrong with it."""
    from helpbot.knowledge.checks import check_knowledge
    from helpbot.knowledge.chunk import chunks_of
    from helpbot.knowledge.parse import parse_article, parse_examples, parse_resolution, parse_vocabulary

    faults: list[Fault] = []
    if not (root / "articles").is_dir():
        faults.append(
            Fault(
                str(root),
                0,
                "there is no folder `articles` in it",
                "Point --knowledge at a folder with articles/*.md",
            )
        )
    articles: dict[str, Article] = {}
    resolutions: dict[str, Resolution] = {}
    vocabulary = Vocabulary()
    examples: list[Example] = []
    for path in knowledge_files(root):
        name = path.relative_to(root).as_posix()
        text = _text(path, root, name, faults)
        if text is None:
            continue
        if path.suffix == ".md":
            article = parse_article(text, name, path.stem)
            if isinstance(article, list):
                faults += article
            elif article.id in articles:
                faults.append(
                    Fault(
                        name,
                        0,
                        f"the article id {article.id} stands in {articles[article.id].origin.path} too",
                        "Rename one file",
                    )
                )
            else:
                articles[article.id] = article
        elif path.parent.name == "resolutions" or "resolutions" in path.relative_to(root).parts:
            resolution = parse_resolution(text, name)
            if isinstance(resolution, list):
                faults += resolution
            elif resolution.id in resolutions:
                faults.append(
                    Fault(
                        name,
                        0,
                        f"the id {resolution.id} stands in {resolutions[resolution.id].origin.path} too",
                        "Rename one",
                    )
                )
            else:
                resolutions[resolution.id] = resolution
        elif path.name == "vocabulary.yaml":
            words = parse_vocabulary(text, name)
            if isinstance(words, list):
                faults += words
            else:
                vocabulary = words
        else:
            examples, found = parse_examples(text, name)
            faults += found
    if not articles and not faults:
        faults.append(Fault(str(root / "articles"), 0, "it holds no article", "Write one, or run `helpbot import`"))
    ordered = dict(sorted(articles.items(), key=lambda pair: (pair[1].updated, pair[0]), reverse=True))
    knowledge = KnowledgeBase(
        articles=ordered, resolutions=resolutions, vocabulary=vocabulary, examples=tuple(examples),
        chunks=chunks_of(ordered.values()), version=content_version(root),
    )  # fmt: skip
    if not any(fault.grave for fault in faults):
        faults += check_knowledge(knowledge)
    return knowledge, faults


def _text(path: Path, root: Path, name: str, faults: list[Fault]) -> str | None:
    """The file's text, or None with a fault recorded."""
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            faults.append(Fault(name, 0, "it is a link that leads out of the knowledge folder", "Copy the file here"))
            return None
        size = path.stat().st_size
        if size > _LARGEST:
            faults.append(Fault(name, 0, f"it has {size:,} bytes", f"Split it: at most {_LARGEST:,} are read"))
            return None
        raw = path.read_bytes()
    except OSError as failed:
        faults.append(Fault(name, 0, f"it cannot be read: {failed.strerror}", "Mend its permissions, or remove it"))
        return None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        faults.append(Fault(name, 1, "it is saved as UTF-16", "Save it as UTF-8"))
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        line = raw[: broken.start].count(b"\n") + 1
        faults.append(Fault(name, line, "it is not UTF-8", "Save it as UTF-8"))
        return None


def read_replies(bot: Path) -> dict[str, str]:
    """The reply templates of a bot's folder, by name. A file that is not UTF-8 reads as a template that is refused."""
    folder = bot / "replies"
    return {path.stem: path.read_text("utf-8", errors="replace") for path in sorted(folder.glob("*.j2"))}
