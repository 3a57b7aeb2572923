"""Patterns and dataclasses that are made when they are first used: one answer in the terminal uses few of the many.

Both stand in for what the standard library has under that name, and are it from their first use on.
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

    # What may be asked of a class before there is a value of it; the first to ask has everything written.
    _ASKED_FIRST = ("__init__", "__setstate__", "__match_args__", "__dataclass_fields__", "__dataclass_params__")
    _WRITING = RLock()  # a class that is written asks its bases

    class _Unwritten:
        """Stands in a class where `dataclasses` will write something."""

        def __init__(self, name: str, write: Any) -> None:
            self._name, self._write = name, write

        def __get__(self, instance: object, owner: type) -> Any:
            self._write()
            return getattr(owner if instance is None else instance, self._name)

    def dataclass(*, slots: bool = False, **options: bool) -> Any:
        """`dataclasses.dataclass`, which writes and compiles six methods a class, at the first use of the class."""
        if not slots:
            return dataclasses.dataclass(**options)

        def later(described: type) -> type:
            fields = described.__annotations__
            body = {name: value for name, value in vars(described).items() if name not in fields}
            body.pop("__dict__", None), body.pop("__weakref__", None)  # they belong to the class that is replaced

            def write() -> None:
                with _WRITING:
                    unwritten = {name for name, value in vars(made).items() if isinstance(value, _Unwritten)}
                    if not unwritten:  # another thread was faster
                        return
                    written = dataclasses.dataclass(slots=True, **options)(described)
                    for name, value in tuple(vars(written).items()):
                        if name in unwritten or name not in vars(made):
                            setattr(made, name, value)
                    for name in unwritten - set(vars(written)):
                        delattr(made, name)

            body |= {name: _Unwritten(name, write) for name in _ASKED_FIRST if name not in body}
            made = type(described)(described.__name__, described.__bases__, {**body, "__slots__": tuple(fields)})
            made.__qualname__ = described.__qualname__
            return made

        return later
