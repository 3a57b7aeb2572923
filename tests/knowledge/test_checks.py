"""Each kind of fault is planted once in a copy of the shipped knowledge, and found at its file and line."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from helpbot.errors import KnowledgeError
from helpbot.loading import load_knowledge, read_knowledge

ROOT = Path(__file__).parents[2]
FIX = "resolutions/connectwise-catalogitem-inactive.yaml"
ARTICLE = "articles/psa-sync-issues.md"


@pytest.fixture(scope="module")
def shortened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped knowledge with a few of each resolution's questions: most of its lines, and read again for each fault."""
    folder = Path(shutil.copytree(ROOT / "knowledge", tmp_path_factory.mktemp("shortened") / "knowledge"))
    for path in (folder / "resolutions").iterdir():
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"(?m)^(questions:\n(?:  - .*\n){8})(?:  - .*\n)+", r"\1", text), "utf-8")
    return folder


@pytest.fixture
def copy(shortened: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shortened, tmp_path / "knowledge"))


def edit(root: Path, name: str, old: str, new: str) -> int:
    """Replace the first match and give its line."""
    path = root / name
    text = path.read_text("utf-8")
    match = re.search(old, text)
    assert match, (name, old)
    path.write_text(text[: match.start()] + match.expand(new) + text[match.end() :], "utf-8")
    return text[: match.start()].count("\n") + 1


def test_the_shipped_knowledge_has_no_fault() -> None:
    _, faults = read_knowledge(ROOT / "knowledge")
    assert [str(fault) for fault in faults if fault.grave] == []


def test_nor_has_what_the_faults_are_planted_in(shortened: Path) -> None:
    read, faults = read_knowledge(shortened)
    assert [str(fault) for fault in faults if fault.grave] == []
    assert len(read.resolutions) == len(list((ROOT / "knowledge" / "resolutions").iterdir()))


PLANTED = [
    ("a source without its section", FIX, r"(source: psa-sync-issues#inactive-category-)resolve", r"\1resolv", "no such section", "inactive-category-resolve"),
    ("a source without its article", FIX, r"(source: )psa-sync-issues(#inactive-category-resolve)", r"\1psa-sync\2", "no such article", "psa-sync-issues"),
    ("a source that is none", FIX, r"source: psa-sync-issues#inactive-category-resolve", "source: somewhere", "article#anchor", ""),
    ("a menu path that is not in the section", FIX, r"go: Admin > Integrations > ConnectWise > Categories", "go: Admin > Settings", "menu path", ""),
    ("an error that is not in the article", FIX, r'errors:\n  - "catalogItem', 'errors:\n  - "catalogueItem', "does not stand in any section", ""),
    ("an unknown placeholder type", FIX, r"\{category_id:int\}", "{category_id:number}", "is no type", "int"),
    ("a name no error captures", FIX, r"category_id \}\}", "category }}", "not known here", "category_id"),
    ("a template that calls", FIX, r"\{\{ category_id \}\}", "{{ category_id.upper() }}", "may not use call", ""),
    ("an unknown field", FIX, r"kind: fix", "kind: fix\nkindness: much", "not known", ""),
    ("a missing field", FIX, r"cause: .*\n", "", "missing", ""),
    ("a wrong kind", FIX, r"kind: fix", "kind: repair", "kind", ""),
    ("an id that is not the file's", FIX, r"id: connectwise-catalogitem-inactive", "id: other", "the id is other", "other.yaml"),
    ("a reference to nothing", FIX, r"see_also: \[", "see_also: [nothing-here, ", "is no resolution", ""),
    ("a PSA that is not listed", FIX, r"applies_to: \{psa: connectwise\}", "applies_to: {psa: kaseya}", "vocabulary.yaml does not list", "autotask"),
    ("a facet that is none", FIX, r"applies_to: \{psa: connectwise\}", "applies_to: {colour: red}", "facet", ""),
    ("a key given twice", FIX, r"kind: fix", "kind: fix\nkind: fix", "twice", ""),
    ("an error claimed twice", "resolutions/payment-term-deleted.yaml", r"errors:\n", 'errors:\n  - "Already synchronizing"\n', "claimed", ""),
    ("a link to no section", ARTICLE, r"## Checking sync status", "See [there](#nowhere).\n\n## Checking sync status", "names no section", ""),
    ("a link that runs code", ARTICLE, r"## Checking sync status", "See [x](javascript:alert).\n\n## Checking sync status", "scheme", ""),
    ("an anchor given twice", ARTICLE, r"\{#autotask-billingcode\}", "{#checking-sync-status}", "stands on line", ""),
    ("no front matter", ARTICLE, r"\A---\n", "", "front matter", ""),
    ("front matter that does not end", ARTICLE, r"\n---\n", "\n", "", ""),
    ("no title", ARTICLE, r"title: .*\n", "", "title", ""),
    ("a date that is none", ARTICLE, r"updated: .*", "updated: 2024-13-45", "updated", ""),
    ("a heading without words", ARTICLE, r"## Checking sync status \{#", "## {#", "no words", ""),
    ("a line that is not JSON", "questions.jsonl", r"\A", "not json\n", "not JSON", ""),
    ("an unknown outcome", "questions.jsonl", r"\A", '{"text": "x", "outcome": "maybe"}\n', "no outcome maybe", ""),
    ("an unknown resolution in a test", "questions.jsonl", r"\A", '{"text": "x", "outcome": "answer", "resolutions": ["nope"]}\n', "no resolution nope", ""),
    ("broken vocabulary", "vocabulary.yaml", r"psas:", "psas: x\npsas2:", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "name", "old", "new", "problem", "remedy"), PLANTED, ids=[case[0] for case in PLANTED]
)
def test_a_planted_fault_is_found(
    copy: Path, what: str, name: str, old: str, new: str, problem: str, remedy: str
) -> None:
    line = edit(copy, name, old, new)
    with pytest.raises(KnowledgeError) as raised:
        load_knowledge(copy)
    faults = raised.value.faults
    mine = [fault for fault in faults if fault.grave and fault.path == name and problem in fault.problem]
    assert mine, f"{what}: {[str(fault) for fault in faults if fault.grave]}"
    assert any(remedy in fault.remedy for fault in mine)
    near = {fault.line for fault in mine}
    if what not in (
        "a missing field",
        "no title",
        "no front matter",
        "front matter that does not end",
        "an anchor given twice",
        "broken vocabulary",
    ):
        assert any(abs(found - line) <= 1 for found in near), f"{what}: line {line}, found at {near}"
    assert all("\n" not in text for text in str(raised.value).split("\n"))


