"""Write deploy/env.example from the settings themselves, or with --check say whether it is up to date."""

import sys
import textwrap
from pathlib import Path

from helpbot.config_schema import OTHER_VARIABLES, Environment

TARGET = Path(__file__).parents[1] / "deploy" / "env.example"


def example() -> str:
    """Every setting of the environment, explained, each with its default, all commented out."""
    lines = [
        "# Every setting that comes from the environment. Copy it, uncomment what you need and fill it in.",
        "# Instead of NAME=value, NAME_FILE=/path may name a file that holds the value; only its owner may read it.",
        "# What is left out is off; `helpbot check` says what is. All else stands in bot/helpbot.toml.",
    ]
    entries = [
        (f"HELPBOT_{name.upper()}", field.description or "", field.get_default())
        for name, field in Environment.model_fields.items()
    ]
    entries += [(name, about, "") for name, about in OTHER_VARIABLES.items()]
    for name, about, default in entries:
        value = default.get_secret_value() if hasattr(default, "get_secret_value") else default
        lines += ["", *textwrap.wrap(about, 110, initial_indent="# ", subsequent_indent="# "), f"#{name}={value}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text(encoding="utf-8") == example() else f"{TARGET}: run scripts/env_example.py")
    TARGET.write_text(example(), encoding="utf-8")
