"""What is deployed: checked by the tools made for it, and the container's own start command run as it is."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from helpbot.config_schema import OTHER_VARIABLES, Environment

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
KNOWN = {f"HELPBOT_{name.upper()}" for name in Environment.model_fields} | set(OTHER_VARIABLES)


def run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_clean() -> None:
    run(BIN / "hadolint", DEPLOY / "Dockerfile")


def test_compose_keeps_to_its_schema() -> None:
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_a_slip_in_compose_would_be_found(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text(
        (DEPLOY / "compose.yaml").read_text("utf-8").replace("read_only: true", "readonly: true"), "utf-8"
    )
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", broken], capture_output=True, check=False
    )
    assert done.returncode != 0


def test_the_manifests_keep_to_their_schemas() -> None:
    run(BIN / "kubernetes-validate", DEPLOY / "kubernetes.yaml")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_unit_can_be_read(tmp_path: Path) -> None:
    unit = tmp_path / "helpbot.service"
    text = (DEPLOY / "helpbot.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/helpbot/bin/helpbot", "/bin/true"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "helpbot.service" in line]
    assert complaints == []


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "kubernetes.yaml", "helpbot.service"])
def test_only_settings_that_exist_are_set(name: str) -> None:
    used = set(re.findall(r"\b(HELPBOT_[A-Z_]+)\b", (DEPLOY / name).read_text(encoding="utf-8")))
    assert {variable.removesuffix("_FILE") for variable in used} <= KNOWN


def test_the_container_is_locked_down() -> None:
    compose: Any = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    bot = compose["services"]["helpbot"]
    assert bot["read_only"] is True
    assert bot["cap_drop"] == ["ALL"]
    assert "USER 10001" in DOCKERFILE
    assert "HEALTHCHECK" in DOCKERFILE
    assert not any(
        "PASSWORD" in name and not name.endswith("_FILE") for name in compose["services"]["database"]["environment"]
    )


def test_no_proxy_buffers_the_stream() -> None:
    assert "proxy_buffering off" in (DEPLOY / "proxy" / "nginx.conf").read_text(encoding="utf-8")
    assert "flush_interval -1" in (DEPLOY / "proxy" / "Caddyfile").read_text(encoding="utf-8")


def environment(folder: Path) -> dict[str, str]:
    """What the Dockerfile sets, with /data where the test may write."""
    last = DOCKERFILE.split("\nFROM ")[-1]
    found = dict(re.findall(r"(HELPBOT_\w+)=(\S+)", last.replace("\\\n", " ")))
    return {
        **{name: value.replace("/data", str(folder)) for name, value in found.items() if name != "HELPBOT_MODEL_DIR"},
        "HELPBOT_HOST": "127.0.0.1",
        "HELPBOT_PORT": "0",
        "HELPBOT_CACHE": os.environ.get("HELPBOT_CACHE", str(folder / "cache")),
        "HELPBOT_MODEL_DIR": str(folder / "none"),
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(folder / "nowhere"),
    }


def test_the_containers_own_start_command_serves_and_its_health_check_passes(tmp_path: Path) -> None:
    commands = re.findall(r"^(?:HEALTHCHECK[^\[]*)?CMD (\[.*\])$|^ +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    health, start = (json.loads(one or other) for one, other in commands)
    assert start == ["helpbot", "serve"]
    environ = environment(tmp_path)
    with subprocess.Popen(start, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if line.startswith("helpbot is at "))
            port = line.split()[3].rsplit(":", 1)[1]
            checked = subprocess.run(health, env={**environ, "HELPBOT_PORT": port}, check=False, capture_output=True)
            assert checked.returncode == 0, checked.stderr
        finally:
            process.send_signal(signal.SIGTERM)
            process.stderr.read()  # type: ignore[union-attr]  # it is a pipe
        assert process.wait(timeout=20) == 0
    assert (tmp_path / "helpbot.db").is_file()
    assert not (tmp_path / "nowhere").exists()  # nothing is written outside of its volume
