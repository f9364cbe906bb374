"""Which services there are, and which of them can live in one process. Pure."""

from collections.abc import Iterable
from typing import Literal, get_args

from hotline.errors import Misuse
from hotline.settings import Settings

ServiceName = Literal["telephony", "ivr", "recorder", "acd", "crm", "forecast", "metrics"]

ALL: tuple[ServiceName, ...] = get_args(ServiceName)
BESIDE_ASTERISK: frozenset[ServiceName] = frozenset({"ivr", "recorder"})
"""Services that use files of their node: prompts that Asterisk plays, recordings that it writes."""
OPTIONAL: frozenset[ServiceName] = frozenset({"forecast"})
"""Services without which calls are taken, and everything about them is known, all the same."""


class Rooms:
    """The services of one process. `ALL` of them (forecasts may be left out) are a hotline by itself; a part needs a broker."""

    def __init__(self, names: Iterable[str], settings: Settings) -> None:
        """Raises Misuse for names that do not exist, that cannot be apart, or that lack a setting."""
        wanted = list(dict.fromkeys(names))
        unknown = [name for name in wanted if name not in ALL]
        if unknown or not wanted:
            what = f"there is no service {unknown[0][:40]!r}" if unknown else "name at least one service"
            raise Misuse(f"{what}; there are: {' '.join(ALL)}")
        self.names: tuple[ServiceName, ...] = tuple(name for name in ALL if name in wanted)
        alone = [name for name in self.names if name in BESIDE_ASTERISK and "telephony" not in self.names]
        if alone:
            raise Misuse(f"{alone[0]} works with files of its Asterisk: run it in one process with telephony")
        if self.whole:
            return
        if settings.bus.kind != "rabbitmq":
            raise Misuse(
                f'{" ".join(self.names)} alone need the others through a broker: set bus.kind = "rabbitmq" and bus.url '
                "(`hotline up` runs everything in one process without one)"
            )
        if settings.database.dsn is None and "crm" not in self.names:
            raise Misuse(
                "database.dsn: say where the database is; only a process with crm starts a private one "
                "(its runtime.json names it)"
            )

    @property
    def whole(self) -> bool:
        """Whether this process is all of the hotline that calls need: it talks to no other."""
        return set(ALL) - OPTIONAL <= set(self.names)

    def __contains__(self, name: ServiceName) -> bool:
        return name in self.names

    def process(self, settings: Settings) -> str:
        """Return the name of this process: the same after a restart, and different from all others of the hotline."""
        if settings.bus.process is not None:
            return settings.bus.process
        return settings.asterisk.node if self.whole else f"{settings.asterisk.node}.{'-'.join(self.names)}"
