"""Documents are tested like code: every command, setting and file they should tell of is told of, and exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from helpbot.cli.app import COMMANDS, load
from helpbot.config_schema import OTHER_VARIABLES, BotTables, Environment, check_bot_file

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OPERATORS = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
ENV_EXAMPLE = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")
VARIABLES = [*(f"HELPBOT_{name.upper()}" for name in Environment.model_fields), *OTHER_VARIABLES]


def members(command: Any) -> dict[str, Any]:
    return dict(getattr(command, "commands", None) or {})


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_is_described(name: str) -> None:
    command = load(name, COMMANDS[name])
    assert command.help
    assert f"`helpbot {name}`" in OPERATORS
    for member, inner in members(command).items():
        assert inner.help, f"{name} {member}"
        assert f"`{member}`" in OPERATORS
    for each in (members(command) or {name: command}).values():
        for option in each.params:
            if option.name != "help" and getattr(option, "help", None) is not None:
                assert option.help, f"{name}: {option.name}"


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_is_described(name: str) -> None:
    assert f"`{name}`" in OPERATORS
    assert re.search(rf"^# \S.*\n(?:# .*\n)*#{name}=", ENV_EXAMPLE, re.MULTILINE)


def test_env_example_holds_nothing_else() -> None:
    assert set(re.findall(r"^#?(HELPBOT_\w+)=", ENV_EXAMPLE, re.MULTILINE)) == set(VARIABLES)


def test_every_setting_of_the_file_is_described() -> None:
    tables = BotTables().model_dump()
    for name, table in tables.items():
        if name == "slack":
            continue
        for key in table or {"zone": "", "monday": "", "holidays": ""}:
            assert re.search(rf"\| `{name}\.{key}` \| \S", OPERATORS), f"{name}.{key}"


def test_the_shipped_settings_are_right_and_show_every_table() -> None:
    path = ROOT / "bot" / "helpbot.toml"
    text = path.read_text(encoding="utf-8")
    check_bot_file(text.encode(), str(path))
    for name in BotTables.model_fields:
        assert f"[{name}" in text or name == "webhook", name
    # What is commented out must be right, too, once the marks are taken off.
    bare = re.sub(r"^# (?=[\[a-z])(?!What |\()", "", text, flags=re.MULTILINE)
    check_bot_file(bare.split("\n", 3)[3].encode(), str(path))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            assert (document.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_name_commands_that_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    shown = "\n".join(re.findall(r"```(?:sh|text|console)\n(.*?)```", text, re.DOTALL))
    for name in [
        *re.findall(r"`helpbot ([a-z]+)\b", text),
        *re.findall(r"(?m)^(?:\S*/|\$ )?helpbot ([a-z]+)\b", shown),
    ]:
        assert name in COMMANDS, f"{document.name}: helpbot {name}"


@pytest.mark.parametrize("target", ["run", "setup", "test", "test-full", "check", "bench", "bench-quality"])
def test_make_has_its_targets(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_no_address_of_an_index_is_written_down() -> None:
    for name in ("requirements.txt", "deploy/requirements.txt", "pyproject.toml"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_licence_is_mit() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith("MIT License")
    assert "2026 The helpbot maintainers" in licence


def test_every_test_that_the_promises_name_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 50
    assert named - there == set()


def test_every_bad_input_that_is_promised_names_its_test() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    covered: set[int] = set()
    for numbers, tests in re.findall(r"^\| ([\d, -]+) \|.*\| ([^|]+) \|$", page, re.MULTILINE):
        assert "`test_" in tests, numbers
        for part in numbers.split(","):
            first, _, last = part.strip().partition("-")
            covered.update(range(int(first), int(last or first) + 1))
    assert covered == {*range(1, 26), *range(65, 75)}
