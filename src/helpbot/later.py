"""Patterns that are compiled when they are first used: one answer in the terminal uses few of the many there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

__all__ = ["pattern"]

if TYPE_CHECKING:
    pattern = re.compile
else:

    class pattern:  # noqa: N801  # stands where re.compile stood
        """A regular expression that behaves as `re.compile` made it, from its first use on."""

        def __init__(self, source: str, flags: int = 0) -> None:
            self._source, self._flags = source, flags

        def __getattr__(self, name: str) -> Any:
            compiled = re.compile(self._source, self._flags)
            for method in ("search", "match", "fullmatch", "finditer", "findall", "sub", "split", "pattern"):
                setattr(self, method, getattr(compiled, method))
            return getattr(compiled, name)