def test_all_faults_are_told_at_once(copy: Path) -> None:
    for what, name, old, new, _, _ in PLANTED:
        if what in ("a source without its section", "a line that is not JSON", "no title", "a wrong kind"):
            edit(copy, name, old, new)
    with pytest.raises(KnowledgeError) as raised:
        load_knowledge(copy)
    assert {fault.path for fault in raised.value.faults} >= {FIX, ARTICLE, "questions.jsonl"}


FILES = [
    ("UTF-16", "---\ntitle: x\n---\nhi".encode("utf-16"), "UTF-16"),
    ("not UTF-8", b"---\ntitle: \xff\xfe\xfa\n---\n", "not UTF-8"),
    ("NUL", b"---\ntitle: x\n---\na\x00b", "NUL"),
    ("twenty megabytes", b"---\ntitle: x\n---\n" + b"x" * 20_000_000, "bytes"),
    ("empty", b"", "front matter"),
]


@pytest.mark.parametrize(("what", "content", "problem"), FILES, ids=[case[0] for case in FILES])
def test_a_file_that_cannot_be_an_article_is_named(copy: Path, what: str, content: bytes, problem: str) -> None:
    del what
    (copy / "articles" / "odd.md").write_bytes(content)
    _, faults = read_knowledge(copy)
    assert any(fault.path == "articles/odd.md" and problem in fault.problem for fault in faults)


def test_a_byte_order_mark_is_no_fault(shortened: Path, copy: Path) -> None:
    path = copy / ARTICLE
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_knowledge(copy)[1] == read_knowledge(shortened)[1]


def test_a_link_out_of_the_folder_is_refused(copy: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("---\ntitle: secret\n---\n")
    (copy / "articles" / "link.md").symlink_to(secret)
    _, faults = read_knowledge(copy)
    assert any("leads out" in fault.problem for fault in faults)


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    _, faults = read_knowledge(tmp_path)
    assert any("helpbot import" in fault.remedy for fault in faults)


def test_two_articles_that_tell_it_differently_are_reported(copy: Path) -> None:
    """A contradiction that no resolution has settled is a warning."""
    (copy / "articles" / "third.md").write_text(
        "---\ntitle: Third\nupdated: 2020-01-01\n---\n## Payment terms\n\n`Payment term/type is deleted` - go to **Admin > Elsewhere > Terms**.\n"
    )
    edit(
        copy,
        ARTICLE,
        r"- \*\*Fix:\*\* select a different",
        "- **Fix:** at **Admin > Quotes > Terms** select a different",
    )
    _, faults = read_knowledge(copy)
    assert any("told differently" in fault.problem and not fault.grave for fault in faults)
