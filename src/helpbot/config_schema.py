"""The forms of helpbot.toml and of the environment: each field once, with what it means and what it may be.

Only `helpbot.config` imports this. A fault names the file and line or the variable, never the value.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from datetime import date  # pydantic reads it when the model is made
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from helpbot.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OTHER_VARIABLES", "BotTables", "Environment", "check_bot_file", "check_environment"]

PREFIX: Final = "HELPBOT_"
SHORTEST_SECRET: Final = 24  # bytes
# A container runtime mounts secrets here, readable by all of a container in which nobody else lives.
CONTAINER_SECRETS: Final = "/run/secrets/"
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

# Read elsewhere, before there are settings; here so that they are described and not taken for typing errors.
OTHER_VARIABLES: Final = {
    "HELPBOT_KNOWLEDGE": "The folder of knowledge, as --knowledge.",
    "HELPBOT_BOT": "The folder of what the bot says, as --bot.",
    "HELPBOT_MODEL_DIR": "The folder of the sentence encoder's weights (`helpbot model install` fills it).",
    "HELPBOT_CACHE": "Where compiled knowledge and indexes are kept; they can be deleted at any time.",
}
_UNDESCRIBED: Final = (
    "HELPBOT_FAILPOINT",
    "HELPBOT_TEST_",
)  # for tests: they kill the process, or name its tools


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BotTable(_Table):
    """Who the bot is."""

    name: Annotated[str, Field(min_length=1, max_length=60)] = "helpbot"
    """What the bot calls itself."""
    company: Annotated[str, Field(max_length=80)] = ""
    """Whose help desk it is."""
    contact: Annotated[str, Field(max_length=200)] = ""
    """Where a user can turn when the bot itself cannot pass anything on: an address or a page."""
    frequent: Annotated[list[str], Field(max_length=8)] = []
    """Resolutions to offer in the greeting, until others are asked more often."""
    most_asked: Literal["all", "widget", "slack", "off"] = "all"
    """Whose questions of the last 30 days decide what the greeting offers; `off`: always `bot.frequent`."""


class AnswersTable(_Table):
    """When the bot answers, asks back, or says that it does not know."""

    wrong_price: Annotated[float, Field(ge=1, le=1000)] = 10.0
    """What a confident answer to something the articles do not cover costs, in unneeded "I don't know"."""
    mixed_price: Annotated[float, Field(ge=0, le=1000)] = 1.5
    """What the answer to a neighbouring problem costs."""
    ask_price: Annotated[float, Field(ge=0, le=1000)] = 0.5
    """What one question back costs."""
    slope: Annotated[float, Field(gt=0, le=10)] = 1.0
    """How steeply a confidence is read; `helpbot tune` sets it from rated traffic."""
    shift: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """Added to the log odds of a confidence, below 0 for more "I don't know"; `helpbot tune` sets it."""


class ConversationTable(_Table):
    """How the bot behaves in a conversation."""

    remind_after_minutes: Annotated[int, Field(ge=0, le=10_080)] = 30
    """Silence after which it asks whether that helped; 0: never."""
    end_after_hours: Annotated[int, Field(ge=1, le=720)] = 24
    """Silence after which a conversation ends."""
    acknowledge: bool = True
    """While an agent holds a conversation: say that a message was passed on."""
    ask_address: list[Literal["terminal", "widget", "slack"]] = ["widget"]
    """Channels in which an e-mail address is asked for when people are away."""


class HoursTable(_Table):
    """When people are there. Left out: always. A day that is left out is a day off."""

    zone: str = "UTC"
    """The time zone, such as Europe/Brussels."""
    monday: str = ""
    """Opening time of a day as `09:00-17:30`; so for each day."""
    tuesday: str = ""
    """As monday."""
    wednesday: str = ""
    """As monday."""
    thursday: str = ""
    """As monday."""
    friday: str = ""
    """As monday."""
    saturday: str = ""
    """As monday."""
    sunday: str = ""
    """As monday."""
    holidays: list[date] = []
    """Days off, as dates."""

    @field_validator("zone")
    @classmethod
    def _zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
            raise ValueError("is no known time zone; write one like Europe/Brussels") from unknown
        return zone

    @field_validator(*WEEKDAYS)
    @classmethod
    def _times(cls, times: str) -> str:
        if times and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", times):
            raise ValueError("is not a time span; write 09:00-17:30")
        if times and times[:5] >= times[6:]:
            raise ValueError("ends before it begins; write 09:00-17:30")
        return times


class CasesTable(_Table):
    """Cases and how they are delivered."""

    prefix: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,7}-$")] = "HB-"
    """What a case's number begins with."""
    give_up_after_hours: Annotated[int, Field(ge=1, le=720)] = 72
    """How long a delivery is tried before only a person can send it again."""
    fallback_after_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    """How long a new case waits for its route before the route's fallback is told as well."""
    mails_a_day: Annotated[int, Field(ge=0, le=100)] = 3
    """Most mails a day to an address that nobody verified."""


