"""`DIR/runtime.json`: what a running hotline tells programs and people about itself. Stable names (see docs/operating.md)."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hotline import __version__
from hotline.secrets import Secrets
from hotline.settings import Settings
from telephony.asterisk.supervise import PrivateAsterisk

FILE = "runtime.json"


def describe(
    settings: Settings,
    secrets: Secrets,
    services: Sequence[str],
    address: str,
    dsn: str,
    asterisk: PrivateAsterisk | None,
) -> dict[str, Any]:
    """Return the content: addresses and credentials; and, of a process that has an Asterisk, its numbers and seats."""
    return {
        "version": __version__,
        "pid": os.getpid(),
        "services": list(services),
        "http": address,
        "metrics": f"{address}/metrics",
        "database": dsn,
        "admin": {"username": "admin", "password": secrets.admin_password},
        "api_token": secrets.api_token,
        **(_node(settings, secrets, asterisk) if asterisk is not None else {}),
    }


def _node(settings: Settings, secrets: Secrets, asterisk: PrivateAsterisk) -> dict[str, Any]:
    return {
        "node": settings.asterisk.node,
        "asterisk": {
            "version": asterisk.version,
            "pid": asterisk.pid,
            "sip": f"{asterisk.sip_host}:{asterisk.sip_port}",
            "ami": f"{asterisk.ami_host}:{asterisk.ami_port}",
            "config_dir": str(asterisk.config_dir),
            "log_dir": str(asterisk.log_dir),
            "spool_dir": str(asterisk.spool_dir),
            "trunk_from": settings.sip.trunk_from,
        },
        "numbers": {name: number.number for name, number in settings.numbers.items()},
        "seats": [
            {
                "agent": agent.id,
                "extension": extension,
                "sip_user": extension,
                "sip_password": secrets.seats[extension],
            }
            for agent, extension in (
                *((a, a.extension) for a in settings.all_agents()),
                *((a, device) for a in settings.all_agents() for device in a.devices),
            )
        ],
    }


def write(data_dir: Path, runtime: dict[str, Any]) -> None:
    """Write the file for its owner alone, in one step: a reader sees all of it or none."""
    fresh = data_dir / f".{FILE}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(runtime, out, ensure_ascii=False, indent=2)
        out.write("\n")
    fresh.replace(data_dir / FILE)


def remove(data_dir: Path) -> None:
    """Take the file away: nobody runs here any more."""
    (data_dir / FILE).unlink(missing_ok=True)
