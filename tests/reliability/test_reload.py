"""R22: knowledge that is changed under load. A broken file is never served, and no question fails meanwhile."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpbot.bootstrap import Knowing, Mind, read_checked_settings
from helpbot.config import Places
from tests.cli.conftest import ROOT, small

from .figures import figure

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["small"]  # a fixture
full = pytest.mark.full

# What editors, copies and merges leave behind, each tried on the article and on the resolution.
BREAKS: tuple[Callable[[str], str], ...] = (
    lambda text: "",
    lambda text: text[: len(text) // 3],
    lambda text: text.replace("title:", "titel:", 1),
    lambda text: text.replace("title:", "title:\n  - ", 1),
    lambda text: "<<<<<<< ours\n" + text,
    lambda text: text.replace("vpn#drops", "vpn#gone").replace("{#drops}", "{#drops"),
    lambda text: "\x00" + text,
    lambda text: text.replace("\n", "\n\t"),
    lambda text: "!!python/object/apply:os.system ['true']\n" + text,
    lambda text: text.replace("updated:", "updated: &a [*a]\nx:", 1).replace("kind: fix", "kind: miracle", 1),
)


@pytest.mark.parametrize("reloads", [20, pytest.param(200, marks=full)])
def test_r22_a_broken_file_is_never_served_and_no_question_fails(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reloads: int
) -> None:
    monkeypatch.chdir(tmp_path)
    knowing = Knowing(read_checked_settings(Places(knowledge=small, bot=ROOT / "bot")), words_only=True)
    files = [small / "articles" / "vpn.md", small / "resolutions" / "vpn-drops.yaml"]
    whole = {file: file.read_text("utf-8") for file in files}
    taken = {knowing.mind.knowledge.version}  # the versions that were whole
    seen, failed, over = list[tuple[str, str]](), list[str](), threading.Event()

    def ask() -> None:
        while not over.wait(0.02):
            mind = knowing.mind
            try:
                found = mind.engine.search("vpn drops error 691")
                mind.engine.diagnose("vpn keeps dropping")
            except Exception as error:
                failed.append(f"{type(error).__name__}: {error}")
            else:
                seen.append((mind.knowledge.version, stamp(mind) if found else "nothing"))

    def stamp(mind: Mind) -> str:
        """Which saving of the article a mind answers from."""
        text = "".join(str(section) for section in mind.knowledge.articles["vpn"].sections)
        return text.rpartition("Stamp ")[2].partition(".")[0] if "Stamp " in text else "first"

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    broken = 0
    try:
        for n in range(1, reloads + 1):
            file, damage = files[n % 2], BREAKS[n // 2 % len(BREAKS)]
            before = knowing.mind
            file.write_text(damage(file.read_text("utf-8")), "utf-8")
            if knowing.refresh():
                taken.add(knowing.mind.knowledge.version)  # some damage is none to this file
            else:
                broken += 1
                assert knowing.mind is before
                assert re.search(r"(vpn\.md|vpn-drops\.yaml)(:\d+)?: ", knowing.broken), knowing.broken
            # As an editor saves: half a file under another name, the whole of it, then its own name.
            half = files[0].with_name(".vpn.md.new")
            half.write_text(whole[files[0]][:40], "utf-8")
            half.write_text(whole[files[0]] + f"\nStamp {n}.\n", "utf-8")
            half.replace(files[0])
            files[1].write_text(whole[files[1]], "utf-8")
            assert knowing.refresh(), knowing.broken
            assert stamp(knowing.mind) == str(n)
            taken.add(knowing.mind.knowledge.version)
    finally:
        over.set()
        for asker in askers:
            asker.join()
    assert failed == []
    assert {version for version, _ in seen} <= taken
    stamps: dict[str, set[str]] = {}
    for version, found in seen:
        stamps.setdefault(version, set()).add(found)
    assert all(len(found) == 1 and "nothing" not in found for found in stamps.values())
    monkeypatch.undo()
    figure(f"R22: {reloads} reloads, {broken} broken files kept out, {len(seen)} questions meanwhile, 0 failed")
    assert broken >= reloads // 2


def test_r22_control_a_knowledge_taken_over_broken_is_found(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken build forgets what it had when what is new is not whole."""
    take = Knowing.refresh

    def careless(self: Knowing) -> bool:
        took = take(self)
        if self.broken:
            self._mind = None  # type: ignore[assignment]
        return took

    monkeypatch.setattr(Knowing, "refresh", careless)
    with pytest.raises(AssertionError):
        test_r22_a_broken_file_is_never_served_and_no_question_fails(small, tmp_path, monkeypatch, 4)
