"""A plan to render in tests."""

from pathlib import Path
from typing import Any

from hotline.settings import Asterisk, Peer, Seats, Settings
from telephony.asterisk import layout
from telephony.asterisk.config import Plan, Ports


def plan(data_dir: Path = Path("/srv/data"), settings: Settings | None = None, **changes: Any) -> Plan:
    settings = settings or Settings(seats=Seats(count=3))
    known: dict[str, Any] = {
        "settings": settings,
        "dirs": layout.plan_dirs(data_dir),
        "ports": Ports(sip=5060, ami=5038, rtp_start=10_000, rtp_end=10_999),
        "modules_dir": Path("/opt/modules"),
        "ami_secret": "s3cret-of-the-manager",
        "seat_passwords": {e: f"password-of-{e}" for e in settings.seats.extensions()},
        "music": {"default": Path("/opt/moh")},
    }
    return Plan(**known | changes)


def peered(**changes: Any) -> Settings:
    """Return the settings of node `a` with two seats, which has a peer `b`."""
    known = {"node": "b", "host": "192.0.2.2", "port": 5070, "secret": "secret-of-a-and-b"}
    return Settings(seats=Seats(count=2), asterisk=Asterisk(node="a", peers=(Peer(**known | changes),)))
