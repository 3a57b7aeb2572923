from reliability.figures import pytest_runtest_makereport
from store.fixtures import postgres, postgres_url, sqlite_template, sqlite_url, store, url

__all__ = ["postgres", "postgres_url", "pytest_runtest_makereport", "sqlite_template", "sqlite_url", "store", "url"]
