"""Which systems a text names, and which words only look like their names."""

import pytest

from helpbot.knowledge.vocabulary import Vocabulary
from helpbot.understanding.facets import FacetReader

VOCABULARY = Vocabulary(
    facets={
        "psa": {
            "autotask": ("Autotask", "AT"),
            "connectwise": ("ConnectWise", "CW", "Manage", "ConnectWise Manage"),
            "halopsa": ("HaloPSA", "Halo"),
        },
        "distributor": {"ingram-micro": ("Ingram Micro", "IM"), "td-synnex": ("TD Synnex", "Tech Data")},
    },
    entities={"user": ("user", "users"), "price": ("price", "price list"), "other": ("D&H",)},
)

NAMED = [
    ("sync to Autotask fails", {"psa": ("autotask",)}),
    ("the opp is gone in AT", {"psa": ("autotask",)}),
    ("look at this", {}),
    ("cw refuses it", {"psa": ("connectwise",)}),
    ("pushed it to manage", {"psa": ("connectwise",)}),
    ("order of matching for Manage", {"psa": ("connectwise",)}),
    ("how do I manage roles", {}),
    ("Halo or CW?", {"psa": ("halopsa", "connectwise")}),
    ("im lost with ingram micro", {"distributor": ("ingram-micro",)}),
    ("TD-SYNNEX order", {"distributor": ("td-synnex",)}),
    ("I AM SHOUTING AT YOU", {}),
]


@pytest.mark.parametrize(("text", "named"), NAMED)
def test_systems_are_named_and_words_are_not(text: str, named: dict[str, tuple[str, ...]]) -> None:
    assert dict(FacetReader(VOCABULARY).read(text).facets) == named


def test_a_facet_is_single_only_where_one_is_named() -> None:
    reader = FacetReader(VOCABULARY)
    assert reader.read("Halo and CW with Ingram Micro").single == {"distributor": "ingram-micro"}


def test_the_longest_entity_at_a_place_counts() -> None:
    assert FacetReader(VOCABULARY).read("users ask for the D&H price list").entities == {"user", "other", "price"}


def test_an_empty_vocabulary_names_nothing() -> None:
    assert FacetReader(Vocabulary()).read("Autotask").facets == {}
