"""A section as an answer: what it explains, what to do, and none of what stands beside it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.knowledge.article import Article, Section
from helpbot.knowledge.parse import parse_article
from helpbot.knowledge.shape import Shaped, fix_shaped, shape

ARTICLE = """---
title: Doors
---

## Badge is refused {#refused}

The door shows a message that reads:

```
badge 80 is unknown.
```

It means that the badge was never linked.

You may see:

- A red lamp
- A long tone

### Why this happens

The directory dropped it.

### How badges work

Long ago there were keys.

- Keys were heavy

### Resolution

Do it in this order.

1. Open **Admin > Badges**.

   Wait for the list.

2. Link the badge.
    - On the left
3. Try the door.

Badges are used in lifts too.

If the lift beeps, check:

- The cable

### See also

- Lifts

## Lifts

- **Symptom:** It beeps
- Cause: The cable is loose
- Fix: Go to **Admin > Lifts** and press Test
- It is loud

## Lamps

| Lamp | Meaning | Action |
|---|---|---|
| Red | No \\| link | Link it |
| Green | | Nothing |

## Lifts that stop

| Error | Cause | Fix | Since |
|---|---|---|---|
| "Cable {n} is loose" | Nobody tightened it | Tighten the cable | 2019 |
| "Door is open" | A coat hangs in it | Pull the coat out | 2020 |

## Lifts that speak

- "Mind the gap: door 80 is closing" — The door closes. Go to **Admin > Doors** and wait.
- "Floor is unknown" — Nobody drew it.

## Lamps and lifts

1. Choose one:

   | Lamp | Colour |
   |---|---|
   | Hall | Red |

2. Switch it on.

| Switch | Room |
|---|---|
| One | Hall |

## No entry

It is one of these:

### Your badge is lost

Badges fall.

1. Look below the desk.
2. Ask for another

### Your badge is old

- Take a new one
- Old ones fade

### Your hand is cold

1. Warm it

### How hands work

They hold.

## Names

| | |
|---|---|
| **Ada** | wrote it |
"""


def shaped(anchor: str) -> Shaped:
    article = parse_article(ARTICLE, "doors.md", "doors")
    assert isinstance(article, Article)
    return shape(article.within(anchor))


def test_the_cause_is_what_explains_and_a_lead_is_whole_with_its_code() -> None:
    assert shaped("refused").cause == (
        "The door shows a message that reads: badge 80 is unknown. It means that the badge was never linked. "
        "The directory dropped it."
    )


def test_steps_keep_their_lines_and_menus() -> None:
    assert shaped("refused").steps == (
        ("resolution", "Admin > Badges", "Open Admin > Badges. Wait for the list."),
        ("resolution", None, "Link the badge. On the left"),
        ("resolution", None, "Try the door."),
    )


def test_what_stands_beside_the_answer_is_left_to_the_article() -> None:
    assert [text for _, _, text in shaped("refused").points] == ["A red lamp", "A long tone"]


def test_a_list_of_symptom_cause_and_fix_is_an_answer() -> None:
    found = shaped("lifts")
    assert found.cause == "The cable is loose"
    assert found.steps == (("lifts", "Admin > Lifts", "Go to Admin > Lifts and press Test"),)
    assert [text for _, _, text in found.points] == ["It is loud"]


def test_a_wide_tables_cells_say_their_column_and_its_head_is_no_row() -> None:
    assert [text for _, _, text in shaped("lamps").points] == [
        "Red — Meaning: No | link — Action: Link it",
        "Green — Action: Nothing",
    ]
    assert [text for _, _, text in shaped("names").points] == ["Ada — wrote it"]


def test_of_an_error_that_has_a_row_or_an_item_only_that_is_told() -> None:
    article = parse_article(ARTICLE, "doors.md", "doors")
    assert isinstance(article, Article)
    row = shape(article.within("lifts-that-stop"), "Door is open")
    assert row.cause == '"Door is open" — A coat hangs in it Since: 2020'
    assert [text for _, _, text in row.steps] == ["Pull the coat out"]
    assert row.points == ()
    item = shape(article.within("lifts-that-speak"), "Mind the gap: door {number:int} is closing")
    assert item.cause == '"Mind the gap: door 80 is closing" — The door closes.'
    assert item.steps == (("lifts-that-speak", "Admin > Doors", "Go to Admin > Doors and wait."),)
    assert len(shape(article.within("lifts-that-stop"), "Roof is wet").points) == 2


def test_a_table_in_a_step_belongs_to_it_and_one_below_the_steps_is_left_to_the_article() -> None:
    found = shaped("lamps-and-lifts")
    assert [text for _, _, text in found.steps] == ["Choose one: Hall — Red", "Switch it on."]
    assert found.points == ()


def test_parts_that_are_ways_of_their_own_are_told_apart() -> None:
    found = shaped("no-entry")
    assert (found.cause, found.steps) == ("It is one of these:", ())
    assert [(anchor, text) for anchor, _, text in found.points] == [
        ("your-badge-is-lost", "Your badge is lost: Look below the desk. Ask for another"),
        ("your-badge-is-old", "Your badge is old: Take a new one; Old ones fade"),
        ("your-hand-is-cold", "Your hand is cold: Warm it"),
    ]


def test_a_section_with_numbered_steps_is_shaped_like_a_fix() -> None:
    article = parse_article(ARTICLE, "doors.md", "doors")
    assert isinstance(article, Article)
    assert fix_shaped(article.within("refused"))
    assert not fix_shaped(article.within("lamps"))


@given(st.text(alphabet="ab 1.-*|>`~#\n:\\", max_size=300))
def test_any_section_is_shaped(body: str) -> None:
    found = shape([Section(article="a", anchor="b", title="c", level=2, body=body)])
    assert len(found.cause) <= 810


@pytest.mark.parametrize("piece", ["- a\n", "1. a\n   b\n", "| a | b | c |\n", "words and more\n", "```\n", "> "])
def test_twice_the_section_takes_twice_the_time(piece: str) -> None:
    def seconds(times: int) -> float:
        section = Section(article="a", anchor="b", title="c", level=2, body=piece * times)
        taken = []
        for _ in range(5):
            start = time.process_time()
            shape([section])
            taken.append(time.process_time() - start)
        return max(min(taken), 1e-3)

    assert min(seconds(8_000) / seconds(4_000) for _ in range(3)) <= 2.5