class RouteTable(_Table):
    """One way to reach people or programs."""

    sender: Literal["mail", "slack", "webhook"]
    """What carries it."""
    target: Annotated[str, Field(min_length=1, max_length=500)]
    """An address, a Slack channel or a URL."""
    kinds: list[str] = []
    """What it is told of; empty: what suits its sender."""
    per_second: Annotated[float, Field(gt=0, le=1000)] = 20.0
    """Most sends a second."""
    fallback: str = ""
    """The route that is told of a new case when this one does not get through."""


class RuleTable(_Table):
    """Cases for which every word given here holds go to `routes`."""

    routes: Annotated[list[str], Field(min_length=1)]
    """Names of routes."""
    psa: str = ""
    """The PSA's id, such as autotask."""
    resolution: str = ""
    """A resolution that was tried."""
    product: str = ""
    """A word in the product's name."""


class RoutingTable(_Table):
    """Who is told of a case. The first rule that fits decides; else the default."""

    default: list[str] = []
    """Names of routes; empty: every route that is configured."""
    rules: list[RuleTable] = []
    """Tried in order."""
    routes: dict[str, RouteTable] = {}
    """Further routes beside `mail`, `slack` and `webhook`, which the environment makes."""


def _check_networks(networks: list[str]) -> list[str]:
    for network in networks:
        try:
            ip_network(network, strict=False)
        except ValueError as wrong:
            raise ValueError("must be addresses or networks such as 10.0.0.0/8") from wrong
    return networks


def _check_sites(sites: list[str]) -> list[str]:
    for site in sites:
        parts = urlsplit(site)
        if site.rstrip("/").endswith("*") or "*" in site.removeprefix(f"{parts.scheme}://*."):
            raise ValueError("may not hold * alone; name each site that shows the widget")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
            raise ValueError("must be origins such as https://www.example.com")
    return sites


class WebTable(_Table):
    """The HTTP interface. Sites with a look of their own stand in widget/sites.toml."""

    sites: Annotated[list[str], AfterValidator(_check_sites)] = []
    """Sites that may show the widget, such as https://www.example.com; the bot's own pages always may."""
    trusted_proxies: Annotated[list[str], AfterValidator(_check_networks)] = []
    """Addresses or networks whose X-Forwarded-For is believed."""
    demo: bool = True
    """Whether / shows the demo page."""
    threads: Annotated[int, Field(ge=1, le=256)] = 8
    """Turns worked on at once."""
    screenshots: bool = True
    """Whether users may send screenshots and agents files; text is read from pictures where Tesseract is installed."""


class WidgetTable(_Table):
    """How the widget looks on the bot's own site."""

    name: Annotated[str, Field(max_length=60)] = ""
    """Its heading; empty: the bot's name."""
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#2553d8"
    """The site's colour, as #rrggbb; every text upon it stays readable."""
    language: Literal["auto", "en", "nl", "de", "fr", "es"] = "auto"
    """The language of its buttons; auto: the page's or the browser's."""
    direction: Literal["auto", "ltr", "rtl"] = "auto"
    """The direction of writing."""
    theme: Literal["auto", "light", "dark"] = "auto"
    """Light or dark; auto: as the user's system."""
    position: Literal["right", "left"] = "right"
    """The corner it sits in."""


