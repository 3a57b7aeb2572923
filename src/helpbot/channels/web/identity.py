"""Who a visitor is, by the host site's word: a JWT that its own server signed. Everybody else is anonymous."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import jwt

from helpbot.errors import CallError, Code, Fault
from helpbot.messages import Person

__all__ = ["IdentityKey", "identify", "parse_keys"]

LONGEST_LIFE: Final = 3600  # seconds
LEEWAY: Final = 60  # seconds two clocks may differ
_LONGEST_TOKEN: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityKey:
    """One key of a host site: HS256 with a shared secret, or EdDSA with a public key."""

    kid: str
    algorithm: str  # HS256 | EdDSA
    key: Any = field(repr=False)


def parse_keys(text: str, setting: str = "HELPBOT_IDENTITY_KEYS") -> tuple[tuple[IdentityKey, ...], tuple[Fault, ...]]:
    """Keys from `kid:HS256:secret` and `kid:EdDSA:base64-of-the-public-key`, parted by commas, and all faults."""
    keys: list[IdentityKey] = []
    faults: list[Fault] = []
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
        kid, _, rest = entry.partition(":")
        algorithm, _, secret = rest.partition(":")

        def fault(problem: str, remedy: str, number: int = number) -> None:
            faults.append(Fault(setting, 0, f"key {number} {problem}", remedy))

        if not kid or not secret:
            fault("is not kid:ALGORITHM:key", "Write for example main:HS256:<a random secret of 32 characters>")
        elif kid in {key.kid for key in keys}:
            fault("has the kid of an earlier one", "Give each key its own kid")
        elif algorithm == "HS256" and len(secret.encode()) < 32:
            fault("is a secret shorter than 32 bytes", "Make one with: openssl rand -hex 32")
        elif algorithm == "HS256":
            keys.append(IdentityKey(kid=kid, algorithm=algorithm, key=secret.encode()))
        elif algorithm == "EdDSA":
            try:
                from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

                raw = base64.b64decode(
                    secret.replace("-", "+").replace("_", "/") + "=" * (-len(secret) % 4), validate=True
                )
                keys.append(IdentityKey(kid=kid, algorithm=algorithm, key=Ed25519PublicKey.from_public_bytes(raw)))
            except (ValueError, binascii.Error):
                fault("is not an Ed25519 public key", "Give its 32 bytes in base64")
        else:
            fault(f"names {algorithm!r}", "Use HS256 or EdDSA")
    return tuple(keys), tuple(faults)


def identify(token: str, keys: Sequence[IdentityKey], now: datetime, allowed: Sequence[str] = ()) -> Person:
    """The person a token speaks of; CallError(UNAUTHORISED) says why one is refused.

    The key is chosen by `kid` and fixes the algorithm; what the token says of its own algorithm must agree.
    `allowed` limits the kids, where a site has keys of its own.
    """
    if len(token) > _LONGEST_TOKEN:
        raise _no("the identity token is too long", "Send a JWT of at most 4,096 characters")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise _no("the identity token is not a JWT", "Sign one on your server, see docs/embedding.md") from None
    kid = header.get("kid")
    key = next((each for each in keys if each.kid == kid and (not allowed or kid in allowed)), None)
    if key is None:
        raise _no("the identity token names no key that is known here", "Set its kid to one of HELPBOT_IDENTITY_KEYS")
    try:
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            options={
                "require": ["exp", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
            },
        )
    except jwt.MissingRequiredClaimError as missing:
        raise _no(f"the identity token has no {missing.claim}", "Give it sub and exp") from None
    except jwt.InvalidTokenError:
        raise _no("the identity token's signature is wrong", "Sign it with the key its kid names") from None
    _check_times(claims, now.timestamp())
    person = {name: claims.get(name) or "" for name in ("sub", "name", "email")}
    for name, value in person.items():
        if not isinstance(value, str) or len(value) > 254 or any(ord(letter) < 32 for letter in value):
            raise _no(
                f"the identity token's {name} is not short, plain text", "Send a string of at most 254 characters"
            )
    return Person(id=f"{kid}:{person['sub']}", name=person["name"], email=person["email"], verified=True)


def _check_times(claims: dict[str, Any], now: float) -> None:
    times: dict[str, Any] = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    for name, value in times.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
            raise _no(f"the identity token's {name} is not a time", "Send seconds since 1970")
    if times["exp"] <= now - LEEWAY:
        raise _no("the identity token has expired", "Call helpbot.identify() again with a fresh one")
    if times["exp"] > now + LONGEST_LIFE + LEEWAY:
        raise _no("the identity token lives longer than an hour", "Set exp to at most an hour from now")
    for name in ("iat", "nbf"):
        if times.get(name, 0) > now + LEEWAY:
            raise _no(f"the identity token's {name} lies in the future", "Set your server's clock")


def _no(problem: str, remedy: str) -> CallError:
    return CallError(Code.UNAUTHORISED, problem, remedy)
