"""Drafts: what an article tells to do, as resolutions that load beside it and beside the author's own."""

from __future__ import annotations

from pathlib import Path

from helpbot.importing.draft import drafts_of
from helpbot.importing.files import import_into
from helpbot.knowledge.parse import parse_resolution
from helpbot.knowledge.resolution import Resolution
from helpbot.loading import read_knowledge

GOLDEN = Path(__file__).parent / "golden"


def drafted(tmp_path: Path, *names: str) -> dict[str, Resolution]:
    for name in names:
        import_into(GOLDEN / name, tmp_path)
    claimed: list[str] = []
    asked: list[str] = []
    found: dict[str, Resolution] = {}
    (tmp_path / "resolutions").mkdir()
    for article in read_knowledge(tmp_path)[0].articles.values():
        for draft in drafts_of(article, claimed, asked):
            (tmp_path / "resolutions" / f"{draft.id}.yaml").write_text(draft.yaml, encoding="utf-8")
            resolution = parse_resolution(draft.yaml, f"{draft.id}.yaml")
            assert isinstance(resolution, Resolution), resolution
            found[draft.id] = resolution
            claimed += resolution.errors
            asked += resolution.questions
    return found


def test_drafts_of_every_article_load_without_grave_faults(tmp_path: Path) -> None:
    assert len(drafted(tmp_path, "dense.txt", "spaced.txt", "page.html", "guide.mdx")) >= 8
    assert [str(fault) for fault in read_knowledge(tmp_path)[1] if fault.grave] == []


def test_a_draft_holds_error_cause_steps_menu_and_sources(tmp_path: Path) -> None:
    found = drafted(tmp_path, "spaced.txt")
    scan = next(one for name, one in found.items() if "jobticket" in name)
    assert scan.errors == ("jobTicket object is rejected", "jobTicket object is rejected. {id:id} is an unknown")
    assert [step.text.split(".")[0] for step in scan.steps] == ["Find the size", "Open the sizes", "Scan again"]
    assert scan.steps[1].go == "Settings > Borealis > Sizes"
    assert {step.source.anchor for step in scan.steps} == {"how-to-resolve-it"}
    assert len(scan.questions) >= 5


def test_rows_and_bullets_are_problems_of_their_own(tmp_path: Path) -> None:
    found = drafted(tmp_path, "spaced.txt")
    row = found["device-was-not-found-on-the-network"]
    assert row.errors == ("Device was not found on the network",)
    assert row.cause == "The device sleeps or has no cable"
    assert [step.text for step in row.steps] == ["Wake it, then press Repeat"]
    folder = found["acme-folder-errors"]
    assert folder.errors == ("Folder is gone or locked",)
    assert folder.cause == "The folder's share was renamed"


def test_statuses_are_no_problems(tmp_path: Path) -> None:
    assert not {"amber", "green", "red"} & set(drafted(tmp_path, "dense.txt"))


def test_starters_are_marked(tmp_path: Path) -> None:
    import_into(GOLDEN / "spaced.txt", tmp_path)
    (article,) = read_knowledge(tmp_path)[0].articles.values()
    assert all("# starters" in draft.yaml for draft in drafts_of(article))


def test_what_templates_act_on_is_disarmed(tmp_path: Path) -> None:
    source = tmp_path / "odd.md"
    source.write_text(
        '# Odd\n\n## "{{ x }} is not valid" {% y %}\n\nIt {# fails #} with "value {a} is not valid here".\n\n'
        "1. Type `{{ token }}` and {% raw %}.\n2. Retry: it's \\ done\t\u2028.\n",
        encoding="utf-8",
    )
    import_into(source, tmp_path / "k")
    knowledge, _ = read_knowledge(tmp_path / "k")
    (tmp_path / "k" / "resolutions").mkdir()
    for draft in drafts_of(knowledge.articles["odd"]):
        (tmp_path / "k" / "resolutions" / f"{draft.id}.yaml").write_text(draft.yaml, encoding="utf-8")
    loaded, faults = read_knowledge(tmp_path / "k")
    assert [str(fault) for fault in faults if fault.grave] == []
    assert loaded.resolutions


def test_a_heading_that_is_an_error_is_claimed_without_marks_around_it(tmp_path: Path) -> None:
    source = tmp_path / "odd.md"
    source.write_text(
        "# Odd\n\n## ERROR: The term 'Mend-It' is not recognized as a command\n\n1. Install it.\n\n"
        "## Warning ACME1802\n\n1. Open the lid.\n\n## Connection errors\n\n1. **Look for missing cables.** Pull.\n\n"
        '## Sign-in\n\n- "Sign-in failed: verify the word" — It changed. Enter it anew.\n',
        encoding="utf-8",
    )
    import_into(source, tmp_path / "k")
    (article,) = read_knowledge(tmp_path / "k")[0].articles.values()
    found = [parse_resolution(draft.yaml, f"{draft.id}.yaml") for draft in drafts_of(article)]
    assert [one.errors for one in found if isinstance(one, Resolution)] == [
        ("The term 'Mend-It' is not recognized as a command",),
        ("ACME1802",),
        (),
        ("Sign-in failed: verify the word",),
    ]