class WebhookTable(_Table):
    """Outgoing webhooks."""

    networks: Annotated[list[str], AfterValidator(_check_networks)] = []
    """Private networks that a webhook may lead to, such as 10.1.0.0/16."""


class RetentionTable(_Table):
    """What is deleted by age. 0: nothing."""

    conversations_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """Days after which an ended conversation without an open case is deleted."""


class BotTables(_Table):
    """bot/helpbot.toml."""

    bot: BotTable = BotTable()
    answers: AnswersTable = AnswersTable()
    conversation: ConversationTable = ConversationTable()
    hours: HoursTable | None = None
    cases: CasesTable = CasesTable()
    routing: RoutingTable = RoutingTable()
    web: WebTable = WebTable()
    widget: WidgetTable = WidgetTable()
    slack: dict[str, Any] = {}
    """Slack; docs/slack.md describes its settings, and the Slack channel checks them."""
    webhook: WebhookTable = WebhookTable()
    retention: RetentionTable = RetentionTable()


def check_bot_file(raw: bytes, path: str) -> dict[str, Any]:
    """The tables of a file with every default filled in, as JSON's types. SettingError with every fault."""
    from helpbot.errors import SettingError

    try:
        text = raw.decode("utf-8-sig")
        tree = tomllib.loads(text)
    except UnicodeDecodeError as broken:
        line = raw[: broken.start].count(b"\n") + 1
        raise SettingError([Fault(path, line, "it is not UTF-8", "Save it as UTF-8")]) from broken
    except (tomllib.TOMLDecodeError, RecursionError) as broken:
        found = re.search(r"\(at line (\d+)", str(broken))
        what = re.sub(r"\s*\(at .*", "", str(broken)) or "it is nested too deep"
        line = int(found[1]) if found else text.rstrip().count("\n") + 1  # it says "at end of document"
        raise SettingError([Fault(path, line, f"this is not TOML: {what}", "Mend the line")]) from broken
    try:
        return BotTables.model_validate(tree).model_dump(mode="json")
    except ValidationError as wrong:
        raise SettingError(_file_faults(wrong, path, text)) from wrong


def _file_faults(wrong: ValidationError, path: str, text: str) -> list[Fault]:
    faults = []
    for error in wrong.errors(include_input=False, include_url=False):
        place = tuple(error["loc"])
        name = ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
        line = _line(text, place)
        if error["type"] == "extra_forbidden":
            known = _names_at(BotTables, place[:-1])
            faults.append(Fault(path, line, f"the setting `{name}` is not known", _did_you_mean(str(place[-1]), known)))
        else:
            message = error["msg"].removeprefix("Value error, ")
            faults.append(Fault(path, line, f"`{name}`: {message[:1].lower()}{message[1:]}", "Mend the value"))
    return faults


