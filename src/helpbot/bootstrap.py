"""The one place that joins concrete parts: settings to stores, channels to the desk, knowledge to the engine.

Nothing imports this but the commands. Each function imports what it joins when it is called, so that a
command loads its own parts only.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Final

from helpbot import __version__
from helpbot.errors import Fault, HelpbotError, KnowledgeError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from socket import socket
    from typing import Self

    from helpbot.channels.slack.service import SlackService
    from helpbot.channels.slack.settings import SlackSettings
    from helpbot.channels.web.holds import Hold
    from helpbot.channels.web.images import Shelf
    from helpbot.channels.web.settings import WebSettings
    from helpbot.config import BotFile, Places, Settings
    from helpbot.desk.delivery import Courier
    from helpbot.desk.desk import Desk
    from helpbot.desk.ports import Sender
    from helpbot.desk.records import DeskSettings
    from helpbot.dialogue.policy import Policy
    from helpbot.dialogue.rehearse import Rehearsal
    from helpbot.dialogue.replies import Replies
    from helpbot.dialogue.world import Manners, World
    from helpbot.escalation.routing import Routing
    from helpbot.knowledge.base import KnowledgeBase
    from helpbot.retrieval.search import ArticleHit
    from helpbot.store.keeping import Beside
    from helpbot.store.sql import SqlStore
    from helpbot.understanding.engine import Engine

__all__ = ["Checked", "Mind", "check_all", "manners_of", "open_mind", "policy_of", "routing_of", "slack_of", "web_of"]

SWEEP_SECONDS: Final = 3600.0
ASKED_SECONDS: Final = 600.0  # between two looks at what is asked most
ASKED_SPAN: Final = timedelta(days=30)
SLACK_REPLIES: Final = "slack-replies"
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def policy_of(bot: BotFile) -> Policy:
    """What mistakes cost, as the operator set it."""
    from helpbot.dialogue.policy import Policy

    return Policy(**bot.table("answers"))


def manners_of(bot: BotFile, knowledge: KnowledgeBase | None = None) -> Manners:
    """How the bot behaves, as the operator set it; it offers only what the knowledge holds."""
    from helpbot.dialogue.world import Hours, Manners
    from helpbot.messages import Channel

    who, talk, hours = bot.table("bot"), bot.table("conversation"), bot.tables["hours"]
    opening = None
    if hours is not None:
        from zoneinfo import ZoneInfo

        opening = Hours(
            zone=ZoneInfo(hours["zone"]),
            week={
                number: (time.fromisoformat(hours[day][:5]), time.fromisoformat(hours[day][6:]))
                for number, day in enumerate(WEEKDAYS)
                if hours[day]
            },
            holidays=frozenset(date.fromisoformat(day) for day in hours["holidays"]),
        )
    return Manners(
        name=who["name"],
        company=who["company"],
        remind_after=timedelta(minutes=talk["remind_after_minutes"]) or None,
        end_after=timedelta(hours=talk["end_after_hours"]),
        hours=opening,
        acknowledge=talk["acknowledge"],
        frequent=tuple(name for name in who["frequent"] if knowledge is None or name in knowledge.resolutions),
        ask_address=frozenset(Channel(name) for name in talk["ask_address"]),
    )


def routing_of(settings: Settings) -> Routing:
    """Every way to reach agents: those of helpbot.toml, and `slack`, `mail`, `webhook` as the environment says."""
    from helpbot.escalation.routing import Kind, Route, Routing, Rule

    table = settings.bot.table("routing")
    routes: dict[str, Route] = {}
    for name, target in (
        ("slack", settings.slack_case_channel),
        ("mail", settings.mail_to if settings.secrets.smtp_url else ""),
        ("webhook", settings.webhook_url),
    ):
        if target:
            routes[name] = Route(name=name, sender=name, target=target)
    if has_slack(settings):
        # What the bot says to users of Slack is sent, too: into the thread it was asked in.
        routes[SLACK_REPLIES] = Route(
            name=SLACK_REPLIES, sender="slack", target="the thread", kinds=frozenset({Kind.MESSAGE_TO_USER})
        )
    if "slack" in routes and "mail" in routes:
        routes["slack"] = Route(name="slack", sender="slack", target=settings.slack_case_channel, fallback="mail")
    for name, route in table["routes"].items():
        routes[name] = Route(**{**route, "name": name, "kinds": frozenset(route["kinds"])})
    return Routing(
        routes=routes,
        rules=tuple(Rule(**{**rule, "routes": tuple(rule["routes"])}) for rule in table["rules"]),
        default=tuple(table["default"] or (name for name in routes if name != SLACK_REPLIES)),
    )


def has_slack(settings: Settings) -> bool:
    """Whether Slack is set up at all."""
    return bool(settings.secrets.slack_bot_token or settings.secrets.slack_client_id)


def slack_of(settings: Settings) -> SlackSettings:
    """Slack's settings; SettingError with all that is wrong with them."""
    from helpbot.channels.slack.settings import slack_settings

    secrets = settings.secrets
    return slack_settings(
        settings.bot.table("slack"),
        signing_secret=secrets.slack_signing_secret,
        bot_token=secrets.slack_bot_token,
        app_token=secrets.slack_app_token,
        client_id=secrets.slack_client_id,
        client_secret=secrets.slack_client_secret,
        case_channel=settings.slack_case_channel,
        api_url=settings.slack_api_url,
        public_url=settings.public_url,
        path=str(settings.places.bot_file),
    )


