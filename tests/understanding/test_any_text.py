"""Whatever is pasted, every matcher and parser of a message takes time that grows with its length, and keeps nothing."""

import time
import tracemalloc
from collections.abc import Callable

import pytest

from helpbot.knowledge.signature import compile_signature, generalise, mine_messages
from helpbot.retrieval.kind import error_likeness
from helpbot.understanding.signatures import ENTITIES, SignatureIndex
from helpbot.understanding.spelling import Spelling
from helpbot.understanding.unwrap import LIMIT, unwrap

INDEX = SignatureIndex(
    compile_signature(error, target=error)
    for error in (
        "BillingCode does not exist or is invalid",
        "Opportunity {name:text} was not found in Autotask",
        "Company has no external identifier",
        "catalogItem object is invalid. {id:int} is an inactive",
        "{count:int} line items not synchronized",
        "widget {a:text} broken at {b:path} in {c:quoted}",
    )
)
SPELLING = Spelling({"billing": 40, "opportunity": 30, "synchronize": 20, "distributor": 10}, protected=ENTITIES)

READERS: dict[str, Callable[[str], object]] = {
    "unwrap": unwrap,
    "signatures": lambda text: INDEX.match(unwrap(text)),
    "one signature": lambda text: INDEX.match(unwrap(text), 1),
    "spelling": SPELLING.correct,
    "error likeness": error_likeness,
    "messages of an article": mine_messages,
    "generalise": generalise,
}
UNITS = {
    "words": "the quote was not synchronized ",
    "one message": "Company has no external identifier\n",
    "half a message": "BillingCode does not exist ",
    "misspelt": "oportunty was nto fuond in autotsak ",
    "joined": "catalogitmeobject billingcdoe ",
    "placeholder": "widget a broken at /b in 'c' ",
    "cut": "…any has no external ident… ",
    "camels": "aBcDeF",
    "brackets": "[",
    "nested": '{"a":',
    "escaped": '\\\\"',
    "entities": "&amp;",
    "tags": "<b>",
    "quotes": "> ",
    "combining marks": "e\u0301\u0302\u0303",
    "surrogates": "\ud800",
    "bidi": "\u202e\u2066",
    "controls": "\x00\x1b[0m",
    "digits": "12 34.5 ",
    "lines": "\n",
    "backticks": "`",
    "stars": "**a",
    "braces": "{a:text}",
    "escaped lines": "\\n",
    "fields": 'k="not found" ',
    "table": "| a | b |\n",
    "tabs": "a\tb\n",
    "fences": "```\n",
    "short lines": "a\n",
    "frames": '  File "a", line 1\n',
    "slack": "<@U1|x> ",
    "underscored": "a_",
    "hyphened": "a-",
    "dotted": "a.",
    "denied": "n't ",
    "ellipses": "a… ",
    "tildes": "~^",
}
ENDS = {
    "blanks behind": ("x", " "),
    "blanks before": (" ", "x"),
    "marks behind": ("e", "\u0301"),
    "escapes": ("C:", "\\n"),
}


def best(read: Callable[[str], object], text: str, times: int) -> float:
    taken = []
    for _ in range(times):
        start = time.thread_time()
        read(text)
        taken.append(time.thread_time() - start)
    return min(taken)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_twice_the_text_takes_at_most_two_and_a_half_times_as_long(read: Callable[[str], object], unit: str) -> None:
    _assert_linear(read, lambda length: (unit * length)[:length])


def _assert_linear(read: Callable[[str], object], text: Callable[[int], str]) -> None:
    for times in (2, 5, 5, 5):  # what a busy machine adds to a round is no growth
        once, twice, four_times = (best(read, text(n), times) for n in (LIMIT // 4, LIMIT // 2, LIMIT))
        if twice < 2.5 * once + 0.003 and four_times < 2.5 * twice + 0.003:
            return
    pytest.fail(f"{once * 1000:.1f}, {twice * 1000:.1f}, {four_times * 1000:.1f} ms")


@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_nor_does_one_long_run_beside_a_letter(read: Callable[[str], object], ends: tuple[str, str]) -> None:
    _assert_linear(read, lambda length: (ends[0] + ends[1] * length)[:length] if ends[0] != " " else " " * length + "x")


@pytest.mark.parametrize("text", ["[" * 100_000, "e" + "\u0301" * 5_000, "{" * 100_000, '"a' * 60_000, "<x " * 40_000])
def test_more_than_is_read_costs_no_more_than_what_is_read(text: str) -> None:
    found = unwrap(text)
    assert found.cut == (len(text) > LIMIT)
    assert found.original == text
    assert INDEX.match(found) == []


def test_a_thousand_different_texts_leave_nothing_behind() -> None:
    texts = [f"{n:x} oportunity{n} was nto found in autotask {unit * 20}" for n in range(25) for unit in UNITS.values()]

    def read_all() -> None:
        for text in texts:
            INDEX.match(unwrap(text))
            SPELLING.correct(text)

    read_all()
    tracemalloc.start()
    try:
        read_all()
        before = tracemalloc.get_traced_memory()[0]
        for text in texts:
            INDEX.match(unwrap(text[::-1]))
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 250_000
