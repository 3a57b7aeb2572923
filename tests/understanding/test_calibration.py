"""Probabilities keep their word, and rise with their scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.understanding.calibration import Isotonic, Logistic, auroc, reliability


def _coins(count: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    x = random.normal(size=(count, 2))
    chance = 1 / (1 + np.exp(-(1.5 * x[:, 0] - 0.5)))
    return x, random.random(count) < chance


def test_a_logistic_fit_finds_the_law_behind_the_coins() -> None:
    x, yes = _coins()
    found = Logistic.fit(x, yes)
    assert found.weights[0] == pytest.approx(1.5, abs=0.2)
    assert found.weights[1] == pytest.approx(0.0, abs=0.15)
    assert found.bias == pytest.approx(-0.5, abs=0.15)


def test_of_what_is_given_a_probability_that_share_is_right() -> None:
    x, yes = _coins()
    for bar in reliability(Logistic.fit(x, yes)(x), yes):
        if bar.count > 100:
            assert bar.right == pytest.approx(bar.claimed, abs=0.08)


def test_a_weight_never_stands_on_the_wrong_side() -> None:
    x, yes = _coins()
    found = Logistic.fit_directed(x, yes, [-1, 0])
    assert found.weights[0] == 0.0
    assert Logistic.fit_directed(x, yes, [1, 0]).weights[0] > 1


def test_a_clean_separation_does_not_claim_certainty() -> None:
    x = np.array([[-1.0]] * 30 + [[1.0]] * 30)
    assert 0.5 < Logistic.fit(x, x[:, 0] > 0)(np.array([[1.0]]))[0] < 0.999


@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=200))
def test_an_isotonic_curve_never_falls_and_stays_inside(rows: list[tuple[float, bool]]) -> None:
    scores, yes = np.array([s for s, _ in rows]), np.array([y for _, y in rows])
    curve = Isotonic.fit(scores, yes, least=5)
    values = curve(np.linspace(-6, 6, 50))
    assert (np.diff(values) >= -1e-12).all()
    assert ((values > 0) & (values < 1)).all()


def test_auroc_counts_pairs_in_the_right_order() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert auroc(np.array([1.0]), np.array([1.0])) == 0.5
    assert auroc(np.array([]), np.array([1.0])) == 0.5
