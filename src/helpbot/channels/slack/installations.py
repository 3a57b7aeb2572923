"""Where the bot is installed: bolt's installation and OAuth state stores on our own database."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from slack_sdk.oauth.installation_store import Bot, Installation, InstallationStore
from slack_sdk.oauth.state_store import OAuthStateStore

from helpbot.channels.slack.state import SlackState

__all__ = ["Installations", "OAuthStates"]

_EXPIRES: Final = timedelta(minutes=10)
_FIELDS: Final = tuple(
    name for name in inspect.signature(Installation.__init__).parameters if name not in {"self", "custom_values"}
)


class Installations(InstallationStore):
    """One installation a workspace; a later one replaces it."""

    def __init__(self, state: SlackState, saved: Callable[[str], None] = lambda team: None) -> None:
        self._state, self._saved = state, saved

    def on_saved(self, saved: Callable[[str], None]) -> None:
        """Call `saved` with the workspace whenever one installs the bot."""
        self._saved = saved

    def save(self, installation: Installation) -> None:
        """Keep an installation."""
        values = {name: getattr(installation, name, None) for name in _FIELDS}
        self._state.keep("installed", _key(installation.enterprise_id, installation.team_id), values)
        self._saved(installation.team_id or "")

    def find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        """The installation of a workspace, or that of its organisation."""
        del user_id, is_enterprise_install
        for key in dict.fromkeys((_key(enterprise_id, team_id), _key(None, team_id), _key(enterprise_id, None))):
            found = self._state.kept("installed", key)
            if found is not None:
                return Installation(**_known(found))
        if enterprise_id is None and team_id:
            for key, found in self._state.all_kept("installed").items():
                if key.endswith(f":{team_id}"):
                    return Installation(**_known(found))
        return None

    def find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        """The bot's part of it."""
        found = self.find_installation(
            enterprise_id=enterprise_id, team_id=team_id, is_enterprise_install=is_enterprise_install
        )
        return found.to_bot() if found is not None else None

    def delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        """Forget an installation."""
        del user_id
        self._state.drop("installed", _key(enterprise_id, team_id))
        for key in self._state.all_kept("installed"):
            if team_id and key.endswith(f":{team_id}"):
                self._state.drop("installed", key)

    def delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Forget an installation."""
        self.delete_installation(enterprise_id=enterprise_id, team_id=team_id)

    def delete_all(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Forget everything of a workspace."""
        self.delete_installation(enterprise_id=enterprise_id, team_id=team_id)

    def teams(self) -> list[str]:
        """The workspaces that installed the bot."""
        return [key.rpartition(":")[2] for key in self._state.all_kept("installed")]


class OAuthStates(OAuthStateStore):
    """Each state is used once, within ten minutes."""

    def __init__(self, state: SlackState, clock: Callable[[], datetime]) -> None:
        self._state, self._clock = state, clock

    def issue(self, *args: Any, **kwargs: Any) -> str:
        """A new state, that nobody can guess."""
        del args, kwargs
        made = secrets.token_urlsafe(32)
        self._state.keep("oauth", made, self._clock().isoformat())
        return made

    def consume(self, state: str) -> bool:
        """Whether a state was issued, is fresh and was not used before."""
        issued = self._state.kept("oauth", state)
        if not issued or not self._state.drop("oauth", state):
            return False
        return self._clock() - datetime.fromisoformat(issued) <= _EXPIRES


def _key(enterprise: str | None, team: str | None) -> str:
    return f"{enterprise or ''}:{team or ''}"


def _known(values: dict[str, Any]) -> dict[str, Any]:
    """What `Installation` takes: a newer SDK may have written more."""
    return {name: value for name, value in values.items() if name in _FIELDS}
