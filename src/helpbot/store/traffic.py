"""What users asked, what they were answered and whether that helped, out of the database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from helpbot.store import queries as q
from helpbot.store.sql import micros

if TYPE_CHECKING:
    from helpbot.store.sql import SqlStore

__all__ = ["Answered", "most_asked", "rated_traffic"]

_GOOD: Final = 4  # stars from which an answer helped
_BAD: Final = 2  # and up to which it did not
_SETTLED: Final = ("resolved", "escalate")
_SAMPLE: Final = 20_000  # messages that are looked through for what is asked most: some thousand conversations


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One question, what it was answered with (resolutions, or `article#anchor`), and whether that helped."""

    text: str
    given: tuple[str, ...]
    helped: bool


def most_asked(store: SqlStore, since: datetime, channel: str = "") -> Counter[str]:
    """How often each resolution was the answer since a moment, in one channel or in all; no message is read."""
    given = {"most": _SAMPLE, "since": micros(since), "channel": channel}

    def read(cursor: Any) -> list[tuple[str, int]]:
        cursor.execute(store.engine.sql(q.asked), given)
        return [(str(names), int(times)) for names, times in cursor.fetchall()]

    found: Counter[str] = Counter()
    for names, times in store.engine.read(read):
        for name in json.loads(names):
            found[name] += times
    return found


def rated_traffic(store: SqlStore) -> list[Answered]:
    """Every answer that a user rated, or that plainly did or did not settle the matter.

    What a user said of the very message goes first; then what came next (solved, or a person was needed); then, for the
    last answer of a conversation, how the whole was rated.
    """
    text = store.engine.sql(q.traffic)

    def read(cursor: Any) -> list[Answered]:
        cursor.execute(text, {})
        return [found for rows in _by_conversation(cursor) for found in _answers(rows)]

    return store.engine.read(read)


def _by_conversation(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    held: list[tuple[Any, ...]] = []
    for row in rows:
        if held and held[0][0] != row[0]:
            yield held
            held = []
        held.append(row)
    if held:
        yield held


def _answers(rows: list[tuple[Any, ...]]) -> Iterator[Answered]:
    asked, afresh = "", True  # what is asked after an answer leans on it, and cannot be understood alone
    open_answer: tuple[str, tuple[str, ...], Any] | None = None
    solved, stars = rows[0][5], rows[0][6]
    for _, author, text, reply, up, _, _ in rows:
        if author == "user":
            asked = asked or text
            continue
        said = json.loads(reply) if reply else {}
        outcome = said.get("outcome")
        if outcome == "clarify":
            continue  # the next message is a choice: what it is about was asked before
        if open_answer is not None and (outcome in _SETTLED or open_answer[2] is not None):
            helped = open_answer[2] if open_answer[2] is not None else outcome == "resolved"
            yield _answered(open_answer, bool(helped))
            open_answer = None
        if outcome == "answer":
            open_answer = (asked, _given(said), up) if afresh and asked else None
        afresh, asked = outcome != "answer", ""
    if open_answer is None:
        return
    whole = solved if solved is not None else None if stars is None or _BAD < stars < _GOOD else stars >= _GOOD
    helped = open_answer[2] if open_answer[2] is not None else whole
    if helped is not None:
        yield _answered(open_answer, bool(helped))


def _answered(answer: tuple[str, tuple[str, ...], Any], helped: bool) -> Answered:
    return Answered(text=answer[0], given=answer[1], helped=helped)


def _given(said: dict[str, Any]) -> tuple[str, ...]:
    return tuple(said.get("resolutions") or ()) or tuple(
        f"{citation.get('article', '')}#{citation.get('anchor', '')}" for citation in (said.get("citations") or ())[:1]
    )
