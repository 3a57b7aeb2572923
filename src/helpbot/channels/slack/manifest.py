"""The Slack app's manifest with the real addresses in it, ready to be pasted into Slack."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from helpbot.errors import Fault, SettingError

__all__ = ["manifest", "manifest_text", "scopes"]


def manifest(path: Path) -> dict[str, Any]:
    """The manifest as it stands in `bot/slack/manifest.yaml`; SettingError where it cannot be read."""
    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingError([Fault(str(path), 0, "it is missing", "Copy it with `helpbot init`")]) from error
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        raise SettingError([Fault(str(path), line, "it cannot be read as YAML", "Mend it")]) from error
    if not isinstance(found, dict) or "oauth_config" not in found or "display_information" not in found:
        raise SettingError([Fault(str(path), 0, "it is no Slack manifest", "Copy it again with `helpbot init`")])
    return found


def scopes(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The bot's scopes."""
    return tuple(found["oauth_config"]["scopes"]["bot"])


def manifest_text(path: Path, *, public_url: str = "", socket_mode: bool = False, command: str = "/helpbot") -> str:
    """The manifest for this bot, as YAML: its addresses under `public_url`, or none at all for Socket Mode.

    SettingError if Slack could not reach the bot by either.
    """
    made = manifest(path)
    features, settings = made["features"], made["settings"]
    base = public_url.rstrip("/")
    if not socket_mode and not base.startswith("https://"):
        raise SettingError(
            [
                Fault(
                    "HELPBOT_PUBLIC_URL",
                    0,
                    "Slack calls https:// addresses only" if base else "it is not set, so Slack cannot call the bot",
                    "Set it to the bot's own https address, or use --socket-mode, which needs none",
                )
            ]
        )
    events = f"{base}/slack/events"
    for slash in features["slash_commands"]:
        slash["command"] = command
        _address(slash, "url", events, socket_mode)
    _address(settings["event_subscriptions"], "request_url", events, socket_mode)
    for name in ("request_url", "message_menu_options_url"):
        _address(settings["interactivity"], name, events, socket_mode)
    if base:
        made["oauth_config"]["redirect_urls"] = [f"{base}/slack/oauth_redirect"]
    else:
        made["oauth_config"].pop("redirect_urls", None)
    settings["socket_mode_enabled"] = socket_mode
    out = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    yaml.dump(made, out)
    return out.getvalue()


def _address(table: dict[str, Any], name: str, value: str, socket_mode: bool) -> None:
    if socket_mode:
        table.pop(name, None)
    else:
        table[name] = value
