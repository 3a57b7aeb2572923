"""Pages as a browser copies them: headings, lists, tables and tips are found again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpbot.importing.page import Page, rendered
from helpbot.importing.text import read_text
from helpbot.knowledge.article import Article
from helpbot.knowledge.parse import parse_article
from helpbot.knowledge.shape import shape

PAGES = Path(__file__).parent / "pages"
TODAY = date(2026, 11, 20)


def page(name: str) -> Page:
    return read_text((PAGES / f"{name}.txt").read_text("utf-8"), source=f"{name}.txt", name=name, copied=TODAY)


def article(name: str) -> Article:
    found = parse_article(rendered(page(name)), f"{name}.md", name)
    assert isinstance(found, Article), found
    return found


def test_the_head_of_a_page_is_read() -> None:
    spaced, tight = page("spaced"), page("tight")
    assert (spaced.title, spaced.author, spaced.updated) == ("Printer Problems", "Ada Winter", "2026-11-20")
    assert spaced.summary == "Office printers and label printers: errors and what to do."
    assert (tight.title, tight.author, tight.updated) == ("Door System", "Ada Winter", "2026-11-14")
    assert spaced.body.count("Printer Problems") == 0


def test_headings_of_a_page_with_empty_lines() -> None:
    assert [(s.level, s.title) for s in article("spaced").sections[1:]] == [
        (2, "Where to look"),
        (2, "Label printer: Job not found"),
        (2, "Label printer: Login errors"),
        (2, 'Error: "driver package is invalid" — Outdated Driver'),
        (3, "Why this happens"),
        (3, "How to fix it"),
        (3, "Preventing this in the future"),
    ]


def test_headings_of_a_page_without_empty_lines() -> None:
    assert [(s.level, s.title) for s in article("tight").sections[1:]] == [
        (2, "Entry Refused"),
        (3, "Your badge is not linked to an office"),
        (3, "Your role lacks the right"),
        (2, "ZoneCode does not exist or is invalid (Paxton)"),
        (3, "How zone codes work"),
        (3, "Resolution"),
        (2, 'Paxton Error: "floorItem object is invalid" — Mending a Broken Floor'),
        (3, "How to fix it"),
        (3, "Still seeing the error?"),
        (2, "Visit statuses"),
        (2, "Types of badges"),
        (2, "Visitor is not matched"),
        (3, "How matching works"),
        (3, "Resolution"),
        (2, "See also"),
    ]


def test_cells_below_each_other_are_a_table_again() -> None:
    body = page("spaced").body
    assert "| Error | Cause | Fix |\n| --- | --- | --- |" in body
    assert (
        '| "Device has no serial number" | The device was never registered '
        "| Register the device under **Settings > Devices** first |" in body
    )
    assert body.count("\n| ") == 5


def test_cells_run_together_are_a_table_again() -> None:
    body = page("tight").body
    assert "| Status | Meaning | Action |\n| --- | --- | --- |" in body
    assert "| Waiting | Badge waits for the PSA printer | Wait for the next print run |" in body
    assert "| Error | Badge could not be printed | Check **Admin > Tools > Issues** for the reason |" in body


def test_what_to_do_is_numbered_and_what_to_know_is_not() -> None:
    body = page("tight").body
    assert (
        "1. Go to **Admin > Badges & People**\n2. Find the badge\n3. Confirm it has an office assigned\n4. If the badge"
        in body
    )
    assert "- Announced — the host has been told\n- Arrived" in body
    assert "- The name of the door\n- The full error message you see\n" in body


def test_a_numbered_line_is_parted_from_its_title() -> None:
    assert (
        "1. **Go to your floor mappings.** Navigate to **Admin > Doors > Paxton > Floors**. This" in page("tight").body
    )
    assert "2. **Look for missing floors.** A broken mapping shows" in page("tight").body


def test_steps_with_headings_of_their_own_are_one_list() -> None:
    found = article("spaced")
    shaped = shape(found.within("how-to-fix-it"))
    assert [text.split(".")[0] for _, _, text in shaped.steps] == [
        "Find the driver",
        "Open the driver page",
        "Retry the job",
    ]
    assert shaped.steps[1][1] == "Settings > Devices > Drivers"


def test_an_error_on_a_line_of_its_own_is_code() -> None:
    assert "```\ndriver package is invalid. [ID] is outdated\n```" in page("spaced").body


def test_tips_and_notes_are_set_apart() -> None:
    assert "> **Tip:** Update drivers" in page("spaced").body
    assert "> **Note:** A later release" in page("spaced").body
    assert "> **Tip:** Any time you close a floor, look at **Admin > Doors > Paxton > Floors**." in page("tight").body


def test_lines_that_inline_code_broke_are_whole_again() -> None:
    body = page("tight").body
    assert (
        "- Only visitors with Day Pass or Contractor badge class are matched — other badge classes are left out" in body
    )
    assert "has a Day Pass or Contractor badge — others are left out on purpose\n" in body
    assert ". If a visitor is matched to the wrong person" in body


SHORT = """Door System
Written by Ada Winter
Door tickets are lost (Paxton)
Paxton drops a ticket without a word, and the desk then shows the ticket as lost to everybody who asks for it.
Door ticket statuses
A ticket has one of these statuses:
Lost — nobody has it
Found — it lies at the desk
Resolution
Open the ticket at the desk and look at its number
If the number is wrong (somebody mistyped it), write it anew:
Go to Admin > Tickets
Edit the number
After that, print it again
If tickets are lost again and again, check:
Admin > Printers — the paper may be damp
Printers stand too near to the window
Another matter
A paragraph that says at some length what the other matter is about, so that it is one.
Your rights
Roles are what gives a person rights here, and the desk asks for them whenever a door is to be opened.
Resolution:
Ask the desk for another role
Visitors of the house pass all doors
For others, the rights are: open, close, look (see Rights)
Last things
A paragraph that ends the page with the words that a page like this one ends with, and with nothing else.
"""


def test_a_step_for_some_only_holds_its_own_steps() -> None:
    body = read_text(SHORT, source="x", name="x", copied=TODAY).body
    assert (
        "1. Open the ticket at the desk and look at its number\n"
        "2. If the number is wrong (somebody mistyped it), write it anew:\n"
        "    1. Go to **Admin > Tickets**\n"
        "    2. Edit the number\n"
        "3. After that, print it again\n"
        "4. If tickets are lost again and again, check:\n"
        "    - **Admin > Printers** — the paper may be damp\n"
        "    - Printers stand too near to the window\n"
    ) in body


def test_a_list_that_tells_more_than_it_asks_to_do_is_not_numbered() -> None:
    body = read_text(SHORT, source="x", name="x", copied=TODAY).body
    assert "- Ask the desk for another role\n- Visitors of the house" in body


def test_a_heading_named_like_the_section_whose_resolution_follows_is_a_part_of_it() -> None:
    found = parse_article(rendered(read_text(SHORT, source="x", name="x", copied=TODAY)), "x.md", "x")
    assert isinstance(found, Article)
    assert [(section.level, section.title) for section in found.sections] == [
        (2, "Door tickets are lost (Paxton)"),
        (3, "Door ticket statuses"),
        (3, "Resolution"),
        (2, "Another matter"),
        (2, "Your rights"),
        (2, "Last things"),
    ]


def test_a_list_ends_at_the_next_paragraph() -> None:
    assert "3. Retry the door sync\n\nZone codes are also used for lifts" in rendered(page("tight"))


DATES = [
    ("6 days ago", "2026-11-14"),
    ("About 22 hours ago", "2026-11-20"),
    ("over a week ago", "2026-11-13"),
    ("2 months ago", "2026-09-21"),
    ("yesterday", "2026-11-19"),
    ("2025-03-01", "2025-03-01"),
    ("March 1, 2025", "2025-03-01"),
    ("1 Mar 2025", "2025-03-01"),
    ("2024-13-45", ""),
]


@pytest.mark.parametrize(("said", "day"), DATES, ids=[said for said, _ in DATES])
def test_the_day_of_the_last_change(said: str, day: str) -> None:
    text = f"Title\nWritten by Ada Winter\nLast updated {said}\n\nA sentence that says something.\n"
    assert read_text(text, source="x", name="x", copied=TODAY).updated == day


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=600))
def test_any_text_becomes_an_article_that_can_be_read(text: str) -> None:
    made = read_text(text, source="x.txt", name="x", copied=TODAY)
    if made.body.strip():
        assert isinstance(parse_article(rendered(made), "x.md", "x"), Article)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abc XY.\n•-1:|#>*`[](){}", max_size=40), max_size=30))
def test_lines_of_any_shape_become_an_article(lines: list[str]) -> None:
    made = read_text("\n".join(lines), source="x.txt", name="x", copied=TODAY)
    if made.body.strip():
        found = parse_article(rendered(made), "x.md", "x")
        assert isinstance(found, Article), found
