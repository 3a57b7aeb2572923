from store.fixtures import postgres, postgres_url, sqlite_template, sqlite_url, store, url

__all__ = ["postgres", "postgres_url", "sqlite_template", "sqlite_url", "store", "url"]