def web_of(settings: Settings) -> tuple[WebSettings, list[Fault]]:
    """The web's settings, and all that is wrong with them."""
    from helpbot.channels.web.identity import parse_keys
    from helpbot.channels.web.settings import WebSettings
    from helpbot.channels.web.sites import DEFAULT_SITE, Site, read_sites, read_texts

    table, bot = settings.bot.table("web"), settings.places.bot
    keys, faults = parse_keys(settings.secrets.identity_keys)
    further, more = read_sites(bot / "widget" / "sites.toml")
    look = settings.bot.table("widget")
    own = Site(
        key="default", name=look["name"] or settings.bot.table("bot")["name"], colour=look["colour"],
        allowed=tuple(table["sites"]), language=look["language"], direction=look["direction"], theme=look["theme"],
        position=look["position"],
    )  # fmt: skip
    sites = {**further, "default": own if further.get("default", DEFAULT_SITE) == DEFAULT_SITE else further["default"]}
    texts, most = read_texts(shipped_or_own(settings.places, "widget") / "lang")
    web = WebSettings(
        public_url=settings.public_url.rstrip("/") or f"http://{settings.host}:{settings.port}",
        sites=sites,
        texts=texts,
        identity_keys=keys,
        trusted_proxies=tuple(table["trusted_proxies"]),
        metrics_token=settings.secrets.metrics_token,
        files=files_folder(settings) if table["screenshots"] else None,
        demo=table["demo"],
        threads=table["threads"],
    )
    return web, [*faults, *more, *most]


def files_folder(settings: Settings) -> Path | None:
    """Where screenshots are kept: `files` beside an SQLite database, else `var/files` of the working directory.

    None for a database in memory: a picture must not outlive what it belongs to.
    """
    from pathlib import Path

    from helpbot.store.sql import MEMORY

    url = settings.database_url
    if url == MEMORY:
        return None
    if url.startswith("sqlite:///"):
        return Path(url.removeprefix("sqlite:///")).parent / "files"
    return Path("var") / "files"


def files_of(settings: Settings, store: SqlStore) -> Path | Hold | None:
    """Where files are kept: in a PostgreSQL database, which nodes share, else in a folder. None: they are not taken.

    What was kept in the folder before a database took them is still found there.
    """
    from helpbot.channels.web.holds import Folder
    from helpbot.channels.web.rows import Rows

    folder = files_folder(settings)
    if store.engine.name != "postgresql" or folder is None:
        return folder
    return Rows(store.engine, older=Folder(folder))


class Mind:
    """A knowledge with its engine, and the world that conversations are held in."""

    __slots__ = ("engine", "knowledge", "world")

    def __init__(self, knowledge: KnowledgeBase, engine: Engine, world: World) -> None:
        self.knowledge, self.engine, self.world = knowledge, engine, world

    @property
    def meaning(self) -> bool:
        """Whether meaning is compared, not words alone."""
        return self.engine.encoder is not None

    def rehearsal(self) -> Rehearsal:
        """A conversation in memory: nothing is kept and nobody is told."""
        from helpbot.dialogue.rehearse import Rehearsal

        return Rehearsal(self.world, at=datetime.now(UTC))


