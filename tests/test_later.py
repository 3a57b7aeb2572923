"""What is made at its first use is what the standard library would have made at once."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable, Hashable
from threading import Barrier, Thread
from typing import Any, get_type_hints

import pytest

from helpbot import later
from helpbot.messages import Person


def described() -> type:
    class Sample:
        """A value."""

        name: str
        count: int = 1
        parts: list[str] = dataclasses.field(default_factory=list, compare=False)
        secret: str = dataclasses.field(default="", repr=False)

        def doubled(self) -> int:
            """A method of the class's own."""
            return self.count * 2

    return Sample


OPTIONS = [
    {},
    {"kw_only": True},
    {"frozen": True},
    {"frozen": True, "kw_only": True},
    {"frozen": True, "eq": False},
    {"frozen": True, "order": True},
]


def both(options: dict[str, bool]) -> tuple[Any, Any]:
    at_once = dataclasses.dataclass(slots=True, **options)(described())
    return later.dataclass(slots=True, **options)(described()), at_once


QUESTIONS: list[Callable[[Any], object]] = [
    lambda kind: repr(kind(name="a", count=2, secret="b")),
    lambda kind: kind(name="a") == kind(name="a"),
    lambda kind: kind(name="a", parts=["x"]) == kind(name="a"),
    lambda kind: kind(name="a") == kind(name="b"),
    lambda kind: len({kind(name="a"), kind(name="a")}),
    lambda kind: kind(name="a") < kind(name="b"),
    lambda kind: kind("a", 2),
    lambda kind: kind(),
    lambda kind: kind(name="a", other=1),
    lambda kind: setattr(kind(name="a"), "count", 3),
    lambda kind: delattr(kind(name="a"), "count"),
    lambda kind: vars(kind(name="a")),
    lambda kind: kind(name="a").doubled(),
    lambda kind: kind(name="a").parts is kind(name="a").parts,
    lambda kind: [(each.name, each.repr, each.compare) for each in dataclasses.fields(kind)],
    lambda kind: dataclasses.is_dataclass(kind),
    lambda kind: dataclasses.asdict(dataclasses.replace(kind(name="a"), count=5)),
    lambda kind: dataclasses.astuple(copy.deepcopy(kind(name="a", parts=["x"]))),
    lambda kind: kind.__match_args__,
    lambda kind: get_type_hints(kind.__init__),
    lambda kind: [each.kind for each in inspect.signature(kind).parameters.values()],
    lambda kind: isinstance(kind(name="a"), Hashable),
    lambda kind: (kind.__name__, kind.__qualname__, kind.__module__, kind.__doc__, kind.__slots__),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_later_dataclass_answers_as_one_made_at_once(
    options: dict[str, bool], question: Callable[[Any], object]
) -> None:
    def told(kind: Any) -> object:
        try:
            return str(question(kind))
        except Exception as error:
            return type(error), str(error)

    ours, at_once = both(options)
    assert told(ours) == told(at_once)
    assert told(ours) == told(at_once)  # and the second time, when it is written


def test_nothing_is_written_before_the_first_use() -> None:
    calls: list[type] = []

    class Spied(type):
        def __setattr__(cls, name: str, value: object) -> None:
            calls.append(cls)
            super().__setattr__(name, value)

    class Plain(metaclass=Spied):
        """A value."""

        x: int

    made: Any = later.dataclass(slots=True, frozen=True)(Plain)
    before = len(calls)
    assert made(x=1).x == 1
    written = len(calls)
    assert made(x=2).x == 2
    assert (before < written, len(calls)) == (True, written)


def test_a_class_may_be_built_upon_before_it_is_written() -> None:
    base: Any = later.dataclass(slots=True)(described())
    more: Any = later.dataclass(slots=True)(type("More", (base,), {"__annotations__": {"extra": int}, "extra": 0}))
    assert repr(more("a", extra=3)) == "More(name='a', count=1, parts=[], extra=3)"


def test_a_class_that_does_more_than_take_its_fields_does_it() -> None:
    class Square:
        """A value with something worked out."""

        side: int
        area: int = dataclasses.field(init=False)
        tags: dict[str, str] = dataclasses.field(default_factory=dict, kw_only=True)

        def __post_init__(self) -> None:
            self.area = self.side**2

    made: Any = later.dataclass(slots=True)(Square)
    assert repr(made(3, tags={})).endswith("Square(side=3, area=9, tags={})")


def test_values_are_pickled_and_matched() -> None:
    person = pickle.loads(pickle.dumps(Person(id="u1", name="Ann")))  # our own bytes
    match person:
        case Person(name=name):
            assert name == "Ann"
        case _:
            raise AssertionError(person)


def test_threads_that_come_at_once_find_one_class() -> None:
    for _ in range(20):
        kind: Any = later.dataclass(slots=True, frozen=True, kw_only=True)(described())
        start, found = Barrier(4), list[object]()

        def use(kind: Any = kind, start: Barrier = start, found: list[object] = found) -> None:
            start.wait()
            found.append(kind(name="a"))

        threads = [Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [kind(name="a")] * 4


def test_a_later_pattern_is_a_pattern() -> None:
    pattern = later.pattern(r"(\d+)")
    assert (pattern.sub("#", "a1b22"), pattern.pattern) == ("a#b#", r"(\d+)")
