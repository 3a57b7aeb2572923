from store.fixtures import postgres, postgres_url, sqlite_template, sqlite_url, store, url

from .figures import pytest_runtest_makereport

__all__ = ["postgres", "postgres_url", "pytest_runtest_makereport", "sqlite_template", "sqlite_url", "store", "url"]