def _names_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The fields of the model at a place in the tree."""
    for part in place:
        inner = model.model_fields.get(str(part))
        if inner is None:
            continue
        found = re.findall(r"\b([A-Z]\w*Table)\b", repr(inner.annotation))
        model = globals().get(found[0], model) if found else model
    return list(model.model_fields)


def _did_you_mean(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"Did you mean `{near[0]}`" if near else "Remove it, or use one of: " + ", ".join(sorted(known))


_HEADER: Final = re.compile(r"^\s*\[\[?\s*([\w.\"' -]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"^\s*([\w\"'.-]+)\s*=")


def _line(text: str, place: tuple[int | str, ...]) -> int:
    """The line of the setting that a place leads to, or of the nearest table above it; 0 if there is none."""
    names = [str(part) for part in place if isinstance(part, str)]
    number_of = [part for part in place if isinstance(part, int)]
    best, seen = (0, 0), 0
    header: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _HEADER.match(line):
            header = tuple(part.strip(" \"'") for part in found[1].split("."))
            depth = len(header)
            if list(header) == names[:depth]:
                if line.lstrip().startswith("[["):
                    seen += 1
                    if number_of and seen != number_of[0] + 1:
                        header = ()
                        continue
                best = max(best, (depth, number), key=lambda pair: pair[0])
        elif (found := _KEY.match(line)) and [*header, *_split(found[1])] == names[
            : len(header) + len(_split(found[1]))
        ]:
            best = max(best, (len(header) + len(_split(found[1])), number), key=lambda pair: pair[0])
    return best[1]


def _split(key: str) -> list[str]:
    return [part.strip("\"'") for part in key.split(".")]


class Environment(BaseSettings):
    """Secrets and addresses, each as HELPBOT_NAME or as HELPBOT_NAME_FILE, a file that holds it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    database_url: SecretStr = Field(
        SecretStr("sqlite:///var/helpbot.db"),
        description="Where everything is kept: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; "
        "sqlite:///:memory: forgets it at the end.",
    )
    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on, as serve --host.")
    port: int = Field(8080, ge=0, le=65_535, description="The port to listen on, as serve --port; 0 takes a free one.")
    public_url: str = Field(
        "", description="Where users reach the bot, such as https://bot.example.com; used in links."
    )
    secret: SecretStr = Field(
        SecretStr(""),
        description="For signing. Nothing needs it now: tokens are random, and only their hashes are kept.",
    )
    identity_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys of sites that sign visitors in: KID:HS256:SECRET, KID:EdDSA:PUBLIC-KEY, with commas.",
    )
    slack_signing_secret: SecretStr = Field(SecretStr(""), description="Proves that a request comes from Slack.")
    slack_bot_token: SecretStr = Field(SecretStr(""), description="The bot's token (xoxb-…) for one workspace.")
    slack_app_token: SecretStr = Field(SecretStr(""), description="The app's token (xapp-…) for Socket Mode.")
    slack_client_id: SecretStr = Field(SecretStr(""), description="For installation in several workspaces (OAuth).")
    slack_client_secret: SecretStr = Field(SecretStr(""), description="Goes with the client id.")
    slack_case_channel: str = Field("", description="The channel (C…) that cases are posted to.")
    slack_api_url: str = Field("https://slack.com/api/", description="Slack's Web API; another one for tests.")
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="The mail server: smtp+starttls://USER:PASSWORD@HOST:587, or smtps://… for TLS at once.",
    )
    mail_from: str = Field("", description="The address that mail comes from.")
    mail_to: str = Field("", description="The address that cases are mailed to.")
    webhook_url: str = Field("", description="The https address that events are sent to.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Signs them (Standard Webhooks): whsec_ and the key in base64."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="Opens /metrics from elsewhere; without it only this machine may read them.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then the variables, then the files they name."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _Files(settings_cls)

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return url

    @field_validator("public_url", "slack_api_url", "webhook_url")
    @classmethod
    def _url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("must be an address such as https://bot.example.com")
        return url

    @field_validator("secret", "webhook_secret", "metrics_token")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if secret.get_secret_value() and len(secret.get_secret_value().encode()) < SHORTEST_SECRET:
            raise ValueError(
                f"is too short; take at least {SHORTEST_SECRET} random characters (openssl rand -base64 32)"
            )
        return secret

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        schemes = {"smtp", "smtps", "smtp+tls", "smtp+starttls"}
        if url.get_secret_value() and (parts.scheme not in schemes or not parts.hostname):
            raise ValueError("must look like smtp+starttls://user:password@host:587")
        return url

    @field_validator("mail_from", "mail_to")
    @classmethod
    def _address(cls, address: str) -> str:
        if address and not re.fullmatch(r"[^\s@<>\x00-\x1f]{1,64}@[^\s@<>\x00-\x1f]{1,255}", address):
            raise ValueError("must be one mail address")
        return address

    def plain(self) -> dict[str, Any]:
        """Field by field as plain values."""
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name in type(self).model_fields
            for value in (getattr(self, name),)
        }

    def faults_with(self, tables: Mapping[str, Any], path: str) -> list[Fault]:
        """What the file asks for and the environment does not provide."""
        faults = []
        if self.webhook_url.startswith("http:") and not tables["webhook"]["networks"]:
            faults.append(
                Fault(
                    "HELPBOT_WEBHOOK_URL", 0, "it does not begin with https://",
                    "Use https, or name its private network under [webhook]",
                )
            )  # fmt: skip
        needs = {"mail": "smtp_url", "slack": "slack_bot_token", "webhook": "webhook_secret"}
        plain = self.plain()
        for name, route in tables["routing"]["routes"].items():
            wanted = needs[route["sender"]]
            if not plain[wanted] and not (wanted == "slack_bot_token" and plain["slack_client_id"]):
                faults.append(
                    Fault(
                        path,
                        0,
                        f"the route {name} sends by {route['sender']}, which is off",
                        f"Set HELPBOT_{wanted.upper()}",
                    )
                )
        return faults


