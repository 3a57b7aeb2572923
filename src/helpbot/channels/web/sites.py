"""The sites a widget stands on: who may embed it, its name, its colour. Read from bot/widget/sites.toml."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from helpbot.errors import Fault

__all__ = ["DEFAULT_SITE", "LANGUAGES", "Palette", "Site", "palette", "read_sites", "read_texts"]

LANGUAGES: Final = ("en", "nl", "de", "fr", "es")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_KEY = re.compile(r"[a-z0-9-]{1,40}")
_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9.-]+(:\d{1,5})?")
_KNOWN: Final = {"name", "colour", "allowed", "language", "direction", "theme", "position", "identity_keys"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One embedding site. `allowed` are origins; the bot's own pages may always show their own widget."""

    key: str = "default"
    name: str = "Support"
    colour: str = "#2553d8"
    allowed: tuple[str, ...] = ()
    language: str = "auto"  # auto: the page's or the browser's
    direction: str = "auto"  # auto | ltr | rtl
    theme: str = "auto"  # auto | light | dark
    position: str = "right"
    identity_keys: tuple[str, ...] = ()  # kids that may speak for this site's users; empty: any

    @property
    def frame_ancestors(self) -> str:
        """The Content-Security-Policy source list of who may frame the chat."""
        return " ".join(("'self'", *self.allowed))


DEFAULT_SITE: Final = Site()


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """A colour made readable: `on` is written upon it; `ink` and `ink_dark` are written upon light and dark."""

    brand: str
    on: str
    ink: str
    ink_dark: str


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _towards(colour: str, target: int, share: float) -> str:
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * share):02x}" for part in parts)


def _readable(colour: str, upon: str, target: int) -> str:
    """The colour, moved towards black or white until it can be read upon another (4.5 to 1 with a margin)."""
    for step in range(21):
        tried = _towards(colour, target, step / 20)
        if contrast(tried, upon) >= 4.6:
            return tried
    return _towards(colour, target, 1)


def palette(colour: str) -> Palette:
    """What one setting gives: every text in the widget can be read, whatever colour was chosen."""
    on = "#ffffff" if contrast(colour, "#ffffff") >= 4.5 else "#101522"
    brand = colour if contrast(colour, on) >= 4.5 else _readable(colour, on, 255)
    # The faintest grounds that the app writes on: --tint of the light and of the dark theme.
    return Palette(brand=brand, on=on, ink=_readable(colour, "#eef1f8", 0), ink_dark=_readable(colour, "#262d3f", 255))


def read_sites(path: Path) -> tuple[dict[str, Site], list[Fault]]:
    """The sites of a file, and everything that is wrong with it. Without a file there is the default site."""
    name = path.as_posix()
    try:
        text = path.read_text("utf-8")
        raw = tomllib.loads(text)
    except FileNotFoundError:
        return {"default": DEFAULT_SITE}, []
    except (OSError, UnicodeDecodeError) as error:
        return {"default": DEFAULT_SITE}, [
            Fault(name, 0, f"the file cannot be read ({type(error).__name__})", "Save it as UTF-8 text")
        ]
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        return {"default": DEFAULT_SITE}, [
            Fault(name, int(line[1]) if line else 0, f"this is not TOML: {error}", "Mend the line")
        ]
    faults: list[Fault] = []
    lines = text.split("\n")

    def fault(where: str, problem: str, remedy: str) -> None:
        number = next((n for n, line in enumerate(lines, 1) if where in line), 0)
        faults.append(Fault(name, number, problem, remedy))

    for unknown in raw.keys() - {"sites"}:
        fault(unknown, f"`{unknown}` is not known here", "Put each site under [sites.<key>]")
    sites: dict[str, Site] = {}
    tables = raw.get("sites", {})
    for key, table in tables.items() if isinstance(tables, dict) else ():
        if not _KEY.fullmatch(key) or not isinstance(table, dict):
            fault(f"sites.{key}", f"`{key}` cannot be a site's key", "Use small letters, digits and hyphens")
            continue
        site = _site(key, table, fault)
        if site:
            sites[key] = site
    if "default" not in sites:
        sites["default"] = DEFAULT_SITE
    return sites, faults


def _site(key: str, table: Mapping[str, Any], fault: Any) -> Site | None:
    for unknown in table.keys() - _KNOWN:
        fault(unknown, f"`{unknown}` of site {key} is not known", f"Use one of {', '.join(sorted(_KNOWN))}")
    wanted: dict[str, tuple[str, ...]] = {
        "language": ("auto", *LANGUAGES), "direction": ("auto", "ltr", "rtl"),
        "theme": ("auto", "light", "dark"), "position": ("right", "left"),
    }  # fmt: skip
    values: dict[str, Any] = {"key": key}
    for name, value in table.items():
        if name in wanted and value not in wanted[name]:
            fault(name, f"`{name}` of site {key} is {value!r}", f"Use one of {', '.join(wanted[name])}")
        elif name == "colour" and not (isinstance(value, str) and _COLOUR.fullmatch(value)):
            fault(name, f"`colour` of site {key} is {value!r}", "Write it as #rrggbb")
        elif name == "name" and not (isinstance(value, str) and 0 < len(value) <= 60 and value.isprintable()):
            fault(name, f"`name` of site {key} is {value!r}", "Use a name of 1 to 60 characters")
        elif name == "allowed":
            origins = value if isinstance(value, list) else [value]
            for origin in origins:
                if not isinstance(origin, str) or not _ORIGIN.fullmatch(origin):
                    fault(
                        str(origin),
                        f"`allowed` of site {key} names {origin!r}",
                        "Write origins as https://www.example.com",
                    )
            values["allowed"] = tuple(
                origin for origin in origins if isinstance(origin, str) and _ORIGIN.fullmatch(origin)
            )
        elif name == "identity_keys":
            values[name] = tuple(str(each) for each in value) if isinstance(value, list) else ()
        elif name in _KNOWN:
            values[name] = value
    return Site(**values)


def read_texts(folder: Path) -> tuple[dict[str, dict[str, str]], list[Fault]]:
    """The interface texts of each language, one file each; English says which there must be."""
    texts: dict[str, dict[str, str]] = {}
    faults: list[Fault] = []
    for language in LANGUAGES:
        path = folder / f"{language}.json"
        try:
            found = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            faults.append(Fault(path.as_posix(), 0, "the file is missing", "Copy en.json and translate it"))
            continue
        except (OSError, ValueError) as error:
            line = getattr(error, "lineno", 0)
            faults.append(Fault(path.as_posix(), line, "this is not a JSON object of texts", "Mend the line"))
            continue
        texts[language] = found
    english = texts.get("en", {})
    for language, found in texts.items():
        file = (folder / f"{language}.json").as_posix()
        faults += [
            Fault(file, 0, f"the text `{name}` is missing", "Translate it from en.json")
            for name in english.keys() - found.keys()
        ]
        faults += [
            Fault(file, 0, f"the text `{name}` is not known", "Remove it, or add it to en.json")
            for name in found.keys() - english.keys()
        ]
        for name, text in found.items():
            if not isinstance(text, str) or _holes(text) != _holes(str(english.get(name, text))):
                faults.append(
                    Fault(
                        file,
                        0,
                        f"`{name}` has other {{places}} than in en.json",
                        "Keep the words in braces as they are",
                    )
                )
    return texts, faults


def _holes(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", text))
