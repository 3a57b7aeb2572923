"""Settings: where they come from, and every mistake told at once, without the value."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpbot.bootstrap import desk_settings_of, manners_of, read_checked_settings, routing_of, web_of
from helpbot.config import Places, find_places, read_bot, read_settings
from helpbot.config_schema import check_bot_file
from helpbot.errors import SettingError
from tests.cli.conftest import ROOT

SECRET = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("HELPBOT_") and name != "HELPBOT_CACHE":
            monkeypatch.delenv(name)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "bot").mkdir()
    return Places(knowledge=ROOT / "knowledge", bot=tmp_path / "bot")


def faults(places: Places, **options: int) -> str:
    with pytest.raises(SettingError) as told:
        read_settings(places, **options)  # type: ignore[arg-type]  # only `port` is given
    return str(told.value)


MISTAKES = [  # what is written, the line, a word of what is said
    ('[bot]\nnaem = "x"', 2, "Did you mean `name`"),
    ("[bot\n", 1, "not TOML"),
    ('[bot]\nname = "x"\nname = "y"', 3, "not TOML"),
    ('[hours]\nzone = "Mars/Base"', 2, "no known time zone"),
    ('[hours]\nmonday = "9-17"', 2, "09:00-17:30"),
    ('[hours]\nmonday = "17:00-09:00"', 2, "ends before it begins"),
    ("[conversation]\nend_after_hours = 0", 2, "greater than or equal to 1"),
    ('[conversation]\nend_after_hours = "24"', 2, "valid integer"),
    ('[web]\nsites = ["*"]', 2, "may not hold *"),
    ('[web]\nsites = ["example.com"]', 2, "must be origins"),
    ('[web]\ntrusted_proxies = ["10.0.0.300"]', 2, "networks"),
    ('[widget]\ncolour = "red"', 2, "pattern"),
    ('[cases]\nprefix = "hb"', 2, "pattern"),
    ("[answers]\nwrong_price = 0", 2, "greater than or equal to 1"),
    ('[[routing.rules]]\nroutes = ["a"]\n[[routing.rules]]\ncolour = 3\nroutes = ["b"]', 4, "not known"),
    ('[routing.routes.x]\nsender = "pigeon"\ntarget = "y"', 2, "'mail', 'slack' or 'webhook'"),
    ("[colour]\nx = 1", 1, "not known"),
]


@pytest.mark.parametrize(("text", "line", "said"), MISTAKES, ids=[said for _, _, said in MISTAKES])
def test_a_mistake_in_the_file_is_told_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(SettingError) as told:
        check_bot_file(text.encode(), "bot/helpbot.toml")
    message = str(told.value)
    assert f"bot/helpbot.toml:{line}:" in message
    assert said in message


def test_all_mistakes_of_file_and_environment_are_told_at_once_and_no_value(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.bot_file.write_text('[bot]\nnaem = "x"\n[widget]\ncolour = "red"\n', encoding="utf-8")
    readable = tmp_path / "token"
    readable.write_text("xoxb-hush-hush-hush-hush", encoding="utf-8")
    readable.chmod(0o644)
    for name, value in {
        "PORT": "99999", "PRT": "1", "WEBHOOK_SECRET": "hush-short", "WEBHOOK_URL": "ftp://hush.example.com",
        "SMTP_URL": "pigeon://hush:hush@mail", "SLACK_BOT_TOKEN_FILE": str(readable), "DATABASE_URL": "mysql://hush",
        "MAIL_FROM": "hush\r\nBcc: x@y", "SLACK_CLIENT_ID": "hush", "PUBLIC_URL": "hush", "LOG_LEVEL": "loud-hush",
        "MAIL_TO_FILE": str(tmp_path / "missing"),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"HELPBOT_{name}", value)
    told = faults(places)
    for name in ("PORT", "PRT", "WEBHOOK_SECRET", "WEBHOOK_URL", "SMTP_URL", "SLACK_BOT_TOKEN_FILE", "DATABASE_URL",
                 "MAIL_FROM", "SLACK_CLIENT_SECRET", "SLACK_SIGNING_SECRET", "PUBLIC_URL", "LOG_LEVEL",
                     "MAIL_TO_FILE"):  # fmt: skip
        assert f"HELPBOT_{name}:" in told, name
    assert "helpbot.toml:2" in told
    assert "helpbot.toml:4" in told
    assert "hush" not in told
    assert "Did you mean `HELPBOT_PORT`" in told


def test_a_secret_comes_from_a_file_that_only_its_owner_reads(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n", encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("HELPBOT_SECRET_FILE", str(file))
    monkeypatch.setenv("HELPBOT_SECRET", "")
    settings = read_settings(places)
    assert settings.secrets.secret == SECRET
    assert SECRET not in repr(settings)
    monkeypatch.setenv("HELPBOT_SECRET", SECRET)
    assert "is set as well" in faults(places)


def test_options_win_over_the_environment(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELPBOT_PORT", "9000")
    monkeypatch.setenv("HELPBOT_HOST", "0.0.0.0")
    settings = read_settings(places, port=7000)
    assert (settings.host, settings.port) == ("0.0.0.0", 7000)
    assert "--port:" in faults(places, port=70_000)


def test_what_was_checked_once_is_read_without_pydantic_and_noticed_when_it_changes(
    places: Places, tmp_path: Path
) -> None:
    places.bot_file.write_text('[bot]\nname = "One"\n', encoding="utf-8")
    cache = tmp_path / "cache"
    first = read_bot(places, cache=cache)
    assert read_bot(places, cache=cache) == first
    next(cache.iterdir()).write_text("{cut", encoding="utf-8")
    assert read_bot(places, cache=cache) == first
    places.bot_file.write_text('[bot]\nname = "Two"\n', encoding="utf-8")
    assert read_bot(places, cache=cache).table("bot")["name"] == "Two"


def test_the_nearest_folders_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_places(environ={}).knowledge == ROOT / "knowledge"
    (tmp_path / "knowledge" / "articles").mkdir(parents=True)
    assert find_places(environ={}).knowledge == tmp_path / "knowledge"
    assert find_places(environ={"HELPBOT_KNOWLEDGE": str(ROOT / "knowledge")}).knowledge == ROOT / "knowledge"
    with pytest.raises(SettingError, match=r"--knowledge: [\s\S]*HELPBOT_BOT: "):
        find_places(tmp_path / "gone", environ={"HELPBOT_BOT": "/gone"})


def test_routes_are_what_the_environment_sets_and_what_the_file_adds(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.bot_file.write_text(
        '[routing.routes.billing]\nsender = "mail"\ntarget = "billing@example.com"\n'
        '[[routing.rules]]\nproduct = "invoice"\nroutes = ["billing"]\n',
        encoding="utf-8",
    )
    assert "HELPBOT_SMTP_URL" in faults(places)  # a route by mail, and no mail server
    for name, value in {
        "SMTP_URL": "smtps://u:p@mail.example.com", "MAIL_FROM": "bot@example.com", "MAIL_TO": "help@example.com",
        "WEBHOOK_URL": "https://hooks.example.com/x", "WEBHOOK_SECRET": "whsec_" + "A" * 32,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"HELPBOT_{name}", value)
    routing = routing_of(read_checked_settings(places))
    assert set(routing.routes) == {"mail", "webhook", "billing"}
    assert set(routing.default) == {"mail", "webhook", "billing"}
    assert routing.rules[0].routes == ("billing",)


def test_an_unknown_route_stops_the_start(places: Places) -> None:
    places.bot_file.write_text('[routing]\ndefault = ["nowhere"]\n', encoding="utf-8")
    with pytest.raises(SettingError, match="nowhere"):
        read_checked_settings(places)


def test_hours_and_manners_reach_the_dialogue(places: Places) -> None:
    places.bot_file.write_text(
        '[bot]\nname = "Ada"\nfrequent = ["x"]\n[conversation]\nremind_after_minutes = 0\n'
        '[hours]\nzone = "Europe/Brussels"\nmonday = "09:00-17:30"\nholidays = [2026-12-25]\n',
        encoding="utf-8",
    )
    settings = read_settings(places)
    manners = manners_of(settings.bot)
    assert manners.name == "Ada"
    assert manners.remind_after is None
    assert manners.hours is not None
    assert set(manners.hours.week) == {0}
    assert desk_settings_of(settings).case_prefix == "HB-"
    assert web_of(settings)[0].sites["default"].name == "Ada"
