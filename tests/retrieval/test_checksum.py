"""A checksum depends on the bytes alone and tells every change of them."""

import random

import pytest

from helpbot.retrieval.checksum import checksum

BLOCK = 1 << 16
CONTENT = random.Random(4).randbytes(3 * BLOCK + 777)


def flipped(*places: tuple[int, int]) -> bytes:
    changed = bytearray(CONTENT)
    for at, bit in places:
        changed[at] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("size", [1, 63, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 10 * BLOCK])
def test_the_sum_does_not_depend_on_the_pieces(size: int) -> None:
    pieces = [CONTENT[at : at + size] for at in range(0, len(CONTENT), size)]
    assert checksum(pieces) == checksum([CONTENT]) == checksum([memoryview(CONTENT), b""])


@pytest.mark.parametrize(
    "changed",
    [
        flipped((0, 0)),
        flipped((7, 7)),
        flipped((BLOCK - 1, 3)),
        flipped((3 * BLOCK + 700, 5)),
        flipped((7, 7), (15, 7)),  # the highest bits of two words of one block
        flipped((7, 7), (BLOCK + 7, 7)),  # of one word in two blocks
        CONTENT[:-1],
        CONTENT + b"\0",
        CONTENT[BLOCK:] + CONTENT[:BLOCK],
        CONTENT[8:16] + CONTENT[:8] + CONTENT[16:],
        b"",
        bytes(len(CONTENT)),
    ],
)
def test_every_change_changes_the_sum(changed: bytes) -> None:
    assert checksum([changed]) != checksum([CONTENT])


def test_zeros_of_another_length_are_told_apart() -> None:
    assert len({checksum([bytes(n)]) for n in (0, 1, BLOCK, BLOCK + 1, 2 * BLOCK)}) == 5
