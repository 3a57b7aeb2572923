"""What a chunk says to an encoder."""

from __future__ import annotations

from helpbot.knowledge.article import Chunk
from helpbot.retrieval.chunks import said_by


def test_a_passage_says_what_its_article_is_about() -> None:
    solution = Chunk(
        id=0, article="e", section="Solution", anchor="s", title="Error NU1905", text="Use another source."
    )
    assert said_by(solution) == "Error NU1905\nSolution\nUse another source."


def test_a_heading_that_is_the_title_is_said_once() -> None:
    top = Chunk(id=0, article="e", section="Error NU1905", anchor="top", title="Error NU1905", text="It warns.")
    assert said_by(top) == "Error NU1905\nIt warns."
