"""What a message about something else tells of the form besides: only names that can hardly be anything else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from helpbot.dialogue.cutting import is_bare, is_half_said
from helpbot.dialogue.reading import told_in
from helpbot.dialogue.rehearse import Rehearsal
from helpbot.dialogue.world import World
from helpbot.messages import Outcome
from helpbot.understanding.marks import Mark, Marks
from helpbot.understanding.speech import ACTS, OTHER, Heard

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "piece", "taken"),
    [
        ("I pressed retry with Davide and it is the same", "Davide", None),
        ("lol no. did all that b4 i came here", "b4", None),
        ("it happens with the Zebra ZD421 only", "Zebra ZD421", "Zebra ZD421"),
        ("we see it on the t57w phones", "t57w", "t57w"),
        ("we quote in HaloPSA and it fails", "HaloPSA", None),
    ],
)
def test_only_a_telling_name_is_taken_in_passing(
    shipped_world: World, text: str, piece: str, taken: str | None
) -> None:
    start = text.index(piece)
    found = Marks(product=Mark(start, start + len(piece), 1.0), error=None, no_product=0.0, no_error=1.0)
    assert told_in(text, replace(shipped_world, mark=lambda said, asked: found)).product == taken


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("[zone 14, user api_sb@kontor.de]", True),
        ("see www.de/le/my-page", False),
        ("only at my desk", False),
    ],
)
def test_words_within_an_address_are_said_to_nobody(text: str, nothing: bool) -> None:
    assert is_bare(text, "") is nothing


@pytest.mark.parametrize(
    ("text", "name", "error", "product"),
    [
        ('Rack 42U  "B-stock" <2>', "Rack 42U", "B-stock", 'Rack 42U  "B-stock" <2>'),
        ('Rack 42U: "B-stock"', "Rack 42U", "B-stock", "Rack 42U"),
        ("Rack 42U, timeout", "Rack 42U", "timeout", "Rack 42U"),
    ],
)
def test_a_name_with_quotes_in_it_is_one_name(
    shipped_world: World, text: str, name: str, error: str, product: str
) -> None:
    at, of = text.index(name), text.index(error)
    found = Marks(
        product=Mark(at, at + len(name), 1.0), error=Mark(of, of + len(error), 1.0), no_product=0.0, no_error=0.0
    )
    talk = Rehearsal(replace(shipped_world, mark=lambda said, asked: found if said == text else None), at=NOON)
    talk.say("a person please")
    talk.say(text)
    assert talk.conversation.product.value == product or talk.conversation.cases[0].product_name == product


def test_one_long_word_is_a_value_whatever_is_heard_in_it(shipped_world: World) -> None:
    loud = Heard(scores={**dict.fromkeys((*ACTS, OTHER), 0.0), "greeting": 1.0})
    talk = Rehearsal(replace(shipped_world, hear=lambda said: loud, mark=lambda said, asked: None), at=NOON)
    talk.say("a person please")
    talk.say("P" * 200)
    assert talk.conversation.product.value == "P" * 200


@pytest.mark.parametrize(
    ("text", "half"),
    [
        ("product is", True),
        ("it's the…", True),
        ("the error says:", True),
        ("This Is It", False),
        ("Error", False),
        ("it is 9", False),
        ("Simon Says", False),
    ],
)
def test_half_a_sentence_waits_for_the_next_message(shipped_world: World, text: str, half: bool) -> None:
    assert is_half_said(text) is half
    talk = Rehearsal(shipped_world, at=NOON)
    talk.say("a person please")
    asked = talk.conversation.product.asked
    talk.say(text)
    assert not half or talk.conversation.product.asked == asked  # an asking is not used up by it


@pytest.mark.parametrize("said", ["it happens with the Yealink T46U by the way", "ok, I will try that after lunch"])
def test_the_buttons_stay_below_what_is_said_after_an_answer(shipped_world: World, said: str) -> None:
    talk = Rehearsal(shipped_world, at=NOON)
    talk.say("Company has no external identifier")
    reply = talk.say(said)
    assert reply.outcome is Outcome.ANSWER
    assert [choice.id for choice in reply.choices] == ["solved", "not_solved", "person"]


def test_a_signature_is_not_looked_at_for_a_name(shipped_world: World) -> None:
    seen: list[str] = []

    def mark(said: str, asked: str) -> None:
        seen.append(said)

    told_in("it is still there\n\nBest regards,\nAnil\nProcurement Executive", replace(shipped_world, mark=mark))
    assert seen == ["it is still there"]


@pytest.mark.parametrize(
    "said",
    ["does it also happen with the Yealink T46U?", "it happens with the Yealink T46U\nand with nothing else of ours"],
)
def test_a_question_or_a_report_names_no_product_in_passing(shipped_world: World, said: str) -> None:
    talk = Rehearsal(shipped_world, at=NOON)
    talk.say("Company has no external identifier")
    assert not talk.say(said).text.startswith("Noted")
