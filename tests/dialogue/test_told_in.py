"""What a message about something else tells of the form besides: only names that can hardly be anything else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpbot.dialogue.reading import told_in
from helpbot.dialogue.world import World
from helpbot.understanding.marks import Mark, Marks


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
