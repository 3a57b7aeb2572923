"""What people say besides asking, as tables; what is known to be read wrongly stands beside them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.dialogue import phrases
from helpbot.dialogue.phrases import fold

SAID: list[tuple[Callable[[str], bool], str, bool]] = [
    *((phrases.is_yes, text, True) for text in ("worked", "yes it did", "perfect", "👍", "ok found it, works", "that did the trick", "it works now!", "All good now.")),
    *((phrases.is_yes, text, False) for text in ("nope", "still the same", "oh great, that really helped. NOT.", "great, same error again", "works, but the other quote still fails")),
    *((phrases.is_thanks, text, True) for text in ("thanks, perfect", "thank you very much, have a nice weekend", "thx", "merci beaucoup", "that's all")),
    *((phrases.is_thanks, text, False) for text in ("thanks for nothing", "thanks but it still fails", "Thank You Card Box")),
    *((phrases.is_no, text, True) for text in ("nope", "still the same", "that did not help", "didn't work", "no luck", "half of it", "tried that already", "🙄", "thanks for nothing", "werkt niet")),
    *((phrases.is_no, text, False) for text in ("worked", "thanks", "how do I fix this", "where is the log", "we use HaloPSA")),
    *((phrases.is_person, text, True) for text in (
        "I want to talk to a human", "Put me through to one of your technicians.", "I've had it. Somebody senior, today.", "agent", "conect me with agnet plz",
        "our lawyer will contact you", "get me a person", "can someone call me back", "I don't want a bot", "ik wil een medewerker spreken", "escalate this to second level", "please do the needful and assign some engineer", "forward this please",
    )),
    *((phrases.is_person, text, False) for text in (
        "how can I reach support?", "what does support need for a broken mapping", "user linked to the wrong person", "Company has no external identifier",
        "assign a contact person to a company", "which roles may a manager have", "can support remove the mapping", "I forward this to you", "we transfer this every day",
    )),
    *((phrases.is_cancel, text, True) for text in ("never mind", "cancel that", "forget it", "nevermind thanks", "I don't need it any more")),
    *((phrases.is_cancel, text, False) for text in ("Noise Cancel Headset", "forget it, give me a real person", "cancelled charges", "how do I cancel an order")),
    *((phrases.is_none, text, True) for text in ("none", "no error is shown", "don't know", "I can't copy it, here is a screenshot", "there really is none", "as I said, no error is shown", "as already told: no error", "it just shows nothing")),
    *((phrases.is_none, text, False) for text in ("Noise Cancel Headset", "None Such Router 3", "No matching records found", "Nothing Phone 2", "Unknown vendor code VX")),
    *((phrases.is_solved, text, True) for text in ("it works now", "oh wait, it works now", "solved", "the error is gone")),
    *((phrases.is_solved, text, False) for text in ("yes", "thanks", "it works for one quote but not for the other")),
    *((phrases.is_why, text, True) for text in ("why do you need this?", "why?", "what do you need that for", "is that really necessary?")),
    *((phrases.is_news, text, True) for text in ("any news?", "any update on my case", "did someone look at it?", "still waiting")),
    *((phrases.is_greeting, text, True) for text in ("hi", "Hello there", "good morning", "help")),
    *((phrases.is_go_ahead, text, True) for text in ("go ahead", "ok, do that", "of course", "sure, thanks")),
    *((phrases.is_go_ahead, text, False) for text in ("ok thanks", "no", "go to the page")),
    *((phrases.is_recall, text, True) for text in ("what did I give as the product?", "what error did I enter?")),
    *((phrases.is_addition, text, True) for text in ("it happens only in Firefox", "one more thing: it started on Monday")),
    *((phrases.is_addition, text, False) for text in ("new problem: it broke", "how do I re-index?")),
    *((phrases.is_will_try, text, False) for text in ("I see the charge now",)),
    *((phrases.is_will_try, text, True) for text in ("ok I'll try that", "one moment", "let me check")),
]  # fmt: skip


@pytest.mark.parametrize(("reads", "text", "wanted"), SAID, ids=lambda value: getattr(value, "__name__", str(value)))
def test_it_is_read_as_meant(reads: Callable[[str], bool], text: str, wanted: bool) -> None:
    assert reads(fold(text)) is wanted


READERS = list(dict.fromkeys(case[0] for case in SAID))


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    for reader in READERS:
        reader(folded)


@pytest.mark.parametrize(
    "piece",
    [
        "a ",
        "no ",
        "ok ok ",
        "thanks ",
        "get me a real ",
        "(",
        "still the ",
        "please, ",
        "I can't ",
        "'",
        "my error is ",
    ],
)
def test_twice_the_text_takes_at_most_two_and_a_half_times_as_long(piece: str) -> None:
    def taken(text: str) -> float:
        best = 1.0
        for _ in range(3):
            start = time.process_time()
            folded = fold(text)
            for reader in READERS:
                reader(folded)
            best = min(best, time.process_time() - start)
        return best

    once, twice = piece * (20_000 // len(piece)), piece * (40_000 // len(piece))
    assert any(taken(twice) / max(taken(once), 0.002) <= 2.5 for _ in range(3))
