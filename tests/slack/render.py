"""Draws Slack messages and windows roughly as Slack does, so that they can be looked at. `python -m tests.slack.render`
writes docs/screenshots/slack-*.png with Chromium; a test only checks that every block there is has a drawing."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Drawn with letters that every font has, since a machine may have none for emoji.
EMOJI = {
    name: f"<span style='color:{colour}'>{shape}</span>"
    for name, colour, shape in (
        ("red_circle", "#e01e5a", "●"), ("large_blue_circle", "#1264a3", "●"), ("hourglass_flowing_sand", "#b8860b", "◔"),
        ("white_check_mark", "#007a5a", "✔"), ("heavy_check_mark", "#1d1c1d", "✔"), ("page_facing_up", "#616061", "▤"),
        ("bust_in_silhouette", "#616061", "☻"), ("speech_balloon", "#616061", "❝"), ("lock", "#b8860b", "■"),
        ("warning", "#e0a500", "▲"), ("outbox_tray", "#616061", "⇧"), ("paperclip", "#616061", "§"),
        ("robot_face", "#616061", "◆"),
    )
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