def open_mind(places: Places, *, words_only: bool = False, report: Callable[[str], None] | None = None) -> Mind:
    """What answers: knowledge, engine, replies and manners of two folders.

    Without the encoder's weights, or with `words_only`, words alone are compared. Raises KnowledgeError or
    SettingError with every fault of what is read.
    """
    from helpbot.compiled import open_engine
    from helpbot.config import read_bot
    from helpbot.dialogue.world import World
    from helpbot.hearing import open_hearing, open_marking, require_words
    from helpbot.loading import cache_folder

    bot = read_bot(places, cache=cache_folder())
    require_words(places.bot)
    encoder = None
    if not words_only:
        from helpbot import model

        encoder = model.load()
    compiled = open_engine(places.knowledge, encoder=encoder, report=report)
    world = World(
        knowledge=compiled.knowledge,
        diagnose=compiled.engine.diagnose,
        replies=replies_of(places),
        policy=policy_of(bot),
        manners=manners_of(bot),
        hear=open_hearing(places.bot, compiled.knowledge, encoder),
        mark=open_marking(places.bot, encoder),
    )
    return Mind(compiled.knowledge, compiled.engine, world)


def _heard_ahead(mind: Mind) -> None:
    """Open what is otherwise opened, or learnt, at the first message that needs it."""
    mind.world.hear("")
    mind.world.mark("", "both")


def replies_of(places: Places) -> Replies:
    """The templates of a bot folder, checked; what was checked once is noted in the cache folder."""
    from helpbot.dialogue.replies import Replies, check_replies
    from helpbot.loading import cache_folder

    sources = reply_sources(places)
    digest = sha256(json.dumps(sources, sort_keys=True).encode("utf-8", "replace")).hexdigest()[:24]
    noted = cache_folder() / f"replies-{__version__}-{digest}.ok"
    if not noted.exists():
        grave = [fault for fault in check_replies(sources, str(places.bot / "replies")) if fault.grave]
        if grave:
            raise KnowledgeError(grave)
        with suppress(OSError):
            noted.parent.mkdir(parents=True, exist_ok=True)
            noted.touch()
    return Replies(sources)


def reply_sources(places: Places) -> dict[str, str]:
    """The templates of a bot folder by name; those it does not have are the shipped ones."""
    from helpbot.config import shipped_places
    from helpbot.loading import read_replies

    return {**read_replies(shipped_places().bot), **read_replies(places.bot)}


class Checked:
    """What `helpbot check` found: faults that must be mended, warnings, and what is off."""

    __slots__ = ("faults", "off", "says")

    def __init__(self, faults: list[Fault], off: list[str], says: Mapping[str, Any]) -> None:
        self.faults, self.off, self.says = faults, off, says

    @property
    def grave(self) -> list[Fault]:
        """The faults that must be mended."""
        return [fault for fault in self.faults if fault.grave]


def check_all(places: Places) -> Checked:
    """Everything wrong in the knowledge, the replies, the settings and the model's files, all at once."""
    from helpbot import model
    from helpbot.dialogue.replies import check_replies
    from helpbot.hearing import check_words
    from helpbot.loading import read_knowledge

    knowledge, faults = read_knowledge(places.knowledge)
    faults += check_replies(reply_sources(places), str(places.bot / "replies"))
    faults += check_words(places.bot)
    off: list[str] = []
    try:
        settings = read_checked_settings(places)
        off += settings.off()
        frequent = settings.bot.table("bot")["frequent"]
        faults += [
            Fault(
                str(places.bot_file),
                0,
                f"`bot.frequent` names {name}, which is no resolution of this knowledge",
                "Name one that is; it is left out of the greeting",
                grave=False,
            )
            for name in frequent
            if name not in knowledge.resolutions
        ]
        if not routing_of(settings).routes:
            off.append("Nobody is told of a case: `helpbot cases` lists them. Set up Slack, e-mail or a webhook")
    except SettingError as wrong:
        faults += wrong.faults
    try:
        from helpbot.senders.mail import check_templates

        check_templates(shipped_or_own(places, "mail"))
    except KnowledgeError as wrong:
        faults += wrong.faults
    try:
        found = model.find()
        if found is None:
            off.append("Meaning is not compared, words alone are: run `helpbot model install`")
    except (SettingError, KnowledgeError) as wrong:
        faults += wrong.faults
    except HelpbotError as wrong:
        faults.append(Fault("model", 0, str(wrong), "Run `helpbot model install`"))
    says = {
        "knowledge": str(places.knowledge),
        "bot": str(places.bot),
        "version": knowledge.version,
        "articles": len(knowledge.articles),
        "sections": sum(len(article.sections) for article in knowledge.articles.values()),
        "resolutions": len(knowledge.resolutions),
        "errors": sum(len(resolution.errors) for resolution in knowledge.resolutions.values()),
        "questions": sum(len(resolution.questions) for resolution in knowledge.resolutions.values()),
        "examples": len(knowledge.examples),
    }
    return Checked(sorted(set(faults), key=lambda fault: (not fault.grave, fault)), off, says)


