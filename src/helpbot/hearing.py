"""Learn what people say besides asking, and how they give details; keep it in the cache (the disk side of both)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from helpbot.dialogue.cutting import proposals
from helpbot.errors import Fault, KnowledgeError
from helpbot.loading import cache_folder
from helpbot.understanding.marks import ASKED, MEANT, Example, Marker, Marks, varied
from helpbot.understanding.senses import Read
from helpbot.understanding.speech import ACTS, OTHER, Encode, Heard, SpeechActs
from helpbot.vectors import encoder_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from helpbot.knowledge.base import KnowledgeBase
    from helpbot.understanding.encoder import Encoder

__all__ = [
    "FORMAT", "check_words", "learn_marks", "open_hearing", "open_marking", "others_of", "read_details", "read_phrases",
    "require_words",
]  # fmt: skip

FORMAT: Final = 1
_MARKS_FORMAT: Final = 2
_UNMARKED: Final = 100  # phrases of each act that teach what holds no value
_OTHERS_EACH: Final = 8  # questions a resolution that teach what is no speech act


def read_phrases(bot: Path) -> tuple[dict[str, list[str]], list[Fault]]:
    """The lines of `phrases.yaml` by act, and all that is wrong with the file. A bot without the file has none."""
    from helpbot.knowledge.document import read_yaml

    path = bot / "phrases.yaml"
    if not path.exists():
        return {}, []
    document = read_yaml(path.read_text("utf-8", errors="replace"), str(path))
    if isinstance(document, Fault):
        return {}, [document]
    known = (*ACTS, OTHER)
    phrases: dict[str, list[str]] = {}
    faults: list[Fault] = []
    if not isinstance(document.tree, dict):
        return {}, [Fault(str(path), 1, "the file is not a mapping", "Write `act:` and a list of lines below it")]
    for act, lines in document.tree.items():
        line = document.line(act)
        if act not in known:
            faults.append(Fault(str(path), line, f"there is no act `{act}`", "Use one of: " + ", ".join(known)))
        elif not isinstance(lines, list) or not all(isinstance(each, str) for each in lines):
            faults.append(Fault(str(path), line, f"`{act}` is not a list of lines", "Write each as `- words`"))
        elif halved := [each for each in lines if isinstance(each, str) and _is_halved(each)]:
            what = f"`{act}` holds half a character in {halved[0][:60]!a}"
            faults.append(Fault(str(path), line, what, "Write the character itself, not its escape"))
        else:
            phrases[act] = [each for each in lines if isinstance(each, str) and each.strip()]
    return phrases, faults


def _is_halved(text: str) -> bool:
    """Whether a text holds half of a character, which no file can keep: YAML's escapes make it of JSON's pairs."""
    return any("\ud800" <= char <= "\udfff" for char in text)


def open_hearing(
    bot: Path, knowledge: KnowledgeBase, encoder: Encoder | None, *, cache: bool = True
) -> Callable[[str], Heard | None]:
    """What hears speech acts. It is opened at the first message that needs it; `ask` of an exact error never does.

    Raises KnowledgeError where phrases.yaml is wrong.
    """
    held: list[SpeechActs | None] = []

    def hear(text: str) -> Heard | None:
        if not held:
            held.append(_open(bot, knowledge, encoder, cache=cache))
        return held[0].hear(text) if held[0] is not None else None

    return hear


def _open(bot: Path, knowledge: KnowledgeBase, encoder: Encoder | None, *, cache: bool) -> SpeechActs | None:
    file = bot / "phrases.yaml"
    if not file.exists():
        return None
    encode = _encode(encoder)
    mode = "meaning" if encoder else "words"
    digest = hashlib.sha256(file.read_bytes() + knowledge.version.encode()).hexdigest()[:16]
    path = cache_folder() / f"speech-{digest}-{mode}-{FORMAT}.npz"
    if cache:
        found = _stored(path, lambda arrays: SpeechActs.from_arrays(arrays, encode))
        if found is not None:
            return found
    from helpbot.vectors import Remembered

    phrases, faults = read_phrases(bot)
    if faults:
        raise KnowledgeError(faults)
    memory = Remembered(encoder, cache_folder() / f"vectors-{encoder_id(encoder)}.npz") if encoder and cache else None
    made = SpeechActs.learn(phrases, others_of(knowledge), memory.encode if memory else encode)
    if memory:
        memory.save()
        made = SpeechActs.from_arrays(made.arrays(), encode)  # from here on a message is encoded once, not remembered
    if cache:
        _store(path, made.arrays())
    return made


def _encode(encoder: Encoder | None) -> Encode | None:
    return None if encoder is None else lambda texts: encoder.encode(list(texts))


def others_of(knowledge: KnowledgeBase) -> list[str]:
    """Messages that are questions: a fixed few of each resolution, and of those that are not to be answered."""
    asked = [
        text for each in knowledge.resolutions.values() for text in sorted(each.questions, key=_order)[:_OTHERS_EACH]
    ]
    return asked + [each.text for each in knowledge.examples if each.kind in ("near", "near_error")][::4]


def _order(text: str) -> bytes:
    """An order that has nothing to do with what is said, and is always the same."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def check_words(bot: Path) -> list[Fault]:
    """All that is wrong in phrases.yaml and details.jsonl."""
    return [*read_phrases(bot)[1], *read_details(bot)[1]]


