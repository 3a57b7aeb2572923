"""Templates that authors and operators write, checked when they are loaded and unable to do harm.

The sandbox of Jinja2 stops escapes but not harm: loops within loops, a string times a billion and attributes of
live objects all pass it (RELIABILITY, fact 6). So a template here is read first and refused unless it is made of
a short list of constructs over names that are known; what it is given is plain text, numbers, lists and mappings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from helpbot.errors import Fault

__all__ = ["MOST_OUTPUT", "Template", "check_template", "template"]

MOST_OUTPUT: Final = 65_536  # characters: what one rendering may come to
_LONGEST: Final = 20_000  # characters of a template's own source
_FILTERS: Final = ("capitalize", "first", "join", "last", "length", "lower", "title", "trim", "upper")
_TESTS: Final = ("defined", "none")
_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.Filter,
    nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Getattr, nodes.Concat,
    nodes.CondExpr,
)  # fmt: skip
_LOOP: Final = frozenset({"index", "first", "last"})


class _Environment(ImmutableSandboxedEnvironment):
    """Values are looked up in mappings only: no attribute of any object can be reached."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return self.undefined(f"{attribute!r} is not known here")


def _environment() -> _Environment:
    made = _Environment(
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in _FILTERS}
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


_ENVIRONMENT: Final = _environment()


class Template:
    """One checked template. Rendering gives plain text: whoever draws it as HTML or for Slack escapes it there."""

    __slots__ = ("_compiled", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._compiled = _ENVIRONMENT.from_string(source) if "{" in source else None

    def render(self, values: Mapping[str, object]) -> str:
        """The text, cut at `MOST_OUTPUT` characters. Names that are not given count as empty in conditions only.

        Raises `jinja2.TemplateError` where a name is printed that was not given.
        """
        if self._compiled is None:
            return self.source
        out: list[str] = []
        room = MOST_OUTPUT
        for piece in self._compiled.generate(values):
            out.append(piece[:room])
            room -= len(piece)
            if room <= 0:
                break
        return "".join(out)


@lru_cache(maxsize=4096)
def template(source: str) -> Template:
    """The compiled template of a text that was checked when it was loaded."""
    return Template(source)


def check_template(
    source: str,
    path: str,
    line: int,
    names: Collection[str],
    *,
    loops: bool = False,
    sample: Mapping[str, object] | None = None,
) -> list[Fault]:
    """Every reason to refuse a template. `names` are those it may use; `sample` is rendered once if given."""
    if len(source) > _LONGEST:
        return [Fault(path, line, f"the template has {len(source):,} characters", f"Keep it below {_LONGEST:,}")]
    if "{" not in source:
        return []
    try:
        tree = _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as broken:
        what = (broken.message or "").rstrip(".")
        return [Fault(path, line + broken.lineno - 1, f"the template cannot be read: {what}", "Mend it")]
    except (RecursionError, ValueError, OverflowError):
        return [Fault(path, line, "the template cannot be read", "Make it simpler")]
    faults = _refusals(tree, path, line, frozenset(names), loops=loops)
    if not faults and sample is not None:
        try:
            Template(source).render(sample)
        except (TemplateError, TypeError, ValueError) as failed:
            faults.append(Fault(path, line, f"the template fails on sample values: {failed}", "Mend it"))
    return faults


def _refusals(tree: nodes.Template, path: str, line: int, names: frozenset[str], *, loops: bool) -> list[Fault]:
    faults: list[Fault] = []

    def refuse(node: nodes.Node, problem: str, remedy: str) -> None:
        faults.append(Fault(path, line + (node.lineno or 1) - 1, problem, remedy))

    def walk(node: nodes.Node, known: frozenset[str], depth: int) -> None:
        what = type(node).__name__
        if not isinstance(node, _ALLOWED):
            refuse(node, f"a template may not use {what.lower()}", "Use {{ name }}, {% if %} and {% for %} only")
            return
        if isinstance(node, nodes.For):
            _walk_loop(node, known, depth)
            return
        if isinstance(node, nodes.Name) and node.name not in known:
            refuse(
                node,
                f"{{{node.name}}} is not known here",
                "Use one of: " + (", ".join(sorted(known)) or "none"),
            )
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            refuse(node, f"a template may not read .{node.attr}", "Use a value's own fields")
        elif isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            refuse(node, f"the filter |{node.name} is not allowed", "Use one of: " + ", ".join(_FILTERS))
        elif isinstance(node, nodes.Test) and node.name not in _TESTS:
            refuse(node, f"the test `is {node.name}` is not allowed", "Use one of: " + ", ".join(_TESTS))
        for child in node.iter_child_nodes():
            walk(child, known, depth)

    def _walk_loop(node: nodes.For, known: frozenset[str], depth: int) -> None:
        if not loops:
            refuse(node, "a loop is not allowed here", "Write the text out")
        elif depth:
            refuse(node, "a loop within a loop is not allowed", "Use one loop")
        elif (
            node.recursive
            or not isinstance(node.target, nodes.Name)
            or not isinstance(node.iter, nodes.Name | nodes.Getattr)
        ):
            refuse(node, "a loop must be {% for name in names %}", "Write it so")
        else:
            walk(node.iter, known, depth)
            inner = known | {node.target.name, "loop"}
            for child in (*node.body, *node.else_, *([node.test] if node.test else [])):
                walk(child, inner, depth + 1)

    walk(tree, names, 0)
    return faults
