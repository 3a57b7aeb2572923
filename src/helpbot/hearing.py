"""Learn the bot's phrases from its folder, and keep what was learnt in the cache: the disk side of speech acts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from helpbot.errors import Fault, KnowledgeError
from helpbot.loading import cache_folder
from helpbot.understanding.speech import ACTS, OTHER, Encode, Heard, SpeechActs
from helpbot.vectors import encoder_id

if TYPE_CHECKING:
    from helpbot.knowledge.base import KnowledgeBase
    from helpbot.understanding.encoder import Encoder

__all__ = ["FORMAT", "open_hearing", "others_of", "read_phrases"]

FORMAT: Final = 1
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
        else:
            phrases[act] = [each for each in lines if isinstance(each, str) and each.strip()]
    return phrases, faults


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
        found = _stored(path, encode)
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
        _store(path, made)
    return made


def _encode(encoder: Encoder | None) -> Encode | None:
    return None if encoder is None else lambda texts: encoder.encode(list(texts))


def others_of(knowledge: KnowledgeBase) -> list[str]:
    """Messages that are questions: a fixed few of each resolution, and of those that are not to be answered."""

    def order(text: str) -> bytes:
        return hashlib.sha256(text.encode()).digest()

    asked = [
        text for each in knowledge.resolutions.values() for text in sorted(each.questions, key=order)[:_OTHERS_EACH]
    ]
    return asked + [each.text for each in knowledge.examples if each.kind in ("near", "near_error")][::4]


def _stored(path: Path, encode: Encode | None) -> SpeechActs | None:
    from zipfile import BadZipFile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            return SpeechActs.from_arrays(dict(arrays), encode)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None  # not there, or not ours: it is learnt anew


def _store(path: Path, made: SpeechActs) -> None:
    """Written whole or not at all; a cache that cannot be written costs time, not answers."""
    import tempfile

    import numpy as np

    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **made.arrays())
        Path(name).replace(path)
