"""A stored index answers as the one that was stored, and one that was touched is refused in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helpbot.errors import SnapshotError
from helpbot.knowledge.article import Chunk
from helpbot.loading_index import open_index, save_index
from helpbot.retrieval.search import Searcher
from helpbot.retrieval.snapshot import FORMAT, PREAMBLE, pack, unpack
from helpbot.retrieval.tokens import Tokenizer


def chunks(count: int = 40, first: int = 0) -> list[Chunk]:
    return [
        Chunk(
            id=n, article=f"article-{n // 4}", section=f"Part {n % 4} › Détails", anchor=f"part-{n % 4}",
            title=f"Product {n // 4}", text=f"Order {n} is stuck in queue{n % 7} 订单 \ud800", kind="steps",
        )
        for n in range(first, first + count)
    ]  # fmt: skip


@pytest.fixture
def searcher() -> Searcher:
    return Searcher.build(chunks())


@pytest.fixture
def path(tmp_path: Path, searcher: Searcher) -> Path:
    save_index(tmp_path / "cache" / "index", searcher.indexes, searcher.chunks, source="v1")
    return tmp_path / "cache" / "index"


QUESTIONS = ["order stuck in queue3", "product 7 part 2", "订单", "Détails", "nothing of it"]


def test_what_was_stored_answers_the_same(path: Path, searcher: Searcher) -> None:
    stored = open_index(path)
    again = Searcher(stored.chunks, stored.indexes, Tokenizer())
    assert stored.source == "v1"
    assert list(again.chunks) == list(searcher.chunks)
    for question in QUESTIONS:
        assert again.search(question) == searcher.search(question)


def test_a_stored_index_can_be_changed_and_stored_again(path: Path, searcher: Searcher, tmp_path: Path) -> None:
    stored = open_index(path)
    new = [chunk for chunk in chunks(4, first=100) if chunk.article == "article-25"]
    changed = Searcher(stored.chunks, stored.indexes, Tokenizer()).changed(remove=["article-3"], add=new)
    save_index(tmp_path / "next", changed.indexes, changed.chunks, source="v2")
    last = open_index(tmp_path / "next")
    again = Searcher(last.chunks, last.indexes, Tokenizer())
    expected = Searcher.build([*(chunk for chunk in chunks() if chunk.article != "article-3"), *new])
    for question in QUESTIONS:
        found, wanted = again.search(question), expected.search(question)
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted])
        assert [hit.article for hit in found] == [hit.article for hit in wanted]


def test_the_same_content_gives_the_same_bytes() -> None:
    one, other = Searcher.build(chunks()), Searcher.build(chunks())
    assert pack(one.indexes, one.chunks, source="s") == pack(other.indexes, other.chunks, source="s")


def test_an_empty_index_is_kept_too(tmp_path: Path) -> None:
    empty = Searcher.build([])
    save_index(tmp_path / "index", empty.indexes, empty.chunks, source="")
    stored = open_index(tmp_path / "index")
    assert Searcher(stored.chunks, stored.indexes, Tokenizer()).search("anything") == []


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


REFUSED = {
    "empty": lambda data: b"",
    "another file": lambda data: b"PK\x03\x04" + data[4:],
    "cut within the preamble": lambda data: data[:20],
    "cut within the arrays": lambda data: data[:-100],
    "longer than written": lambda data: data + b"\0",
    "another format": lambda data: data[:8] + (FORMAT + 1).to_bytes(4, "little") + data[12:],
    "a changed header": lambda data: data[: PREAMBLE + 3] + b"#" + data[PREAMBLE + 4 :],
    "a changed posting": lambda data: flipped(data, len(data) // 2),
    "a changed text": lambda data: flipped(data, len(data) - 3),
}  # fmt: skip


@pytest.mark.parametrize("spoil", REFUSED.values(), ids=REFUSED)
def test_a_spoilt_file_is_refused_in_one_line(path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(SnapshotError) as refused:
        open_index(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith("It will be built again.")
    assert "\n" not in message


def test_a_file_that_is_not_there_is_refused_alike(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="cannot be opened"):
        open_index(tmp_path / "index")


def test_a_header_that_lies_is_refused(searcher: Searcher) -> None:
    pieces = pack(searcher.indexes, searcher.chunks, source="v1")
    data = b"".join(pieces).replace(b'"words.0.docs"', b'"words.0.dogs"')
    with pytest.raises(SnapshotError, match="not what was written"):
        unpack(data)
    with pytest.raises(SnapshotError, match="cannot be read"):
        unpack(data, digest=pieces[0][-32:])


def test_who_has_the_old_one_open_keeps_it(path: Path, searcher: Searcher) -> None:
    old = open_index(path)
    other = Searcher.build(chunks(8, first=200))
    save_index(path, other.indexes, other.chunks, source="v2")
    assert open_index(path).source == "v2"
    assert list(old.chunks) == list(searcher.chunks)


def test_a_write_that_fails_leaves_the_old_one(path: Path, monkeypatch: pytest.MonkeyPatch, searcher: Searcher) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_index(path, searcher.indexes, searcher.chunks, source="v2")
    assert open_index(path).source == "v1"
    assert [entry.name for entry in path.parent.iterdir()] == ["index"]
