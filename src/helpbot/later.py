"""Patterns and dataclasses that are made when they are first used: one answer in the terminal uses few of the many.

Both stand in for what the standard library has under that name, and behave as that does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "pattern"]

if TYPE_CHECKING:
    from dataclasses import dataclass

    pattern = re.compile
else:
    import dataclasses
    import sys
    from dataclasses import MISSING, Field
    from threading import RLock

    class pattern:  # noqa: N801  # stands where re.compile stood
        """A regular expression that behaves as `re.compile` made it, from its first use on."""

        def __init__(self, source: str, flags: int = 0) -> None:
            self._source, self._flags = source, flags

        def __getattr__(self, name: str) -> Any:
            compiled = re.compile(self._source, self._flags)
            for method in ("search", "match", "fullmatch", "finditer", "findall", "sub", "split", "pattern"):
                setattr(self, method, getattr(compiled, method))
            return getattr(compiled, name)

    # What may be asked of a class beside making a value; the first to ask has `dataclasses` write all of it.
    _ASKED = (
        "__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__getstate__", "__setstate__", "__match_args__",
        "__dataclass_fields__", "__dataclass_params__",
    )  # fmt: skip
    _ASKED_OF_FROZEN = ("__hash__", "__setattr__", "__delattr__")
    _WRITING = RLock()  # a class that is written asks its bases

    class _Unwritten:
        """Stands in a class where something will be written by the first who looks at it."""

        def __init__(self, name: str, write: Any) -> None:
            self._name, self._write = name, write

        def __get__(self, instance: object, owner: type) -> Any:
            self._write()
            return getattr(owner if instance is None else instance, self._name)

    def dataclass(*, slots: bool = False, frozen: bool = False, kw_only: bool = False, **options: bool) -> Any:
        """`dataclasses.dataclass` for classes of which most are never used in one answer, or only to make values.

        It writes and compiles six methods a class, a millisecond of work. Here `__init__` is written when the first
        value is made, and everything else when somebody looks at it.
        """
        if not slots:
            return dataclasses.dataclass(frozen=frozen, kw_only=kw_only, **options)

        def later(described: type) -> type:
            fields = described.__annotations__
            body = {name: value for name, value in vars(described).items() if name not in fields}
            body.pop("__dict__", None), body.pop("__weakref__", None)  # they belong to the class that is replaced

            def write_all() -> None:
                with _WRITING:
                    unwritten = {name for name, value in vars(made).items() if isinstance(value, _Unwritten)}
                    if not unwritten:  # another thread was faster
                        return
                    written = dataclasses.dataclass(slots=True, frozen=frozen, kw_only=kw_only, **options)(described)
                    for name, value in tuple(vars(written).items()):
                        if name in unwritten or name not in vars(made):
                            setattr(made, name, value)
                    for name in unwritten - set(vars(written)):
                        delattr(made, name)

            def write_init() -> None:
                with _WRITING:
                    if isinstance(vars(made)["__init__"], _Unwritten):
                        made.__init__ = _init_of(described, frozen=frozen, kw_only=kw_only)

            asked = (*_ASKED, *_ASKED_OF_FROZEN) if frozen else _ASKED
            body = {name: _Unwritten(name, write_all) for name in asked} | body
            body.setdefault("__init__", _Unwritten("__init__", write_init if _is_plain(described) else write_all))
            if not frozen and options.get("eq", True):
                body.setdefault("__hash__", None)
            made = type(described)(described.__name__, described.__bases__, {**body, "__slots__": tuple(fields)})
            made.__qualname__ = described.__qualname__
            return made

        return later

    def _is_plain(described: type) -> bool:
        """Whether it has fields of its own alone, each of them given to `__init__` and nothing done after it."""
        given = [value for value in vars(described).values() if isinstance(value, Field)]
        return (
            described.__bases__ == (object,)
            and not hasattr(described, "__post_init__")
            and all(field.init and field.kw_only is MISSING for field in given)
        )

    def _init_of(described: type, *, frozen: bool, kw_only: bool) -> Any:
        """`__init__` as `dataclasses` writes it for a plain class."""
        scope: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
        takes, does = ["self", "*"] if kw_only and described.__annotations__ else ["self"], []
        for name in described.__annotations__:
            default, value = vars(described).get(name, MISSING), name
            if isinstance(default, Field):
                default, made = default.default, default.default_factory
                if made is not MISSING:
                    default, scope[f"_make_{name}"] = MISSING, made
                    scope[f"_default_{name}"] = MISSING
                    value = f"_make_{name}() if {name} is _missing else {name}"
            if default is not MISSING:
                scope[f"_default_{name}"] = default
            takes.append(f"{name}=_default_{name}" if f"_default_{name}" in scope else name)
            does.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
        text = f"def written({', '.join(scope)}):\n def __init__({', '.join(takes)}):\n  "
        text += "\n  ".join(does or ["pass"]) + "\n return __init__"
        found: dict[str, Any] = {}
        exec(text, vars(sys.modules[described.__module__]), found)  # noqa: S102  # of names alone, as `dataclasses` does
        init = found["written"](**scope)
        init.__qualname__ = f"{described.__qualname__}.__init__"
        init.__annotations__ = {**described.__annotations__, "return": None}
        return init
