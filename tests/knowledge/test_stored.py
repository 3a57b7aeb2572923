"""A stored sequence is the sequence it was stored from, item by item."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.knowledge.stored import Stored, joined


def stored(texts: Sequence[str], decoded: list[bytes] | None = None) -> Stored[str]:
    def decode(raw: bytes) -> str:
        if decoded is not None:
            decoded.append(raw)
        return raw.decode("utf-8", "surrogatepass")

    data, starts = joined(text.encode("utf-8", "surrogatepass") for text in texts)
    return Stored(memoryview(data), starts, decode)


@given(st.lists(st.text(st.characters())), st.data())
def test_it_is_what_was_stored(texts: list[str], data: st.DataObject) -> None:
    kept = stored(texts)
    assert list(kept) == texts
    assert (kept == texts, kept == tuple(texts), kept == stored(texts)) == (True, True, True)
    assert hash(kept) == hash(tuple(texts))
    assert kept[::-2] == tuple(texts[::-2])
    begin = data.draw(st.integers(0, len(texts)))
    end = data.draw(st.integers(begin, len(texts)))
    assert list(kept.part(begin, end)) == texts[begin:end]
    assert [kept[-at] for at in range(1, len(texts) + 1)] == texts[::-1]


def test_only_what_is_looked_at_is_decoded() -> None:
    decoded: list[bytes] = []
    kept = stored(["one", "two", "three"], decoded)
    assert (len(kept), kept[1], decoded) == (3, "two", [b"two"])


@pytest.mark.parametrize("at", [2, -3])
def test_what_is_not_there_is_refused(at: int) -> None:
    with pytest.raises(IndexError):
        stored(["one", "two"])[at]


def test_it_differs_from_other_texts_and_is_no_text() -> None:
    assert stored(["a", "b"]) != ["a", "c"]
    assert stored(["a", "b"]) != "ab"
