"""Compile a folder of knowledge into an engine, and keep the result: the second start reads one file.

The file holds the knowledge as JSON, what was learnt as plain arrays, and the index: no pickle, nothing that runs.
Example questions, of which one answer needs a few at most, lie beside the JSON and are decoded when they are looked at.
It is named by the hash of the knowledge's files, the code's format and the encoder, is written whole or not at all,
and is refused if a byte of it is not what was written; then it is made anew.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from helpbot.errors import Origin, SnapshotError
from helpbot.knowledge.article import Article, Chunk, Section
from helpbot.knowledge.base import Example, KnowledgeBase, ScriptTurn
from helpbot.knowledge.resolution import Escalate, Kind, Older, Point, Resolution, Source, Step
from helpbot.knowledge.signature import Signature
from helpbot.knowledge.stored import Stored, joined
from helpbot.knowledge.vocabulary import Vocabulary
from helpbot.later import dataclass
from helpbot.loading import cache_folder, content_version
from helpbot.messages import Field
from helpbot.retrieval.checksum import checksum
from helpbot.retrieval.search import Searcher
from helpbot.retrieval.snapshot import PREAMBLE, pack, preamble, unpack
from helpbot.understanding.calibration import Logistic
from helpbot.understanding.classifier import Examples, Kernel
from helpbot.understanding.engine import Engine, Trained, signatures_of, tokenizer_of
from helpbot.understanding.weigh import Judgement
from helpbot.vectors import encoder_id

if TYPE_CHECKING:
    from helpbot.understanding.encoder import Encoder

T = TypeVar("T")

__all__ = ["FORMAT", "Compiled", "is_compiled", "open_engine"]

FORMAT: Final = 9  # grows with every change of what is learnt or how it is written
_MAGIC: Final = b"HELPBOTE"
_FIRST: Final = struct.Struct("<8sIIQ32s")  # magic, format, length of the header, whole length, checksum of the rest
_ALIGN: Final = 64
_ARRAYS: Final = ("idf", "dual", "examples", "labels", "counts", "weights", "heard", "chunks")
_QUESTIONS: Final = 9  # where in a resolution's row it says how many questions it has
_KEPT: Final = 256 << 20  # bytes of all files; older ones are removed, so that an author's cache does not grow for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A knowledge and the engine made from it. `warm`: it was read from the cache."""

    knowledge: KnowledgeBase
    engine: Engine
    warm: bool


def open_engine(
    knowledge_dir: Path,
    *,
    encoder: Encoder | None = None,
    cache: bool = True,
    report: Callable[[str], None] | None = None,
) -> Compiled:
    """The knowledge of a folder with its engine; learnt anew only if a file of it has changed.

    `report` is told in one line what takes time or why a stored file is not used. Raises KnowledgeError.
    """
    version = content_version(knowledge_dir)
    path = cache_folder() / f"engine-{version}-{encoder_id(encoder)}-{FORMAT}.bin"
    if cache:
        try:
            return _open(path, encoder)
        except FileNotFoundError:
            pass
        except (SnapshotError, OSError) as error:
            if report:
                report(f"{error}")
    from helpbot.loading import load_knowledge
    from helpbot.understanding.training import train
    from helpbot.vectors import Remembered

    knowledge = load_knowledge(knowledge_dir)
    if report:
        report("learning from the knowledge; this takes some seconds and is kept")
    memory = Remembered(encoder, cache_folder() / f"vectors-{encoder_id(encoder)}.npz") if encoder and cache else None
    trained = train(knowledge, memory.encode if memory else encoder.encode if encoder else None)
    if memory:
        memory.save()
    searcher = Searcher.build(knowledge.chunks, tokenizer_of(knowledge.vocabulary))
    if cache and version == content_version(knowledge_dir):  # a file saved meanwhile would be stored under a wrong name
        with suppress(OSError):  # a read-only cache costs time at the next start, nothing else
            _save(path, _packed(knowledge, trained, searcher))
    return Compiled(
        knowledge=knowledge, engine=Engine(knowledge, trained, encoder=encoder, searcher=searcher), warm=False
    )


