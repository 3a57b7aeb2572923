"""The sentence encoder: equal to the reference, in any company, on any text."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpbot.understanding import encoder as encoder_module
from helpbot.understanding.encoder import NARROW, WIDE, Embeddings, Encoder, Layout, Shape

GOLDEN = Path(__file__).parent / "golden"
CASES = json.loads((GOLDEN / "minilm.json").read_text(encoding="utf-8"))  # texts; the vectors are the .npy's
TEXTS = [case["text"] for case in CASES]
TINY = Shape(heads=4, longest=24)
CUT = Layout(columns=16, depth=32, rows=7)  # cuts every matrix of the tiny model both ways


@pytest.fixture(scope="module")
def real(real_encoder: Encoder) -> Encoder:
    return real_encoder


def tiny_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """A model of two layers, width 64, with strong biases so that none can be forgotten."""
    random = np.random.default_rng(seed)

    def normal(*shape: int, scale: float = 0.2) -> np.ndarray:
        return (random.standard_normal(shape) * scale).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": normal(50, 64),
        "embeddings.position_embeddings.weight": normal(32, 64),
        "embeddings.token_type_embeddings.weight": normal(2, 64),
    }
    norms, linears = ["embeddings"], {}
    for layer in range(2):
        at = f"encoder.layer.{layer}"
        norms += [f"{at}.attention.output", f"{at}.output"]
        linears |= {f"{at}.attention.self.{part}": (64, 64) for part in ("query", "key", "value")}
        linears |= {f"{at}.attention.output.dense": (64, 64)}
        linears |= {f"{at}.intermediate.dense": (256, 64), f"{at}.output.dense": (64, 256)}
    for name in norms:
        weights[f"{name}.LayerNorm.weight"] = 1 + normal(64)
        weights[f"{name}.LayerNorm.bias"] = normal(64)
    for name, shape in linears.items():
        weights[f"{name}.weight"], weights[f"{name}.bias"] = normal(*shape), normal(shape[0], scale=0.5)
    return weights


def tiny_tokens(text: str) -> list[int]:
    return [1, *(3 + ord(character) % 47 for character in text[:22]), 2]


def plainly(weights: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """The same model as the textbook has it, in double precision, with erf."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(1, keepdims=True)
        x = centred / np.sqrt(x.var(1, keepdims=True) + 1e-12)
        return x * w[f"{name}.LayerNorm.weight"] + w[f"{name}.LayerNorm.bias"]

    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings")
    for layer in range(2):
        at = f"encoder.layer.{layer}"
        q, k, v = (linear(x, f"{at}.attention.self.{part}") for part in ("query", "key", "value"))
        heads = []
        for head in range(4):
            part = slice(head * 16, head * 16 + 16)
            scores = q[:, part] @ k[:, part].T / 4
            scores = np.exp(scores - scores.max(1, keepdims=True))
            heads.append(scores / scores.sum(1, keepdims=True) @ v[:, part])
        x = norm(x + linear(np.hstack(heads), f"{at}.attention.output.dense"), f"{at}.attention.output")
        inner = linear(x, f"{at}.intermediate.dense")
        inner *= 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(x + linear(inner, f"{at}.output.dense"), f"{at}.output")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


@pytest.fixture(params=[NARROW, WIDE, CUT], ids=["narrow", "wide", "cut"])
def tiny(request: pytest.FixtureRequest) -> Encoder:
    return Encoder(tiny_weights(), tiny_tokens, shape=TINY, layout=request.param)


def test_vectors_equal_the_reference_to_1e_5(real: Encoder) -> None:
    np.testing.assert_allclose(real.encode(TEXTS), np.load(GOLDEN / "minilm.npy"), rtol=0, atol=1e-5)


