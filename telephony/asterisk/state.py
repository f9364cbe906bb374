"""What a later process must know about an Asterisk that it did not start itself: `DIR/asterisk/state.json`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from telephony.asterisk.config import Ports
from telephony.asterisk.files import write_files
from telephony.asterisk.install import Installation

FILE = "state.json"


@dataclass(frozen=True, kw_only=True)
class State:
    """Written before each start."""

    ports: Ports
    installation: Installation


def save(home: Path, state: State) -> None:
    """Keep the state; raises Unavailable when the disk refuses."""
    ports, found = asdict(state.ports), asdict(state.installation)
    write_files(home, {FILE: json.dumps({"ports": ports, "installation": found}, indent=2, default=str)})


def load(home: Path) -> State | None:
    """Return the state of the last start, or None when there is none that can be read."""
    try:
        kept = json.loads((home / FILE).read_text(encoding="utf-8"))
        found = kept["installation"]
        return State(
            ports=Ports(**{name: int(port) for name, port in kept["ports"].items()}),
            installation=Installation(
                program=tuple(map(str, found["program"])),
                version=str(found["version"]),
                modules_dir=Path(found["modules_dir"]),
                sounds_dir=Path(found["sounds_dir"]),
                moh_dir=Path(found["moh_dir"]),
                documentation_dir=Path(found["documentation_dir"]),
                env=dict(found["env"]),
            ),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
