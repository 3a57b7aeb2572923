"""Write what documents take from the program: env.example, the tables of docs/operators.md, the drawn state machine.

python scripts/generate.py [--check]        # --check writes nothing and says what is out of date
"""

import ast
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel

from helpbot import config_schema
from helpbot.cli.app import COMMANDS, load
from helpbot.config_schema import OTHER_VARIABLES, BotTables, Environment

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "helpbot"


def env_example() -> str:
    """Every setting of the environment, explained, each with its default, all commented out."""
    lines = [
        "# Every setting that comes from the environment. Copy it, uncomment what you need and fill it in.",
        "# Instead of NAME=value, NAME_FILE=/path may name a file that holds the value; only its owner may read it.",
        "# What is left out is off; `helpbot check` says what is. All else stands in bot/helpbot.toml.",
    ]
    for name, about, default in variables():
        lines += ["", *textwrap.wrap(about, 110, initial_indent="# ", subsequent_indent="# "), f"#{name}={default}"]
    return "\n".join(lines) + "\n"


def variables() -> Iterator[tuple[str, str, str]]:
    """Each variable: its name, what it means, its default."""
    for name, field in Environment.model_fields.items():
        default = field.get_default()
        plain = default.get_secret_value() if hasattr(default, "get_secret_value") else default
        yield f"HELPBOT_{name.upper()}", field.description or "", str(plain)
    for name, about in OTHER_VARIABLES.items():
        yield name, about, ""


def environment_table() -> str:
    """The variables as a table."""
    rows = [f"| `{name}` | {about} | {f'`{default}`' if default else ''} |" for name, about, default in variables()]
    return "\n".join(["| variable | what it is | default |", "|---|---|---|", *rows])


def file_tables() -> str:
    """The tables of helpbot.toml with the words that stand under each field in the schema."""
    out: list[str] = []
    said = field_words()
    for name, field in BotTables.model_fields.items():
        model = model_of(field.annotation)
        if model is None:
            continue
        out += [
            "",
            f"**[{name}]** {(model.__doc__ or '').strip()}",
            "",
            "| setting | what it is | default |",
            "|---|---|---|",
        ]
        for key, inner in model.model_fields.items():
            default = inner.get_default(call_default_factory=True)
            shown = "" if inner.is_required() else f"`{shown_default(default)}`"
            about = said.get((model.__name__, key), "").replace("|", "\\|")
            out.append(f"| `{name}.{key}` | {about} | {shown} |")
    return "\n".join(out).strip()


def shown_default(value: object) -> str:
    """A default as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value).replace("'", '"')


def model_of(annotation: object) -> type[BaseModel] | None:
    """The table behind an annotation, through `X | None`."""
    for found in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(found, type) and issubclass(found, BaseModel):
            return found
    return None


def field_words() -> dict[tuple[str, str], str]:
    """The string under each field of each class of the schema."""
    tree = ast.parse(Path(config_schema.__file__).read_text(encoding="utf-8"))
    words: dict[tuple[str, str], str] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        last = ""
        for line in node.body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                last = line.target.id
            elif isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and last:
                words[node.name, last] = str(line.value.value)
    return words


def commands_table() -> str:
    """Every command, with the first sentence of what it says of itself."""
    rows = []
    for name, module in COMMANDS.items():
        command = load(name, module)
        members = getattr(command, "commands", None)
        about = " ".join((command.help or "").split())
        inner = f" Commands: {', '.join(f'`{member}`' for member in members)}." if members else ""
        rows.append(f"| `helpbot {name}` | {about}{inner} |")
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def state_machine() -> str:
    """The conversation's state machine, drawn from its own table."""
    from helpbot.dialogue.draw import drawn

    return f"```mermaid\n{drawn().strip()}\n```"


LAYERS = (
    "cli", "bootstrap", "config", "config_schema", "compiled", "hearing", "loading", "loading_index", "model",
    "evaluation", "tuning", "channels", "senders", "store", "importing", "desk", "escalation", "dialogue",
    "understanding", "retrieval", "knowledge", "messages", "errors",
)  # fmt: skip


def modules_table() -> str:
    """Every module with the first sentence of its own docstring, the highest layer first."""

    def place(path: Path) -> tuple[int, str]:
        first = path.relative_to(SOURCE).with_suffix("").parts[0]
        return (LAYERS.index(first) if first in LAYERS else 0), path.as_posix()

    rows = ["| module | what it does |", "|---|---|"]
    for path in sorted(SOURCE.rglob("*.py"), key=place):
        if path.name in {"__init__.py", "env.py"} or "versions" in path.parts:
            continue
        about = " ".join((ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0].split())
        rows.append(f"| `{path.relative_to(ROOT)}` | {about.rstrip('.').replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "docs/operators.md": {"commands": commands_table, "environment": environment_table, "settings": file_tables},
    "ARCHITECTURE.md": {"state machine": state_machine, "modules": modules_table},
}


def documents() -> Iterator[tuple[Path, str]]:
    """Each document and what it should hold."""
    yield ROOT / "deploy" / "env.example", env_example()
    for name, parts in PARTS.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        for part, made in parts.items():
            begin, end = f"<!-- begin {part} -->", f"<!-- end {part} -->"
            if begin not in text or end not in text:
                sys.exit(f"{name}: the marks {begin} and {end} are missing")
            body = made()
            text = re.sub(f"{begin}.*?{end}", lambda _, b=begin, e=end, t=body: f"{b}\n{t}\n{e}", text, flags=re.DOTALL)
        yield path, text


def main() -> None:
    """Write them, or check them."""
    stale = [(path, text) for path, text in documents() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv:
        sys.exit("\n".join(f"{path}: run scripts/generate.py" for path, _ in stale) or 0)
    for path, text in stale:
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