def test_a_text_alone_equals_the_reference_to_1e_5(real: Encoder) -> None:
    alone = np.vstack([real.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, np.load(GOLDEN / "minilm.npy"), rtol=0, atol=1e-5)


def test_many_texts_equal_the_reference_to_1e_5(real: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "_MANY_TOKENS", 100)  # from where on wide blocks are used
    np.testing.assert_allclose(real.encode(TEXTS), np.load(GOLDEN / "minilm.npy"), rtol=0, atol=1e-5)


def test_a_text_is_read_token_by_token_where_it_stands(real: Encoder) -> None:
    text = "Ünbekannt\ud800 the ZD421 İs"
    (read,) = real.read([text])
    pieces = [text[start:end] for start, end in read.places]
    assert "the" in pieces
    assert "".join(pieces).replace("\ud800", "") == "ÜnbekannttheZD421İs"
    np.testing.assert_array_equal(read.whole, real.encode([text])[0])
    assert read.tokens.shape == (len(read.places), real.width)


def test_texts_read_together_are_the_same_as_alone(real: Encoder) -> None:
    for text, read in zip(TEXTS[:9], real.read(TEXTS[:9]), strict=True):
        (alone,) = real.read([text])
        np.testing.assert_allclose(read.tokens, alone.tokens, rtol=0, atol=1e-4)
        np.testing.assert_allclose(read.whole, alone.whole, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(read.places, alone.places)


def test_a_text_alone_goes_through_the_layers_once(real: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    forward = Encoder._forward
    monkeypatch.setattr(Encoder, "_forward", lambda *given: passes.append(1) or forward(*given))
    vector = real.encode(["the same message, once"])
    kept = vector.copy()
    vector[:] = 0.0  # what a caller does with its vector is its own affair
    (read,) = real.read(["the same message, once"])
    assert len(passes) == 1
    np.testing.assert_array_equal(read.whole, kept[0])
    real.encode(["another"])
    real.read(["the same message, once"])
    assert len(passes) == 3


def test_an_encoder_that_knows_no_places_says_so(tiny: Encoder) -> None:
    with pytest.raises(ValueError, match="place"):
        tiny.read(["a"])


def test_a_question_is_nearer_to_its_answer_than_to_others(real: Encoder) -> None:
    question, right, wrong = real.encode(
        ["I forgot my login", "Reset your password from the sign-in page", "Ship an order to another address"]
    )
    assert question @ right > question @ wrong + 0.2


@pytest.mark.parametrize("text", ["", "\ud800", "a\ud83d b", "\x00", "[" * 20_000, "e\u0301" * 5_000, "\u202e" * 99])
def test_any_text_has_a_vector_of_length_one(real: Encoder, text: str) -> None:
    (vector,) = real.encode([text])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_what_follows_the_longest_text_changes_nothing(real: Encoder) -> None:
    paste = " ".join(f"line {number} of the log" for number in range(3000))
    np.testing.assert_array_equal(real.encode([paste]), real.encode([paste[:9000]]))


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=12))
def test_folded_cut_and_batched_is_the_same_as_plain(texts: list[str]) -> None:
    weights = tiny_weights()
    wanted = np.vstack([plainly(weights, tiny_tokens(text)) for text in texts])
    for layout in (NARROW, WIDE, CUT):
        encoder = Encoder(weights, tiny_tokens, shape=TINY, layout=layout)
        np.testing.assert_allclose(encoder.encode(texts), wanted, rtol=0, atol=1e-5)


def test_scores_far_from_zero_do_not_overflow() -> None:
    weights = tiny_weights()
    for layer in range(2):
        for part in ("query", "key"):
            weights[f"encoder.layer.{layer}.attention.self.{part}.weight"] *= 12
    encoder = Encoder(weights, tiny_tokens, shape=TINY)
    np.testing.assert_allclose(encoder.encode(["abc def"])[0], plainly(weights, tiny_tokens("abc def")), atol=1e-4)


def test_threads_share_an_encoder(tiny: Encoder) -> None:
    texts = [chr(97 + number % 26) * (1 + number % 20) for number in range(300)]
    wanted = np.vstack([tiny.encode([text]) for text in texts])
    with ThreadPoolExecutor(8) as pool:
        got = np.vstack(list(pool.map(lambda text: tiny.encode([text]), texts)))
    np.testing.assert_array_equal(got, wanted)


def test_progress_ends_with_all_texts(tiny: Encoder) -> None:
    told: list[int] = []
    tiny.encode(["abc"] * 300, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 300


def test_workers_share_the_work_and_change_nothing(tiny: Encoder) -> None:
    texts = [chr(97 + number % 26) * (number % 23) for number in range(500)]
    np.testing.assert_array_equal(tiny.encode(texts, workers=4), tiny.encode(texts))


def test_no_texts_have_no_vectors(tiny: Encoder) -> None:
    assert tiny.encode([]).shape == (0, 64)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_nearest_are_the_best_in_order(kind: type[np.floating]) -> None:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((3000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kept = Embeddings(vectors.astype(kind))
    rows, cosines = kept.nearest(vectors[7], 5)
    wanted = np.argsort(-(vectors @ vectors[7]), kind="stable")[:5]
    assert rows[0] == 7
    assert rows.tolist() == wanted.tolist()
    np.testing.assert_allclose(cosines, vectors[wanted] @ vectors[7], atol=1e-3)
    np.testing.assert_allclose(kept.cosines(vectors[7], np.array([9, 2])), vectors[[9, 2]] @ vectors[7], atol=1e-3)


def test_of_equals_the_earlier_comes_first() -> None:
    kept = Embeddings(np.tile(np.eye(4, dtype=np.float32)[0], (6, 1)))
    assert kept.nearest(np.eye(4, dtype=np.float32)[0], 3)[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(("held", "asked", "got"), [(0, 3, 0), (2, 3, 2), (3, 0, 0)])
def test_nearest_gives_no_more_than_there_is(held: int, asked: int, got: int) -> None:
    rows, cosines = Embeddings(np.ones((held, 4), np.float32)).nearest(np.ones(4, np.float32), asked)
    assert len(rows) == len(cosines) == got