def is_compiled(knowledge_dir: Path, encoder: Encoder | None) -> bool:
    """Whether opening it takes a moment only: it was learnt before and its file is there."""
    return (cache_folder() / f"engine-{content_version(knowledge_dir)}-{encoder_id(encoder)}-{FORMAT}.bin").exists()


# ---- the file -------------------------------------------------------------------------------------------------------


def _save(path: Path, pieces: list[bytes]) -> None:
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".engine-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    with suppress(OSError):
        _tidy(path)


def _tidy(newest: Path) -> None:
    """Remove the oldest files beside the newest, as far as all together are too large."""
    left = _KEPT
    for file in sorted(newest.parent.glob("engine-*.bin"), key=lambda found: found.stat().st_mtime, reverse=True):
        left -= file.stat().st_size
        if left < 0 and file != newest:
            file.unlink()


def _packed(knowledge: KnowledgeBase, trained: Trained, searcher: Searcher) -> list[bytes]:
    arrays: dict[str, NDArray[Any]] = {name: getattr(trained, name) for name in _ARRAYS}
    arrays |= {"starts": trained.rows.starts, "of": trained.rows.texts, "values": trained.rows.values}
    judgement = trained.judgement
    arrays |= {"signals": judgement.signals, "right": judgement.right.weights, "known": judgement.known.weights}
    arrays["index"] = np.frombuffer(
        b"".join(pack(searcher.indexes, knowledge.chunks, source=knowledge.version)), np.uint8
    )
    for name, items in _apart(knowledge, trained).items():
        data, starts = joined(items)
        arrays |= {name: np.frombuffer(data, np.uint8), f"{name}_at": np.array(starts, np.int64)}
    arrays["uses"] = np.array(list(trained.words.values()), np.int64)
    learnt = {
        "resolutions": trained.resolutions,
        "tokens": _lines_out(trained.tokens),
        "columns": _lines_out(trained.columns),
        "words": _lines_out(trained.words),
        "entities": trained.entities,
        "signatures": [
            [s.id, s.target, s.pattern, s.parts, s.names, s.types, s.origin.path, s.origin.line]
            for s in signatures_of(knowledge)
        ],
        "kernel": [getattr(trained.kernel, part.name) for part in fields(trained.kernel)],
        "biases": [judgement.right.bias, judgement.known.bias],
    }
    arrays["learnt"] = np.frombuffer(json.dumps(learnt, separators=(",", ":")).encode(), np.uint8)
    arrays["knowledge"] = np.frombuffer(json.dumps(_knowledge_out(knowledge), separators=(",", ":")).encode(), np.uint8)
    places, at = {}, 0
    for name, array in arrays.items():
        places[name] = [array.dtype.str, list(array.shape), at]
        at += -(-array.nbytes // _ALIGN) * _ALIGN
    header = json.dumps(places).encode()
    header += b" " * (-(len(header) + _FIRST.size) % _ALIGN)
    body = [header]
    for array in arrays.values():
        body.append(np.ascontiguousarray(array).tobytes())
        body.append(b"\0" * (-len(body[-1]) % _ALIGN))
    return [_FIRST.pack(_MAGIC, FORMAT, len(header), sum(map(len, body)), checksum(body)), *body]


def _apart(knowledge: KnowledgeBase, trained: Trained) -> dict[str, list[bytes]]:
    """What is decoded one by one, when it is looked at."""
    questions = [question for resolution in knowledge.resolutions.values() for question in resolution.questions]
    return {
        "texts": [text.encode("utf-8", "surrogatepass") for text in trained.texts],
        "questions": [text.encode("utf-8", "surrogatepass") for text in questions],
        "asked": [json.dumps(_example_out(example), separators=(",", ":")).encode() for example in knowledge.examples],
    }


def _lines_out(words: Iterable[str]) -> str:
    return "\n".join(words)  # no word holds a line's end


def _lines_in(lines: str) -> list[str]:
    return lines.split("\n") if lines else []


def _open(path: Path, encoder: Encoder | None) -> Compiled:
    data = path.read_bytes()
    if len(data) < _FIRST.size or not data.startswith(_MAGIC):
        raise SnapshotError(f"{path}: not an engine of helpbot. It will be made again.")
    _, number, header, length, digest = _FIRST.unpack_from(data)
    view = memoryview(data)[_FIRST.size :]
    if number != FORMAT:
        raise SnapshotError(f"{path}: format {number}, and this version reads format {FORMAT}. It will be made again.")
    if length != len(view) or checksum([view]) != digest:
        raise SnapshotError(f"{path}: its content is not what was written. It will be made again.")
    try:
        places = json.loads(bytes(view[:header]))
        arrays = {
            name: np.frombuffer(view, dtype, int(np.prod(shape)), header + at).reshape(shape)
            for name, (dtype, shape, at) in places.items()
        }
        learnt = json.loads(arrays.pop("learnt").tobytes())
        knowledge = _knowledge_in(json.loads(arrays.pop("knowledge").tobytes()), arrays)
        trained = _trained_in(learnt, arrays)
        signatures = [_signature_in(row) for row in learnt["signatures"]]
        index = arrays["index"].data
        stored = unpack(
            index, digest=preamble(bytes(index[:PREAMBLE]), len(index)).digest
        )  # its bytes were summed above
        searcher = Searcher(knowledge.chunks, stored.indexes, tokenizer_of(knowledge.vocabulary))
        engine = Engine(knowledge, trained, encoder=encoder, searcher=searcher, signatures=signatures)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SnapshotError(f"{path}: its content cannot be read ({error}). It will be made again.") from error
    return Compiled(knowledge=knowledge, engine=engine, warm=True)


def _trained_in(learnt: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Trained:
    right, known = learnt["biases"]
    return Trained(
        resolutions=tuple(learnt["resolutions"]),
        kernel=Kernel(**dict(zip([p.name for p in fields(Kernel)], learnt["kernel"], strict=True))),
        columns={name: at for at, name in enumerate(_lines_in(learnt["columns"]))},
        texts=_stored(arrays, "texts", _text_in),
        tokens={name: at for at, name in enumerate(_lines_in(learnt["tokens"]))},
        entities=tuple(learnt["entities"]),
        words=dict(zip(_lines_in(learnt["words"]), arrays["uses"].tolist(), strict=True)),
        rows=Examples(len(arrays["texts_at"]) - 1, arrays["starts"], arrays["of"], arrays["values"]),
        judgement=Judgement(arrays["signals"], Logistic(arrays["right"], right), Logistic(arrays["known"], known)),
        **{name: arrays[name] for name in _ARRAYS},
    )


def _stored(arrays: Mapping[str, NDArray[Any]], name: str, decode: Callable[[bytes], T]) -> Stored[T]:
    return Stored(arrays[name].data, arrays[f"{name}_at"].data, decode)


def _text_in(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _signature_in(row: list[Any]) -> Signature:
    name, target, pattern, parts, names, types, path, line = row
    return Signature(
        id=name,
        target=target,
        pattern=pattern,
        parts=tuple(parts),
        names=tuple(names),
        types=tuple(types),
        origin=Origin(path, line),
    )


# ---- knowledge as JSON ----------------------------------------------------------------------------------------------


def _knowledge_out(knowledge: KnowledgeBase) -> dict[str, Any]:
    vocabulary = knowledge.vocabulary
    return {
        "version": knowledge.version,
        "titles": dict(knowledge.titles),
        "articles": [
            [
                a.id,
                a.title,
                a.summary,
                a.author,
                a.updated,
                a.source,
                [a.origin.path, a.origin.line],
                [[s.anchor, s.title, s.level, s.body, s.trail, s.line] for s in a.sections],
            ]
            for a in knowledge.articles.values()
        ],
        "resolutions": [
            [
                r.id,
                r.title,
                r.label,
                r.kind.value,
                r.topic,
                _source_out(r.source),
                r.cause,
                {k: list(v) for k, v in r.applies_to.items()},
                r.errors,
                len(r.questions),
                [[p.text, _source_out(p.source), p.term] for p in r.points],
                [[s.text, _source_out(s.source), s.go] for s in r.steps],
                r.check,
                [r.older.text, _source_out(r.older.source)] if r.older else None,
                r.see_also,
                [r.escalate.when, [need.value for need in r.escalate.needs]] if r.escalate else None,
                [r.origin.path, r.origin.line],
            ]
            for r in knowledge.resolutions.values()
        ],
        "vocabulary": [
            vocabulary.products,
            {f: dict(v) for f, v in vocabulary.facets.items()},
            dict(vocabulary.entities),
            vocabulary.synonyms,
        ],
        "chunks": [[c.id, c.article, c.section, c.anchor, c.title, c.text, c.kind] for c in knowledge.chunks],
    }


def _example_out(example: Example) -> list[Any]:
    turns = [[turn.user, turn.outcomes, turn.resolutions, turn.awaiting] for turn in example.turns]
    return [example.text, example.outcomes, example.resolutions, example.kind, example.line, turns]


def _source_out(source: Source) -> list[str]:
    return [source.article, source.anchor]


def _knowledge_in(data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> KnowledgeBase:
    products, facets, entities, synonyms = data["vocabulary"]
    articles = [_article_in(row) for row in data["articles"]]
    questions = _stored(arrays, "questions", _text_in)
    resolutions: list[Resolution] = []
    seen = 0
    for row in data["resolutions"]:
        own = row[_QUESTIONS]
        resolutions.append(_resolution_in(row, questions.part(seen, seen + own)))
        seen += own
    return KnowledgeBase(
        articles={article.id: article for article in articles},
        resolutions={resolution.id: resolution for resolution in resolutions},
        vocabulary=Vocabulary(
            products=tuple(products),
            facets={facet: {value: tuple(ways) for value, ways in values.items()} for facet, values in facets.items()},
            entities={entity: tuple(ways) for entity, ways in entities.items()},
            synonyms=tuple(tuple(group) for group in synonyms),
        ),
        examples=_stored(arrays, "asked", _example_in),
        chunks=tuple(
            Chunk(id=number, article=article, section=section, anchor=anchor, title=title, text=text, kind=kind)
            for number, article, section, anchor, title, text, kind in data["chunks"]
        ),
        version=data["version"],
        titles=data["titles"],
    )


def _example_in(raw: bytes) -> Example:
    text, outcomes, names, kind, line, turns = json.loads(raw)
    return Example(
        text=text,
        outcomes=tuple(outcomes),
        resolutions=tuple(names),
        kind=kind,
        line=line,
        turns=tuple(
            ScriptTurn(
                user=user,
                outcomes=tuple(came),
                resolutions=tuple(about),
                awaiting=None if asks is None else tuple(asks),
            )
            for user, came, about, asks in turns
        ),
    )


def _article_in(row: list[Any]) -> Article:
    name, title, summary, author, updated, source, origin, sections = row
    return Article(
        id=name,
        title=title,
        summary=summary,
        author=author,
        updated=updated,
        source=source,
        origin=Origin(*origin),
        sections=tuple(
            Section(article=name, anchor=anchor, title=heading, level=level, body=body, trail=tuple(trail), line=line)
            for anchor, heading, level, body, trail, line in sections
        ),
    )


def _resolution_in(row: list[Any], questions: Sequence[str]) -> Resolution:
    name, title, label, kind, topic, source, cause, applies_to, errors = row[:_QUESTIONS]
    points, steps, check, older, see_also, escalate, origin = row[_QUESTIONS + 1 :]
    return Resolution(
        id=name,
        title=title,
        label=label,
        kind=Kind(kind),
        topic=topic,
        source=Source(*source),
        cause=cause,
        applies_to=MappingProxyType({facet: tuple(values) for facet, values in applies_to.items()}),
        errors=tuple(errors),
        questions=questions,
        points=tuple(Point(text=text, source=Source(*cited), term=term) for text, cited, term in points),
        steps=tuple(Step(text=text, source=Source(*cited), go=go) for text, cited, go in steps),
        check=check,
        older=Older(text=older[0], source=Source(*older[1])) if older else None,
        see_also=tuple(see_also),
        escalate=Escalate(when=escalate[0], needs=tuple(Field(need) for need in escalate[1])) if escalate else None,
        origin=Origin(*origin),
    )