class _Files(PydanticBaseSettingsSource):
    """HELPBOT_NAME_FILE names a file that holds HELPBOT_NAME, as containers and systemd hand secrets over."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        del field
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError):
            return None, field_name, False  # `_secret_files` tells the reason

    def __call__(self) -> dict[str, Any]:
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            value, _, _ = self.get_field_value(field, name)
            if value is not None:
                found[name] = value
        return found


def check_environment(*, host: str | None = None, port: int | None = None) -> tuple[Environment | None, list[Fault]]:
    """The environment with what the options override, and everything that is wrong with it."""
    faults = [*_unknown_variables(), *_secret_files(), *_lacking()]
    given: dict[str, Any] = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    try:
        return Environment(**given), faults
    except ValidationError as wrong:
        for error in wrong.errors(include_input=False, include_url=False):
            message = error["msg"].removeprefix("Value error, ")
            name = str(error["loc"][0])
            where = f"--{name}" if name in given else f"{PREFIX}{name.upper()}"
            faults.append(Fault(where, 0, f"{message[:1].lower()}{message[1:]}", "Mend the setting"))
        return None, faults


def _unknown_variables() -> list[Fault]:
    known = [*(f"{PREFIX}{name.upper()}" for name in Environment.model_fields), *OTHER_VARIABLES]
    return [
        Fault(name, 0, "there is no such setting", _did_you_mean(name.removesuffix("_FILE"), known))
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name.removesuffix("_FILE") not in known and not name.startswith(_UNDESCRIBED)
    ]


_NEEDS: Final = (  # a setting, and what it is of no use without
    ("smtp_url", ("mail_from", "mail_to")),
    ("webhook_url", ("webhook_secret",)),
    ("slack_client_id", ("slack_client_secret", "slack_signing_secret")),
    ("slack_case_channel", ("slack_bot_token",)),
)


def _lacking() -> list[Fault]:
    """What is missing beside what is given."""

    def given(name: str) -> bool:
        return any(os.environ.get(f"{PREFIX}{name.upper()}{ending}") for ending in ("", "_FILE"))

    return [
        Fault(f"{PREFIX}{other.upper()}", 0, f"it is missing, and HELPBOT_{name.upper()} needs it", "Set it")
        for name, others in _NEEDS
        if given(name)
        for other in others
        if not given(other) and not (name == "slack_case_channel" and given("slack_client_id"))
    ]


def _secret_files() -> list[Fault]:
    faults = []
    for field, about in Environment.model_fields.items():
        variable = f"{PREFIX}{field.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            continue
        if os.environ.get(f"{PREFIX}{field.upper()}"):
            faults.append(Fault(variable, 0, f"{PREFIX}{field.upper()} is set as well", "Keep one of the two"))
        try:
            mode = Path(path).stat().st_mode
            Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as failed:
            reason = getattr(failed, "strerror", None) or "it is not UTF-8 text"
            faults.append(
                Fault(
                    variable,
                    0,
                    f"the file {path} cannot be read: {reason}",
                    "Mend the path or its permissions",
                )
            )
            continue
        private = path.startswith(CONTAINER_SECRETS) or not mode & stat.S_IROTH
        if about.annotation is SecretStr and stat.S_ISREG(mode) and not private:
            faults.append(Fault(variable, 0, f"everyone on this machine may read {path}", f"Run: chmod o-r {path}"))
    return faults
