"""Draws Slack messages and windows roughly as Slack does, so that they can be looked at. `python -m tests.slack.render`
writes docs/screenshots/slack-*.png with Chromium; a test only checks that every block there is has a drawing."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def _icon(inner: str) -> str:
    return f"<svg class='e' viewBox='0 0 16 16'>{inner}</svg>"


def _strokes(path: str, colour: str = "#616061") -> str:
    return _icon(
        f"<path d='{path}' fill='none' stroke='{colour}' stroke-width='1.6' stroke-linecap='round' stroke-linejoin='round'/>"
    )


# Drawn here, since a machine may have no font with emoji.
EMOJI = {
    "red_circle": _icon("<circle cx='8' cy='8' r='6.500' fill='#e01e5a'/>"),
    "large_blue_circle": _icon("<circle cx='8' cy='8' r='6.500' fill='#36a3eb'/>"),
    "hourglass_flowing_sand": _strokes("M4 2h8M4 14h8M5 2c0 4 3 4 3 6s-3 2-3 6M11 2c0 4-3 4-3 6s3 2 3 6", "#b8860b"),
    "white_check_mark": _icon("<rect x='1' y='1' width='14' height='14' rx='3' fill='#2eb67d'/><path d='M4.500 8.500l2.500 2.500 5-6' fill='none' stroke='#fff' stroke-width='2'/>"),
    "heavy_check_mark": _strokes("M3 8.500l3.500 3.500L13 4.500", "#1d1c1d"),
    "page_facing_up": _strokes("M4 1.500h5.500L12.500 4.500v10H4zM6 7h4.500M6 9.500h4.500M6 12h3"),
    "bust_in_silhouette": _icon("<circle cx='8' cy='5' r='3' fill='#616061'/><path d='M2 14.500c0-3.500 2.500-5 6-5s6 1.500 6 5z' fill='#616061'/>"),
    "speech_balloon": _strokes("M2 3h12v8H7.500L4.500 13.500V11H2z"),
    "lock": _icon("<path d='M5 7V5a3 3 0 0 1 6 0v2' fill='none' stroke='#8d8d8d' stroke-width='1.600'/><rect x='3' y='7' width='10' height='7.500' rx='1.500' fill='#e8a723'/>"),
    "warning": _icon("<path d='M8 1.500L15 14H1z' fill='#ecb22e'/><path d='M8 6v4M8 11.500v.800' stroke='#1d1c1d' stroke-width='1.600'/>"),
    "wastebasket": _strokes("M3 4h10M6 4V2.500h4V4M4.500 4l.700 10h5.600l.700-10M7 6.500v5M9 6.500v5"),
    "outbox_tray": _strokes("M2 9v5h12V9M8 10.500V2M5 5l3-3 3 3"),
    "paperclip": _strokes("M12.500 7.500l-5 5a3 3 0 0 1-4.500-4L8.500 3a2 2 0 0 1 3 3L6 11.500a1 1 0 0 1-1.500-1.500L9 5.500"),
    "robot_face": _icon("<rect x='2.500' y='4.500' width='11' height='9' rx='2' fill='#616061'/><path d='M8 4.500V2' stroke='#616061' stroke-width='1.600'/><circle cx='6' cy='9' r='1.200' fill='#fff'/><circle cx='10' cy='9' r='1.200' fill='#fff'/>"),
}  # fmt: skip
STYLE = (Path(__file__).parent / "render.css").read_text(encoding="utf-8")


def _emoji(text: str) -> str:
    return re.sub(r":([a-z_]+):", lambda m: EMOJI.get(m[1], m[0]), text)


def mrkdwn(text: str) -> str:
    """mrkdwn to HTML: what Slack would make of it."""
    links: list[str] = []

    def angle(match: re.Match[str]) -> str:
        inner = match[1]
        if inner.startswith("!date"):
            shown = inner.rpartition("|")[2]
        elif inner.startswith(("@", "#")):
            shown = f"<a>{inner[0]}{html.escape(inner[1:])}</a>"
        elif inner.startswith("!"):
            shown = f"<b style='background:#fc6'>PING {html.escape(inner)}</b>"
        else:
            url, _, label = inner.partition("|")
            shown = f"<a href='{html.escape(url)}'>{label or url}</a>"
        links.append(shown)
        return f"\x00{len(links) - 1}\x00"

    out = re.sub(r"<([^<>]+)>", angle, text)
    out = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", out)
    out = re.sub(r"(?<!\w)\*([^*\n]+)\*(?!\w)", r"<b>\1</b>", out)
    out = re.sub(r"(?<!\w)_([^_\n]+)_(?!\w)", r"<i>\1</i>", out)
    out = re.sub("\x00(\\d+)\x00", lambda m: links[int(m[1])], out)
    return _emoji(out).replace("\n", "<br>")


def _text(value: dict[str, Any]) -> str:
    if value["type"] == "mrkdwn":
        return mrkdwn(value["text"])
    return _emoji(html.escape(value["text"])).replace("\n", "<br>")


def _rich(element: dict[str, Any]) -> str:
    kind = element["type"]
    if kind == "text":
        out = html.escape(element["text"]).replace("\n", "<br>")
        for name, tag in (("bold", "b"), ("italic", "i"), ("code", "code")):
            if element.get("style", {}).get(name):
                out = f"<{tag}>{out}</{tag}>"
        return out
    if kind == "link":
        return f"<a href='{html.escape(element['url'])}'>{html.escape(element.get('text') or element['url'])}</a>"
    if kind == "date":
        return html.escape(element["fallback"])
    if kind == "emoji":
        return EMOJI.get(element["name"], f":{element['name']}:")
    inner = "".join(map(_rich, element["elements"]))
    if kind == "rich_text_preformatted":
        return f"<pre>{inner.replace('<br>', chr(10))}</pre>"
    if kind == "rich_text_quote":
        return f"<blockquote>{inner}</blockquote>"
    if kind == "rich_text_list":
        tag = "ol" if element["style"] == "ordered" else "ul"
        return f"<{tag}>" + "".join(f"<li>{_rich(item)}</li>" for item in element["elements"]) + f"</{tag}>"
    return f"<div>{inner}</div>"


def _element(element: dict[str, Any]) -> str:
    kind = element["type"]
    if kind == "button":
        return f"<span class='btn {element.get('style', '')}'>{_text(element['text'])}</span>"
    if kind == "feedback_buttons":
        return (
            f"<span class='fb'>+ {_text(element['positive_button']['text'])}</span>"
            f"<span class='fb'>− {_text(element['negative_button']['text'])}</span>"
        )
    if kind.endswith("_select"):
        chosen = element.get("initial_option")
        return f"<span class='sel'>{_text(chosen['text'] if chosen else element['placeholder'])} ▾</span>"
    if kind == "radio_buttons":
        return "".join(f"<div>◯ {_text(option['text'])}</div>" for option in element["options"])
    if kind == "file_input":
        return "<span class='btn'>⇧ Upload a file</span>"
    if kind == "plain_text_input":
        value = element.get("initial_value", "")
        shown = html.escape(value) or (html.escape(element["placeholder"]["text"]) if "placeholder" in element else "")
        return f"<div class='in {'v' if value else ''} {'long' if element.get('multiline') else ''}'>{shown}</div>"
    return f"<div>{_text(element)}</div>"


def block(node: dict[str, Any]) -> str:
    """One block as HTML; KeyError for one that has no drawing yet."""
    kind = node["type"]
    if kind == "header":
        return f"<h1>{_text(node['text'])}</h1>"
    if kind == "divider":
        return "<hr>"
    if kind == "rich_text":
        return "<div class='b'>" + "".join(map(_rich, node["elements"])) + "</div>"
    if kind == "context":
        return "<div class='b ctx'>" + "".join(map(_element, node["elements"])) + "</div>"
    if kind in {"actions", "context_actions"}:
        return "<div class='b'>" + "".join(map(_element, node["elements"])) + "</div>"
    if kind == "input":
        optional = "<span class='opt'> (optional)</span>" if node.get("optional") else ""
        hint = f"<div class='hint'>{_text(node['hint'])}</div>" if "hint" in node else ""
        return f"<div class='lab'>{_text(node['label'])}{optional}</div>{_element(node['element'])}{hint}"
    if kind == "section":
        parts = f"<div>{_text(node['text'])}</div>" if "text" in node else ""
        if "fields" in node:
            parts += "<div class='fields'>" + "".join(f"<div>{_text(f)}</div>" for f in node["fields"]) + "</div>"
        side = _element(node["accessory"]) if "accessory" in node else ""
        return f"<div class='b row'>{parts}{side}</div>" if side else f"<div class='b'>{parts}</div>"
    raise KeyError(kind)


def page(sample: dict[str, Any]) -> str:
    """A message or a window as a whole page."""
    inner = "".join(map(block, sample["blocks"]))
    kind = sample.get("type")
    if kind == "modal":
        foot = f"<span class='btn'>{_text(sample['close'])}</span><span class='btn primary'>{_text(sample['submit'])}</span>"
        body = f"<div class='modal' id='it'><div class='mh'>{_text(sample['title'])}</div><div class='mb'>{inner}</div><div class='mf'>{foot}</div></div>"
    elif kind == "home":
        body = f"<div class='home' id='it'>{inner}</div>"
    else:
        body = (
            "<div class='msg' id='it'><div class='av'>h</div><div style='flex:1'><span class='who'>helpbot</span> "
            f"<span class='app'>APP</span> <span class='t'>9:14</span>{inner}</div></div>"
        )
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}"


def main(folder: Path) -> None:
    """Draw every sample into `folder`."""
    from playwright.sync_api import sync_playwright

    from tests.slack.samples import samples

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as p:
        browser = p.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        tab = browser.new_page(viewport={"width": 740, "height": 400})
        for name, sample in samples().items():
            tab.set_content(page(sample))
            tab.locator("#it").screenshot(path=str(folder / f"slack-{name}.png"))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots")