def read_checked_settings(places: Places, *, host: str | None = None, port: int | None = None) -> Settings:
    """Everything that is set, checked also by the channels that use it; SettingError with all faults at once."""
    from helpbot.config import read_settings
    from helpbot.loading import cache_folder

    settings = read_settings(places, host=host, port=port, cache=cache_folder())
    faults = [*web_of(settings)[1], *routing_of(settings).faults(str(places.bot_file))]
    try:
        slack_of(settings)
    except SettingError as wrong:
        faults += wrong.faults
    if settings.secrets.smtp_url:
        from helpbot.senders.mail import mail_server

        try:
            mail_server(settings.secrets.smtp_url)
        except SettingError as wrong:
            faults += wrong.faults
    if faults:
        raise SettingError(faults)
    return settings


# ---- what runs ------------------------------------------------------------------------------------------------------


class Knowing:
    """The world of the moment. Knowledge that changes on disk is read anew and swapped whole; broken is not taken."""

    def __init__(
        self, settings: Settings, *, words_only: bool = False, report: Callable[[str], None] | None = None
    ) -> None:
        self._settings, self._words_only, self._report = settings, words_only, report or (lambda _line: None)
        self._stamp = self._look()
        self._later = not words_only and not _learnt(settings.places)
        self._mind = open_mind(settings.places, words_only=words_only or self._later, report=report)
        self._asked: Mapping[str, int] = {}
        self._world = self._mind.world
        self._swap = Lock()
        self.broken = ""  # why the newest files are not in use; empty: they are

    def learn_meaning(self) -> None:
        """Learn ahead what the first messages will need, and what the encoder adds: words alone answer until then."""
        if not self._later:
            _heard_ahead(self._mind)
            return
        stamp = self._stamp
        mind = open_mind(self._settings.places)
        _heard_ahead(mind)
        if stamp == self._stamp:  # changed meanwhile: the newer files were taken over with meaning
            self._take(mind)
        self._later = False
        self._report("Meaning is compared now, beside words")

    @property
    def mind(self) -> Mind:
        """Knowledge, engine and world, all of one version."""
        return self._mind

    @property
    def meaning(self) -> str:
        """Whether meaning is compared, in words, as /readyz says it."""
        if self._mind.meaning:
            return "on"
        return "being learnt: words alone until then" if self._later else "off: words alone (helpbot model install)"

    def world(self) -> World:
        """The world that a turn is held in."""
        return self._world

    def offer(self, asked: Mapping[str, int]) -> None:
        """Greet with what was asked most, from now on."""
        with self._swap:
            self._asked = asked
            world = self._mind.world.offering(asked)
            if world.manners != self._world.manners:  # else nobody need forget what was made of the world
                self._world = world

    def _take(self, mind: Mind) -> None:
        with self._swap:
            self._mind, self._world = mind, mind.world.offering(self._asked)

    def search(self, text: str, top: int = 10) -> list[ArticleHit]:
        """The articles about something, best first."""
        return self._mind.engine.search(text, top)

    def refresh(self) -> bool:
        """Take over what changed on disk; True if it did. What is broken is reported and the old stays in use."""
        from helpbot.desk.failpoints import reach

        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            mind = open_mind(self._settings.places, words_only=self._words_only)
        except HelpbotError as fault:
            self.broken = str(fault)
            self._report(f"The knowledge was changed but is broken, so the earlier one stays in use:\n{fault}")
            return False
        reach("in-swap")
        self._take(mind)
        self.broken = ""
        self._report(f"The knowledge is now version {mind.knowledge.version}")
        return True

    def _look(self) -> int:
        """A number that changes when a file of the knowledge or of the bot does."""
        from helpbot.loading import knowledge_files

        places = self._settings.places
        files = [*knowledge_files(places.knowledge), *sorted(places.bot.rglob("*"))]
        seen = []
        for path in files:
            with suppress(OSError):
                stat = path.stat()
                seen.append((str(path), stat.st_mtime_ns, stat.st_size))
        return hash(tuple(seen))