def require_words(bot: Path) -> None:
    """Raise KnowledgeError with all that is wrong in the two files; what was found right is noted in the cache."""
    files = [bot / "phrases.yaml", bot / "details.jsonl"]
    digest = hashlib.sha256(b"\0".join(file.read_bytes() if file.exists() else b"" for file in files)).hexdigest()
    noted = cache_folder() / f"words-{digest[:24]}.ok"
    if noted.exists():
        return
    if faults := check_words(bot):
        raise KnowledgeError(faults)
    with suppress(OSError):
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.touch()


# ---- marked messages ------------------------------------------------------------------------------------------------


def read_details(bot: Path) -> tuple[list[Example], list[Fault]]:
    """The messages of `details.jsonl`, their values marked, and all that is wrong with the file. It may be missing."""
    path = bot / "details.jsonl"
    examples: list[Example] = []
    faults: list[Fault] = []
    if not path.exists():
        return examples, faults
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        wrong = 'Write {"asked": "product", "text": "…", "product": "a piece of the text"}'
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            faults.append(Fault(str(path), number, "the line is not JSON", wrong))
            continue
        problem = _misses(row)
        if problem:
            faults.append(Fault(str(path), number, problem, wrong))
        else:
            examples.append(Example(**row))
    return examples, faults


def _misses(row: object) -> str:
    """What is wrong with a marked message; nothing if it is right."""
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or row.get("asked") not in ASKED:
        return "the line has no `text`, or its `asked` is none of " + ", ".join(ASKED)
    if _is_halved(row["text"]):
        return "`text` holds half a character"
    if other := set(row) - {"asked", "text", "product", "error", "act"}:
        return f"`{min(other)}` is not known here"
    if "act" in row and row["act"] not in MEANT:
        return "`act` is none of " + ", ".join(MEANT)
    for name in ("product", "error"):
        value = row.get(name)
        if value is not None and (not isinstance(value, str) or not value or value not in row["text"]):
            return f"`{name}` is not a piece of the text"
    if row.get("act", "value") != "value" and (row.get("product") or row.get("error")):
        return "a message with a `product` or an `error` has no `act`"
    return ""


def learn_marks(examples: list[Example], phrases: Mapping[str, list[str]], encoder: Encoder | None = None) -> Marker:
    """A marker from marked messages; of the phrases, a fixed few of each act teach what holds no value."""
    talk = [text for lines in phrases.values() for text in lines]
    silent = [
        Example(text=text, asked=ASKED[number % 3])
        for act, lines in phrases.items()
        if act != OTHER
        for number, text in enumerate(sorted(lines, key=_order)[:_UNMARKED])
    ]
    taught = [replace(each, proposed=proposals(each.text)) for each in [*varied(examples), *silent]]
    return Marker.learn(taught, talk, _read(encoder))


def _read(encoder: Encoder | None) -> Read | None:
    return None if encoder is None else encoder.read


def open_marking(
    bot: Path, encoder: Encoder | None = None, *, cache: bool = True
) -> Callable[[str, str], Marks | None]:
    """What marks values in messages, with meaning where there is an encoder. It is opened at a form's first message.

    Raises KnowledgeError where details.jsonl or phrases.yaml is wrong.
    """
    held: list[Marker | None] = []

    def mark(text: str, asked: str) -> Marks | None:
        if not held:
            held.append(_open_marker(bot, encoder, cache=cache))
        return held[0].mark(text, asked, proposals(text)) if held[0] is not None else None

    return mark


def _open_marker(bot: Path, encoder: Encoder | None, *, cache: bool) -> Marker | None:
    file = bot / "details.jsonl"
    if not file.exists():
        return None
    said = bot / "phrases.yaml"
    digest = hashlib.sha256(file.read_bytes() + (said.read_bytes() if said.exists() else b"")).hexdigest()[:16]
    mode = "meaning" if encoder else "words"
    path = cache_folder() / f"marks-{digest}-{mode}-{_MARKS_FORMAT}.npz"
    if cache:
        found = _stored(path, lambda arrays: Marker.from_arrays(arrays, _read(encoder)))
        if found is not None:
            return found
    examples, faults = read_details(bot)
    phrases, others = read_phrases(bot)
    if faults or others:
        raise KnowledgeError([*faults, *others])
    made = learn_marks(examples, phrases, encoder)
    if cache:
        _store(path, made.arrays())
    return made


# ---- the cache ------------------------------------------------------------------------------------------------------

Learnt = TypeVar("Learnt")


def _stored(path: Path, made_of: Callable[[Mapping[str, NDArray[Any]]], Learnt]) -> Learnt | None:
    """What was kept; None where it is not there, or not ours: it is learnt anew."""
    from zipfile import BadZipFile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            return made_of(dict(arrays))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _store(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Written whole or not at all; a cache that cannot be written costs time, not answers."""
    import tempfile

    import numpy as np

    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        Path(name).replace(path)
