"""Who somebody in Slack is: what they are called, and whether they may act as an agent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final

from helpbot.channels.slack.calls import Slack, SlackFault
from helpbot.channels.slack.places import person_id
from helpbot.channels.slack.settings import SlackSettings
from helpbot.messages import Person

__all__ = ["People"]

FRESH: Final = 300.0  # seconds a profile or a group is believed; who leaves a group acts no longer than that
MOST: Final = 5_000


class People:
    """Profiles and user groups, asked for once in a while."""

    def __init__(self, slack: Slack, settings: SlackSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._slack, self._settings, self._now, self._lock = slack, settings, now, Lock()
        self._profiles: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}

    def person(self, team: str, user: str) -> Person:
        """Somebody by name; by id alone where Slack does not answer now, since a name must hold nothing up."""
        try:
            profile = self._profile(team, user)
        except SlackFault:
            return Person(id=person_id(team, user))
        shown = profile.get("profile")
        names = shown if isinstance(shown, Mapping) else {}
        name = str(names.get("real_name") or profile.get("real_name") or names.get("display_name") or "")
        return Person(id=person_id(team, user), name=_plain(name))

    def is_agent(self, team: str, user: str, user_team: str = "") -> bool:
        """Whether somebody may act on cases: a full member of this workspace who is named in the settings.

        Guests, other bots, people who left and people of other workspaces never are. SlackFault where Slack cannot
        be asked: then nobody acts.
        """
        agents = self._settings.agents
        if not agents.named:
            return False
        likely = user in agents.people or team in agents.teams or bool(agents.groups)
        if not likely:
            return False
        profile = self._profile(team, user)
        if not _belongs(profile, team, user_team):
            return False
        barred = ("is_bot", "deleted", "is_restricted", "is_ultra_restricted", "is_stranger", "is_workflow_bot")
        if any(profile.get(name) for name in barred) or not profile:
            return False
        if user in agents.people or team in agents.teams:
            return True
        return any(user in self._group(team, group) for group in sorted(agents.groups))

    def _profile(self, team: str, user: str) -> Mapping[str, Any]:
        key = f"{team}:{user}"
        with self._lock:
            at, found = self._profiles.get(key, (0.0, {}))
        if found and self._now() - at < FRESH:
            return found
        answer = self._slack.call(team, "users.info", user=user)
        profile = answer.get("user")
        found = profile if isinstance(profile, Mapping) else {}
        with self._lock:
            if len(self._profiles) >= MOST:
                self._profiles.clear()
            self._profiles[key] = (self._now(), found)
        return found

    def _group(self, team: str, group: str) -> frozenset[str]:
        key = f"{team}:{group}"
        with self._lock:
            at, found = self._groups.get(key, (-FRESH, frozenset()))
        if self._now() - at < FRESH:
            return found
        try:
            answer = self._slack.call(team, "usergroups.users.list", usergroup=group)
        except SlackFault as fault:
            if fault.permanent:
                return frozenset()  # a group that does not exist in this workspace
            raise
        users = answer.get("users")
        members = frozenset(str(member) for member in users) if isinstance(users, list) else frozenset()
        with self._lock:
            self._groups[key] = (self._now(), members)
        return members


def _belongs(profile: Mapping[str, Any], team: str, user_team: str) -> bool:
    """Whether somebody is of this workspace, by what Slack knows of them and by what their message says.

    In an Enterprise organisation people have a workspace of their own or none, and messages name the organisation.
    """
    grid = profile.get("enterprise_user")
    organisation = str(grid.get("enterprise_id") or "") if isinstance(grid, Mapping) else ""
    teams = grid.get("teams") if isinstance(grid, Mapping) else None
    if isinstance(teams, list) and team in teams:
        return user_team in {"", team, organisation} or user_team in teams
    return str(profile.get("team_id") or team) == team and user_team in {"", team}


def _plain(name: str) -> str:
    """A name on one line without control characters, as the desk wants it."""
    return " ".join("".join(letter if ord(letter) >= 32 and ord(letter) != 127 else " " for letter in name).split())[
        :200
    ]
