"""What an operator sets: bot/helpbot.toml for what anyone may read, the environment for secrets and addresses

Everything is read once, checked whole and handed on as plain values; all faults are told at once, and no
message holds a value that was given. What `ask` needs of it loads without pydantic: the checked file is
kept as JSON in the cache folder, named by its hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from helpbot.errors import Fault, SettingError
from helpbot.later import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BotFile", "Places", "Settings", "find_places", "read_bot", "read_settings", "shipped_places"]

BOT_FILE: Final = "helpbot.toml"
LARGEST: Final = 1_000_000  # bytes of helpbot.toml


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folders of knowledge and of what the bot says."""

    knowledge: Path
    bot: Path

    @property
    def bot_file(self) -> Path:
        """The settings that anyone may read."""
        return self.bot / BOT_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class BotFile:
    """bot/helpbot.toml, checked: every table with all its keys, defaults filled in."""

    tables: Mapping[str, Any]

    def table(self, name: str) -> Mapping[str, Any]:
        """One table; the schema guarantees that it is there."""
        found: Mapping[str, Any] = self.tables[name]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What nobody but this process may see; never printed, also not by mistake."""

    secret: str = field(default="", repr=False)
    identity_keys: str = field(default="", repr=False)
    slack_signing_secret: str = field(default="", repr=False)
    slack_bot_token: str = field(default="", repr=False)
    slack_app_token: str = field(default="", repr=False)
    slack_client_id: str = field(default="", repr=False)
    slack_client_secret: str = field(default="", repr=False)
    smtp_url: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    metrics_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that is set, as plain values."""

    places: Places
    bot: BotFile
    database_url: str = field(repr=False)  # may hold a password
    host: str
    port: int
    public_url: str
    slack_case_channel: str
    slack_api_url: str
    mail_from: str
    mail_to: str
    webhook_url: str = field(repr=False)
    log_level: str
    secrets: Secrets

    def off(self) -> tuple[str, ...]:
        """What is not configured and therefore off, each in a sentence."""
        secrets = self.secrets
        found = []
        if not secrets.slack_bot_token and not secrets.slack_client_id:
            found.append("Slack is off: set HELPBOT_SLACK_BOT_TOKEN (or the client id and secret)")
        elif not secrets.slack_signing_secret and not secrets.slack_app_token:
            found.append("Slack cannot be heard: set HELPBOT_SLACK_SIGNING_SECRET or HELPBOT_SLACK_APP_TOKEN")
        if not secrets.smtp_url:
            found.append("E-mail is off: set HELPBOT_SMTP_URL, HELPBOT_MAIL_FROM and HELPBOT_MAIL_TO")
        if not self.webhook_url:
            found.append("Webhooks are off: set HELPBOT_WEBHOOK_URL and HELPBOT_WEBHOOK_SECRET")
        if not secrets.identity_keys:
            found.append("Signed-in visitors are not recognised: set HELPBOT_IDENTITY_KEYS")
        if not self.public_url:
            found.append("Links to articles lead to this machine: set HELPBOT_PUBLIC_URL")
        return tuple(found)


def find_places(
    knowledge: Path | None = None, bot: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Places:
    """Where to read from: what was asked for, else HELPBOT_KNOWLEDGE and HELPBOT_BOT, else the nearest.

    The nearest is `./knowledge` and `./bot`, then those of the checkout this runs from, then those shipped in
    the package. Raises SettingError for a folder that was asked for and is not there.
    """
    faults: list[Fault] = []

    def place(given: Path | None, variable: str, name: str, holds: str) -> Path:
        option = f"--{name}"
        if given is None and environ.get(variable):
            given, option = Path(environ[variable]).expanduser(), variable
        if given is not None:
            if not given.is_dir():
                what = "is a file, not a folder" if given.exists() else "does not exist"
                faults.append(Fault(option, 0, f"the folder {given} {what}", f"Give a folder that holds {holds}"))
            return given
        here, package = Path.cwd(), Path(__file__).resolve().parent
        nearest = (here / name, package.parents[1] / name, package / "_defaults" / name)
        return next((folder for folder in nearest if (folder / holds).exists()), nearest[0])

    found = Places(
        knowledge=place(knowledge, "HELPBOT_KNOWLEDGE", "knowledge", "articles"),
        bot=place(bot, "HELPBOT_BOT", "bot", BOT_FILE),
    )
    if faults:
        raise SettingError(faults)
    return found


def shipped_places() -> Places:
    """What ships: of the checkout this runs from, else of the package."""
    package = Path(__file__).resolve().parent
    for root in (package.parents[1], package / "_defaults"):
        if (root / "knowledge" / "articles").is_dir() and (root / "bot").is_dir():
            return Places(knowledge=root / "knowledge", bot=root / "bot")
    raise SettingError([Fault(str(package), 0, "what ships with it is missing", "Install helpbot anew")])


def read_bot(places: Places, *, cache: Path | None = None) -> BotFile:
    """The checked helpbot.toml of a bot folder; defaults where there is none.

    `cache` is a folder for what was checked already; it is written if it can be. Raises SettingError with
    every fault of the file.
    """
    path = places.bot_file
    try:
        if path.is_file() and path.stat().st_size > LARGEST:
            raise SettingError(
                [Fault(str(path), 0, f"it is larger than {LARGEST:,} bytes", "Remove what is not a setting")]
            )
        raw = path.read_bytes() if path.exists() else b""
    except OSError as failed:
        raise SettingError(
            [Fault(str(path), 0, f"it cannot be read: {failed.strerror}", "Mend its permissions")]
        ) from failed
    # The key holds this program's own schema too: a newer version fills in newer defaults.
    kept = None
    if cache is not None:
        schema = (Path(__file__).parent / "config_schema.py").read_bytes()
        kept = cache / f"bot-{hashlib.sha256(schema + b'|' + raw).hexdigest()[:24]}.json"
        try:
            tables = json.loads(kept.read_bytes())
            if isinstance(tables, dict):
                return BotFile(tables=tables)
        except (OSError, ValueError):
            pass  # not kept yet, or cut short: it is checked again
    from helpbot.config_schema import check_bot_file

    tables = check_bot_file(raw, str(path))
    if kept is not None:
        _keep(kept, json.dumps(tables))
    return BotFile(tables=tables)


def read_settings(
    places: Places, *, host: str | None = None, port: int | None = None, cache: Path | None = None
) -> Settings:
    """Everything that is set: options, then the environment, then helpbot.toml, then defaults.

    Raises SettingError with the faults of all of them.
    """
    faults: list[Fault] = []
    bot = BotFile(tables={})
    try:
        bot = read_bot(places, cache=cache)
    except SettingError as wrong:
        faults += wrong.faults
    from helpbot.config_schema import check_environment

    environment, found = check_environment(host=host, port=port)
    faults += found
    if environment is not None and bot.tables:
        faults += environment.faults_with(bot.tables, str(places.bot_file))
    if faults or environment is None:
        raise SettingError(faults)
    plain = environment.plain()
    return Settings(
        places=places,
        bot=bot,
        secrets=Secrets(**{name: plain.pop(name) for name in Secrets.__dataclass_fields__}),
        **plain,
    )


def _keep(path: Path, text: str) -> None:
    """Write a cache file whole or not at all; a folder that cannot be written is no fault."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError:
        pass
