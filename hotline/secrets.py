"""The secrets of one installation: made once at random, kept in `DIR/secrets.json`, readable by its owner alone.

There are no default passwords anywhere. A file with an empty, short or well-known secret is refused: somebody edited it.

Where several nodes share their seats, the seats' passwords are made from one secret of the settings instead, so that a phone
has the same one everywhere. They are not kept: they follow from the secret, and are different ones after it changes.
"""

import base64
import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from hotline.errors import Misuse, Unavailable

FILE = "secrets.json"
SHORTEST = 12
_RANDOM_BYTES = 18
_COMMON = ("password", "secret", "admin", "hotline", "changeme", "default", "asterisk", "123456", "qwert")
_DIFFERENT = 6


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What must stay secret; never logged."""

    admin_password: str = field(repr=False)
    api_token: str = field(repr=False)
    ami_secret: str = field(repr=False)
    seats: Mapping[str, str] = field(repr=False)
    """Extension -> SIP password."""


def load_or_create(data_dir: Path, extensions: Iterable[str], seats_secret: SecretStr | None = None) -> Secrets:
    """Return the secrets of a data directory; what is missing (all of them, or new seats) is made and kept.

    With `seats_secret` the passwords of `extensions` follow from it, and the file has no say in them.
    Raises Misuse when the file is damaged, open to others, or holds a weak secret, or `seats_secret` is weak; Unavailable
    when the file cannot be written.
    """
    derived = None
    if seats_secret is not None:
        if (problem := why_weak(seats_secret.get_secret_value())) is not None:
            raise Misuse(f"seats.secret {problem}")
        derived = {e: seat_password(seats_secret, e) for e in extensions}
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(data_dir):
            kept = _read(data_dir / FILE)
            whole = _complete(kept, extensions if derived is None else [])
            if whole != kept:
                _write(data_dir / FILE, whole)
    except OSError as exc:
        raise Unavailable(f"cannot keep secrets in {exc.filename or data_dir}: {exc.strerror}") from exc
    return Secrets(**{**whole, "seats": dict(whole["seats"]) if derived is None else derived})


def seat_password(seats_secret: SecretStr, extension: str) -> str:
    """Return the SIP password of a seat that follows from the secret of all seats: 24 characters of `A-Z a-z 0-9 _ -`.

    HMAC-SHA256 (RFC 2104) cut to 144 bits: who knows the passwords of some seats learns nothing about the others.
    """
    made = hmac.digest(seats_secret.get_secret_value().encode(), f"hotline seat {extension}".encode(), "sha256")
    return base64.urlsafe_b64encode(made[:_RANDOM_BYTES]).decode()


def why_weak(secret: str) -> str | None:
    """Return what is wrong with a secret, or None."""
    if len(secret) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if len(set(secret)) < _DIFFERENT:
        return "is too easy to guess"
    if any(secret.lower().startswith(word) for word in _COMMON) and len(secret) < 2 * SHORTEST:
        return "begins with a well-known password"
    return None


def _complete(kept: Mapping[str, Any], extensions: Iterable[str]) -> dict[str, Any]:
    seats = kept.get("seats", {})
    whole: dict[str, Any] = {name: kept.get(name) or _new() for name in ("admin_password", "api_token", "ami_secret")}
    whole["seats"] = {**seats, **{e: _new() for e in extensions if e not in seats}}
    return whole


def _new() -> str:
    return secrets.token_urlsafe(_RANDOM_BYTES)


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    if file.stat().st_mode & 0o077:
        raise Misuse(
            f"{file} can be read by others; run chmod 600 on it, and change its secrets if that was not intended"
        )
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        flat = {k: kept[k] for k in ("admin_password", "api_token", "ami_secret") if k in kept}
        seats = kept.get("seats", {})
        if not all(isinstance(v, str) for v in [*flat.values(), *seats.values()]):
            raise TypeError("a secret is not text")
    except (ValueError, TypeError, AttributeError) as exc:
        raise Misuse(f"{file} is damaged ({exc}); restore it, or remove it to make new secrets") from exc
    for name, secret in [*flat.items(), *((f"seats.{e}", p) for e, p in seats.items())]:
        if (problem := why_weak(secret)) is not None:
            raise Misuse(f"{file}: {name} {problem}; remove the entry to have a new one made")
    return {**flat, "seats": seats}


def _write(file: Path, content: Mapping[str, Any]) -> None:
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Let one process at a time make secrets, so that two that start together agree."""
    descriptor = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