def _learnt(places: Places) -> bool:
    """Whether opening with meaning takes a moment only; also true where there is no encoder to learn with."""
    from helpbot import model
    from helpbot.compiled import is_compiled

    encoder = model.load()
    return encoder is None or is_compiled(places.knowledge, encoder)


class House:
    """A desk with all that it stands on: store, knowledge, senders. Closes what it opened."""

    def __init__(
        self,
        settings: Settings,
        knowing: Knowing,
        store: SqlStore,
        desk: Desk,
        courier: Courier,
        slack: SlackService | None,
    ) -> None:
        self.settings, self.knowing, self.store = settings, knowing, store
        self.desk, self.courier, self.slack = desk, courier, slack
        self._stop = Event()
        self._threads: list[Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def work(self, *, refresh_seconds: float = 2.0, tick_seconds: float = 5.0) -> None:
        """Start what goes on by itself: deliveries, reminders, taking over changed knowledge."""
        self._thread("courier", lambda: self.courier.run(self._stop))
        self._thread("clock", lambda: self._every(tick_seconds, self.desk.tick))
        self._thread("knowledge", lambda: self._every(refresh_seconds, self.knowing.refresh))
        self._thread("meaning", self.knowing.learn_meaning)
        self._thread("sweeper", lambda: self._every(SWEEP_SECONDS, self._sweep))
        if self.settings.bot.table("bot")["most_asked"] != "off":
            self._thread("asked", lambda: self._every(ASKED_SECONDS, self.count_asked, at_once=True))

    def gauges(self) -> Mapping[str, float]:
        """What stands at this moment, for /metrics."""
        from helpbot.desk.records import DeliveryState

        now, waiting = datetime.now(UTC), self.store.waiting_routes()
        left: dict[DeliveryState, int] = {s: 0 for s in DeliveryState if s is not DeliveryState.DELIVERED}
        for _, state, count, _ in self.store.backlog():
            left[state] += count
        return {
            **{f"deliveries_{state.value}": float(count) for state, count in left.items()},
            "delivery_lag_seconds": max(((now - since).total_seconds() for since in waiting.values()), default=0.0),
            "routes_waiting": float(len(waiting)),
            "knowledge_broken": float(bool(self.knowing.broken)),
        }

    def count_asked(self) -> None:
        """Let the greeting offer what was asked most of late."""
        from helpbot.store.traffic import most_asked

        channel = self.settings.bot.table("bot")["most_asked"].replace("all", "")
        self.knowing.offer(most_asked(self.store, datetime.now(UTC) - ASKED_SPAN, channel))

    def _sweep(self) -> None:
        from helpbot.store.keeping import sweep

        beside = beside_of(self.settings, self.store)
        sweep(self.store, datetime.now(UTC), beside=beside, **self.settings.bot.table("retention"))

    def close(self) -> None:
        """Stop what was started and close the store."""
        self._stop.set()
        if self.slack is not None:
            self.slack.stop()
        for thread in self._threads:
            thread.join(timeout=10)
        self.store.close()

    def _thread(self, name: str, work: Callable[[], object]) -> None:
        thread = Thread(target=work, name=f"helpbot-{name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _every(self, seconds: float, work: Callable[[], object], *, at_once: bool = False) -> None:
        import logging

        while not self._stop.wait(0 if at_once else seconds):
            at_once = False
            try:
                work()
            except Exception as problem:  # the next round may go well, and nobody else would go on
                logging.getLogger("helpbot").warning("%s: %s", type(problem).__name__, problem)


def desk_settings_of(settings: Settings) -> DeskSettings:
    """What the operator decided about the desk."""
    from helpbot.desk.records import DeskSettings
    from helpbot.messages import Channel

    cases, routing = settings.bot.table("cases"), routing_of(settings)
    manners = manners_of(settings.bot)
    return DeskSettings(
        routing=routing,
        reply_routes={Channel.SLACK: SLACK_REPLIES} if has_slack(settings) else {},
        user_mail_route="mail" if settings.secrets.smtp_url else "",
        case_prefix=cases["prefix"],
        remind_after=manners.remind_after or timedelta(days=3650),
        close_after=manners.end_after,
        max_mails_a_day=cases["mails_a_day"],
        give_up_after=timedelta(hours=cases["give_up_after_hours"]),
        fallback_after=timedelta(minutes=cases["fallback_after_minutes"]),
    )


def open_store(settings: Settings) -> SqlStore:
    """The database, made or upgraded if need be."""
    from helpbot.store.sql import SqlStore

    return SqlStore(settings.database_url)


def beside_the_desk(settings: Settings) -> dict[str, Any]:
    """What a backup holds beside the desk's tables: the folder of pictures, and the tables that channels keep."""
    from helpbot.channels.slack import tables
    from helpbot.channels.web import rows

    further = (*tables.metadata.sorted_tables, *rows.metadata.sorted_tables)
    return {"pictures": files_folder(settings), "further": further}


def beside_of(settings: Settings, store: SqlStore) -> Beside:
    """What deletes a conversation's pictures, and Slack's own rows of it where Slack was ever used."""
    from helpbot.channels.slack.state import SlackState, has_tables
    from helpbot.channels.web.images import Shelf
    from helpbot.desk.desk import utc_now
    from helpbot.errors import CallError, Code

    shelf = Shelf(files_of(settings, store))
    slack = SlackState(store.engine, utc_now) if has_slack(settings) or has_tables(store.engine) else None

    def beside(conversation: str, thread: str, keys: Sequence[str]) -> None:
        try:
            shelf.erase(conversation)
        except OSError as error:
            raise CallError(
                Code.UNAVAILABLE,
                f"the pictures of {conversation} in {files_folder(settings)} cannot be deleted ({error.strerror})",
                "Make the folder writable and run the same command again",
            ) from error
        if slack is not None:
            slack.erase(conversation, thread, keys)

    return beside


def open_desk(
    settings: Settings,
    *,
    words_only: bool = False,
    report: Callable[[str], None] | None = None,
    slack_too: bool = False,
) -> House:
    """A desk on the configured database, with the configured ways to tell agents; with Slack if it is wanted."""
    from helpbot.desk.desk import Desk

    knowing = Knowing(settings, words_only=words_only, report=report)
    store = open_store(settings)
    desk_settings = desk_settings_of(settings)
    desk = Desk(store, knowing.world, desk_settings)
    slack = slack_service_of(settings, knowing, store, desk) if slack_too and has_slack(settings) else None
    further = (slack.sender,) if slack is not None else ()
    return House(settings, knowing, store, desk, courier_of(settings, store, desk_settings, *further), slack)


def shelf_of(settings: Settings, store: SqlStore) -> Shelf | None:
    """The files of conversations; None where none are taken."""
    from helpbot.channels.web.images import Shelf

    place = files_of(settings, store) if settings.bot.table("web")["screenshots"] else None
    return Shelf(place) if place is not None else None


def slack_service_of(settings: Settings, knowing: Knowing, store: SqlStore, desk: Desk) -> SlackService:
    """Everything of Slack, on the store's own database."""
    from helpbot.channels.slack.engine import engine_of
    from helpbot.channels.slack.manifest import manifest, scopes
    from helpbot.channels.slack.service import SlackService

    wanted = scopes(manifest(shipped_or_own(settings.places, "slack") / "manifest.yaml"))
    return SlackService(
        slack_of(settings),
        desk,
        store.engine,
        engine_of(knowing.world),
        scopes=wanted,
        shelf=shelf_of(settings, store),
    )


def courier_of(settings: Settings, store: SqlStore, desk_settings: DeskSettings, *further: Sender) -> Courier:
    """What carries deliveries out, with a sender for each way that is configured; `further` ones as given."""
    from helpbot.desk.delivery import Courier

    senders: list[Sender] = list(further)
    secrets = settings.secrets
    if secrets.smtp_url:
        from helpbot.senders.mail import MailSender, mail_server

        senders.append(
            MailSender(
                mail_server(secrets.smtp_url),
                settings.mail_from,
                shipped_or_own(settings.places, "mail"),
                company=settings.bot.table("bot")["company"],
                files=shelf_of(settings, store),
            )
        )
    if secrets.webhook_secret:
        from helpbot.senders.outside import OutsideClient
        from helpbot.senders.webhook import WebhookSender

        networks = settings.bot.table("webhook")["networks"]
        senders.append(WebhookSender(OutsideClient(networks=networks), secrets.webhook_secret))
    return Courier(store, senders, desk_settings)


def shipped_or_own(places: Places, name: str) -> Path:
    """A folder of the bot's, or the shipped one where the bot has none of its own."""
    own = places.bot / name
    if own.is_dir():
        return own
    from helpbot.config import shipped_places

    return shipped_places().bot / name


def serve(settings: Settings, *, words_only: bool = False, report: Callable[[str], None]) -> None:
    """Web API, widget, demo page, Slack where configured, deliveries: one process, until SIGTERM or SIGINT."""
    import signal

    from helpbot.channels.web.app import create_app
    from helpbot.channels.web.server import make_server

    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    address = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104  # shown, not bound
    log_to_stderr(settings.log_level)
    for sentence in settings.off():
        report(f"off: {sentence}.")
    with open_desk(settings, words_only=words_only, report=report, slack_too=True) as house:
        web = web_of(settings)[0]
        if web.files is not None:
            web = replace(web, files=files_of(settings, house.store))
        web = replace(web, public_url=settings.public_url.rstrip("/") or address)
        slack = house.slack
        app = create_app(
            house.desk,
            house.knowing.world,
            web,
            house.store.notices,
            slack=slack.gate if slack is not None and slack_of(settings).http else None,
            search=house.knowing.search,
            ready=house.store.ready,
            notes=lambda: {"meaning": house.knowing.meaning},
            gauges=house.gauges,
            read=slack.read if slack is not None else None,
        )
        house.work()
        if slack is not None:
            if settings.secrets.slack_app_token:
                slack.connect()
            slack.start()
        report(f"helpbot is at {address}  (stop it with Ctrl-C)")
        # uvicorn raises the signal that stopped it once more when it is done: by then it has been obeyed.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        make_server(app, settings.host, port).run(sockets=[listener])


def serve_slack(settings: Settings, *, words_only: bool = False, report: Callable[[str], None]) -> None:
    """Slack alone, over Socket Mode, with deliveries and reminders; until SIGTERM or SIGINT."""
    import signal

    if not has_slack(settings):
        raise SettingError([Fault("HELPBOT_SLACK_BOT_TOKEN", 0, "it is missing, so Slack is off", "Set it")])
    log_to_stderr(settings.log_level)
    with open_desk(settings, words_only=words_only, report=report, slack_too=True) as house:
        assert house.slack is not None
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        house.slack.connect()
        house.work()
        house.slack.start()
        report("helpbot is connected to Slack  (stop it with Ctrl-C)")
        stop.wait()


def log_to_stderr(level: str) -> None:
    """JSON lines without message texts; a person at the terminal sees warnings only."""
    import logging
    import sys

    from helpbot.channels.web.logs import JsonLines

    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    quiet = level == "info" and sys.stderr is not None and sys.stderr.isatty()
    logging.basicConfig(level="WARNING" if quiet else level.upper(), handlers=[handler], force=True)


def _listen(host: str, port: int) -> socket:
    """A socket at the address; SettingError where it is taken or is not this machine's."""
    import socket as sockets

    try:
        family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
        return sockets.create_server((host, port), family=family, backlog=2048)
    except OSError as failed:
        remedy = (
            "Choose another with --port, or stop what uses it" if failed.errno == 98 else "Mend --host or HELPBOT_HOST"
        )
        raise SettingError(
            [Fault(f"{host}:{port}", 0, f"nothing can listen there: {failed.strerror}", remedy)]
        ) from failed
