"""Templates that would escape, loop, flood or print an attribute are refused when loaded (RELIABILITY 51-60)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.knowledge.template import MOST_OUTPUT, Template, check_template

REFUSED = [
    "{{ ''.__class__ }}",
    "{{ name.__class__.__mro__ }}",
    "{{ name|attr('__class__') }}",
    "{{ '{0.__class__}'.format_map(name) }}",
    "{{ '%s' % name }}",
    "{% include '/etc/passwd' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{% from 'x' import y %}",
    "{% for a in items %}{% for b in items %}x{% endfor %}{% endfor %}",
    "{% for a in range(10**9) %}x{% endfor %}",
    "{% for a in 'x' * 10 %}{% endfor %}",
    "{% for a in items recursive %}{{ loop(a) }}{% endfor %}",
    "{{ 'a' * 2000000000 }}",
    "{{ 2 ** 2 ** 30 }}",
    "{{ name|center(1000000000) }}",
    "{{ name|safe }}",
    "{{ name|e }}",
    "{{ lipsum(n=100000) }}",
    "{{ cycler }}",
    "{{ undefined }}",
    "{{ ",
    "{% if name %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% set x = 1 %}",
    "{% block x %}{% endblock %}",
    "{{ name[0] }}",
    "{{ name() }}",
    "{{ self }}",
    "{{ name.delete() }}",
    "{% call name() %}{% endcall %}",
    "{% do name.append(1) %}",
    "{{ name is sameas(name) }}",
    "{{ [name] * 9 }}",
    "{{ namespace() }}",
    "{{" + "(" * 5_000,
    "x" * 20_001,
]


@pytest.mark.parametrize("source", REFUSED, ids=lambda source: source[:40])
def test_harm_is_refused_at_load(source: str) -> None:
    faults = check_template(source, "bot/replies/x.j2", 1, {"name", "items"}, loops=True)
    assert faults
    assert all(str(fault).startswith("bot/replies/x.j2") and "\n" not in str(fault) for fault in faults)


def test_the_first_bad_line_is_named() -> None:
    faults = check_template("fine\n{{ name }}\n{{ nam }}\n", "x.j2", 10, {"name"})
    assert [fault.line for fault in faults] == [12]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{{ name }}!", "Anna!"),
        ("{% if other %}({{ other }}){% endif %}.", "."),
        (
            "{% for item in items %}{{ loop.index }}.{{ item.text }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1.a, 2.b",
        ),
        ("{{ name|upper }}", "ANNA"),
        ("{{ 'x' if name == 'Anna' else 'y' }}", "x"),
    ],
)
def test_what_authors_need_is_allowed(source: str, text: str) -> None:
    values = {"name": "Anna", "other": "", "items": [{"text": "a"}, {"text": "b"}]}
    assert check_template(source, "x.j2", 1, values, loops=True, sample=values) == []
    assert Template(source).render(values) == text


def test_a_value_is_never_a_template() -> None:
    assert Template("{{ name }}").render({"name": "{{ 7*7 }}<script>"}) == "{{ 7*7 }}<script>"


def test_no_attribute_of_an_object_can_be_reached() -> None:
    class Secret:
        token = "hidden"

    with pytest.raises(Exception, match="not known"):
        Template("{{ name.token }}").render({"name": Secret()})
    assert "hidden" not in Template("{% if name.token is defined %}{{ name.token }}{% endif %}").render(
        {"name": Secret()}
    )


def test_output_is_cut() -> None:
    assert len(Template("{{ name }}{{ name }}").render({"name": "x" * MOST_OUTPUT})) == MOST_OUTPUT


@given(st.text(alphabet="{}%|. axn'\"()*[]_-\n", max_size=60))
def test_any_source_is_taken_or_refused(source: str) -> None:
    values = {"name": "n", "items": []}
    if not check_template(source, "x.j2", 1, values, loops=True, sample=values):
        Template(source).render(values)
