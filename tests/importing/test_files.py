"""Into the folder: nothing half-written, nothing doubled, nothing of a person's lost, nothing from elsewhere read."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from helpbot.errors import SettingError
from helpbot.importing import sources
from helpbot.importing.files import RECORD, import_into
from helpbot.loading import read_knowledge


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def article(knowledge: Path, name: str) -> str:
    return (knowledge / "articles" / f"{name}.md").read_text("utf-8")


def grave(knowledge: Path) -> list[str]:
    return [str(fault) for fault in read_knowledge(knowledge)[1] if fault.grave]


def test_what_a_person_has_edited_is_kept_unless_forced(tmp_path: Path) -> None:
    source, knowledge = write(tmp_path / "docs", one="# One\n\nFirst words.\n"), tmp_path / "k"
    import_into(source, knowledge)
    place = knowledge / "articles" / "one.md"
    place.write_text(place.read_text("utf-8") + "\nMy own line.\n", encoding="utf-8")
    write(source, one="# One\n\nSecond words.\n")
    for _ in range(2):  # being kept once does not make it the importer's own
        done = import_into(source, knowledge)
        assert (done.kept, done.changed) == (["one"], [])
        assert "My own line." in article(knowledge, "one")
        assert ["edited" in left.reason for left in done.skipped] == [True]
    assert import_into(source, knowledge, force=True).changed == ["one"]
    assert "Second words." in article(knowledge, "one")
    assert import_into(source, knowledge).same == ["one"]


def test_without_a_record_nothing_that_differs_is_written_over(tmp_path: Path) -> None:
    source, knowledge = write(tmp_path / "docs", one="# One\n\nFirst words.\n"), tmp_path / "k"
    import_into(source, knowledge)
    (knowledge / RECORD).write_text('{"format": 9', encoding="utf-8")
    write(source, one="# One\n\nSecond words.\n")
    done = import_into(source, knowledge)
    assert done.kept == ["one"]
    assert [note.source for note in done.notes] == [RECORD]
    assert "First words." in article(knowledge, "one")


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    source = write(tmp_path / "docs", one="# One\n\nWords.\n")
    assert import_into(source, tmp_path / "k", dry=True).new == ["one"]
    assert not (tmp_path / "k").exists()


def test_files_of_one_name_in_two_folders_are_two_articles(tmp_path: Path) -> None:
    knowledge = tmp_path / "k"
    import_into(write(tmp_path / "printers", guide="# Guide\n\nTo printers.\n"), knowledge)
    import_into(write(tmp_path / "scanners", guide="# Guide\n\nTo scanners.\n"), knowledge)
    assert "To printers." in article(knowledge, "guide")
    assert "To scanners." in article(knowledge, "guide-2")
    assert not grave(knowledge)


def test_a_file_alone_is_the_one_that_came_with_its_folder(tmp_path: Path) -> None:
    source, knowledge = write(tmp_path / "docs", one="# One\n\nA.\n", two="# Two\n\nB.\n"), tmp_path / "k"
    import_into(source, knowledge)
    write(source, one="# One\n\nC.\n")
    assert import_into(source / "one.md", knowledge).changed == ["one"]


def test_an_article_that_was_renamed_or_moved_stays_where_it_is(tmp_path: Path) -> None:
    source, knowledge = write(tmp_path / "docs", one="# One\n\nA.\n"), tmp_path / "k"
    import_into(source, knowledge)
    (knowledge / "articles" / "deep").mkdir()
    (knowledge / "articles" / "one.md").rename(knowledge / "articles" / "deep" / "first.md")
    write(source, one="# One\n\nB.\n")
    assert import_into(source, knowledge).changed == ["first"]
    assert "B." in article(knowledge, "deep/first")
    assert not (knowledge / "articles" / "one.md").exists()


def test_what_is_gone_from_its_folder_is_named_and_kept(tmp_path: Path) -> None:
    source = write(tmp_path / "docs", one="# One\n\nA.\n", two="# Two\n\nB.\n", three="# Three\n\nC.\n")
    import_into(source, tmp_path / "k")
    (source / "two.md").unlink()
    done = import_into(source, tmp_path / "k")
    assert [note.source for note in done.notes] == ["docs/two.md"]
    assert "B." in article(tmp_path / "k", "two")


def test_a_help_centres_article_is_known_by_its_number(tmp_path: Path) -> None:
    def export(title: str) -> Path:
        address = f"https://help.acme.example/hc/en-us/articles/42-{title.replace(' ', '-')}"
        entry = {"id": 42, "section_id": 1, "title": title, "body": "<p>Words.</p>", "html_url": address}
        (tmp_path / "z.json").write_text(json.dumps({"articles": [entry], "next_page": None}), encoding="utf-8")
        return tmp_path / "z.json"

    import_into(export("Old title"), tmp_path / "k")
    assert import_into(export("New title"), tmp_path / "k").changed == ["old-title"]


def test_an_export_that_goes_on_says_so(tmp_path: Path) -> None:
    entry = {"id": 1, "section_id": 1, "user_segment_id": 7, "title": "A", "body": "<p>Words.</p>"}
    for name, tree in {
        "zendesk": {"articles": [entry], "next_page": "https://acme.example/page/2"},
        "cursor": {"articles": [entry], "meta": {"has_more": True}},
        "intercom": {"data": [], "pages": {"next": {"page": 2}}},
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(tree), encoding="utf-8")
        done = import_into(tmp_path / f"{name}.json", tmp_path / name)
        assert [left.source for left in done.skipped] == [f"{name}.json"]
        assert len(done.notes) == len(done.new)  # an article for some users only is imported with a warning


def test_links_lead_to_what_came_in_and_to_nothing_else(tmp_path: Path) -> None:
    source = write(
        tmp_path / "docs",
        one="# One\n\n[b](two.md) [c](empty.md) [d](#nowhere) [e](ftp://x) [f](gone.md#x)\n\n```\n[g](two.md)\n```\n",
        two="# Two\n\n[a](one.md#one)\n",
        empty=" ",
    )
    import_into(source, tmp_path / "k")
    assert "[b](two.md) c d e f" in article(tmp_path / "k", "one")
    assert "[g](two.md)" in article(tmp_path / "k", "one")
    assert not grave(tmp_path / "k")


def test_names_that_lead_out_of_an_archive_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    text = "# A\n\nWords.\n"
    bad = [
        "nul\x00.md",
        "../x.md",
        "/abs.md",
        "a/../../b.md",
        "..\\c.md",
        "C:/d.md",
        "\u200b.htaccess.md",
        f"{'n' * 300}.md",
    ]
    with zipfile.ZipFile(archive, "w") as file:
        for name in [*bad, "CON.md", "Twin.md", "twin.md", "deep/good.md", "inner.zip", "deep/.hidden.md"]:
            file.writestr(name, text)
        link = zipfile.ZipInfo("link.md")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
        file.writestr("big.md", "x" * (sources.LARGEST_PAGE + 1), zipfile.ZIP_DEFLATED)
    done = import_into(archive, tmp_path / "k")
    assert sorted(done.new) == ["con-article", "good", "twin", "twin-2"]
    assert len(done.skipped) == len(bad) + 3
    assert {path.name for path in tmp_path.iterdir()} == {"export.zip", "k"}
    assert len(import_into(archive, tmp_path / "k").same) == 4


def test_archives_that_are_damaged_or_lie_end_in_a_line(tmp_path: Path) -> None:
    good = tmp_path / "good.zip"
    with zipfile.ZipFile(good, "w") as file:
        file.writestr("a.md", "# A\n\n" + "Words. " * 400)
        file.writestr("b.md", "# B\n\n" + "Words. " * 400)
    raw = bytearray(good.read_bytes())
    raw[60:70] = b"\xff" * 10
    (tmp_path / "damaged.zip").write_bytes(raw)
    done = import_into(tmp_path / "damaged.zip", tmp_path / "k")
    assert (done.new, [left.source for left in done.skipped]) == (["b"], ["a.md"])
    (tmp_path / "cut.zip").write_bytes(bytes(raw[:100]))
    with pytest.raises(SettingError, match="not an archive"):
        import_into(tmp_path / "cut.zip", tmp_path / "k")


def test_sources_beyond_the_limits_are_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "docs", **{f"a{number}": "# A\n\nWords.\n" for number in range(4)})
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as file:
        for path in source.iterdir():
            file.write(path, path.name)
    monkeypatch.setattr(sources, "MOST_MEMBERS", 3)
    for many in (source, tmp_path / "many.zip"):
        with pytest.raises(SettingError, match="more than 3 files"):
            import_into(many, tmp_path / "k")
    monkeypatch.setattr(sources, "MOST_MEMBERS", 100)
    monkeypatch.setattr(sources, "MOST_BYTES", 20)
    for large in (source, tmp_path / "many.zip"):
        with pytest.raises(SettingError, match="bytes together"):
            import_into(large, tmp_path / "k")
    assert not (tmp_path / "k").exists()


def test_the_limits_of_a_source_are_those_that_are_promised() -> None:
    assert (sources.MOST_MEMBERS, sources.MOST_BYTES) == (10_000, 200 * 1024 * 1024)


def test_an_archive_that_unfolds_to_far_more_than_it_weighs_is_refused_unread(tmp_path: Path) -> None:
    """Forty-two kilobytes that say they are four gigabytes, and that do not say it."""
    honest, lying = tmp_path / "honest.zip", tmp_path / "lying.zip"
    with zipfile.ZipFile(honest, "w", zipfile.ZIP_DEFLATED) as file:
        for n in range(60):
            file.writestr(f"a{n}.md", b"x" * sources.LARGEST_PAGE)
    assert honest.stat().st_size < 400_000
    with pytest.raises(SettingError, match="bytes together"):
        import_into(honest, tmp_path / "k")
    with zipfile.ZipFile(lying, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.md", b"x" * sources.LARGEST_PAGE)
    raw = lying.read_bytes()
    said = sources.LARGEST_PAGE.to_bytes(4, "little")
    lying.write_bytes(raw.replace(said, (100).to_bytes(4, "little")))
    done = import_into(lying, tmp_path / "k")
    assert (done.new, [left.source for left in done.skipped]) == ([], ["a.md"])
    assert not (tmp_path / "k").exists() or not list((tmp_path / "k").rglob("*.md"))


def test_the_folder_that_is_filled_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "all", one="# One\n\nWords.\n")
    import_into(tmp_path / "all", tmp_path / "all" / "knowledge")
    assert import_into(tmp_path / "all", tmp_path / "all" / "knowledge").same == ["one"]
    assert len(list((tmp_path / "all" / "knowledge" / "articles").iterdir())) == 1


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside", secret="# Secret\n\nWords.\n")
    source = write(tmp_path / "docs", one="# One\n\nWords.\n")
    (source / "linked").symlink_to(tmp_path / "outside")
    (source / "loop").symlink_to(source)
    done = import_into(source, tmp_path / "k")
    assert done.new == ["one"]
    assert sorted(left.source for left in done.skipped) == ["linked", "loop"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    source = write(tmp_path / "docs", one="# One\n\nWords.\n")
    (tmp_path / "k").write_text("a file")
    with pytest.raises(SettingError, match="cannot be written"):
        import_into(source, tmp_path / "k")


def test_a_file_name_that_is_no_text_does_no_harm(tmp_path: Path) -> None:
    source = write(tmp_path / "docs")
    Path(os.fsdecode(os.fsencode(source) + b"/b\xffd.md")).write_text("# Bad\n\nWords.\n", encoding="utf-8")
    assert len(import_into(source, tmp_path / "k").new) == 1
    assert not grave(tmp_path / "k")


@pytest.mark.parametrize("after", [0.0, 0.15, 0.3])
def test_ctrl_c_leaves_whole_files_or_none(tmp_path: Path, after: float) -> None:
    source = write(tmp_path / "docs", **{f"a{number}": f"# A{number}\n\n{'Words. ' * 200}\n" for number in range(300)})
    script = (
        "import sys; from pathlib import Path; from helpbot.importing.files import import_into;"
        "print('ready', flush=True); import_into(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(source), str(tmp_path / "k")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    there = sorted((tmp_path / "k" / "articles").glob("*.md")) if (tmp_path / "k" / "articles").is_dir() else []
    assert len(there) in {0, 300}
    assert all(path.read_text("utf-8").endswith("Words.\n") for path in there)
    assert not list(tmp_path.glob("k/.import-*"))
    assert len(import_into(source, tmp_path / "k").new) == 300 - len(there)
