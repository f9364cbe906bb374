"""Everything that the generated configuration depends on. Pure.

Asterisk's files have their own syntax, in which a stray `;` or line end in a value becomes configuration. So every value
that is not made by us is checked here, once, and the generators only see a `Plan` that is known to be harmless.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hotline.errors import Misuse
from hotline.settings import Outbound, Settings

_USERNAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SECRET = re.compile(r"[A-Za-z0-9._~+/=-]{12,100}")
_PEER_NODE = re.compile(r"[A-Za-z0-9._-]{1,50}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PATH_LIMIT = 900


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The ports that are really used; no zero among them."""

    sip: int
    ami: int
    rtp_start: int
    rtp_end: int


@dataclass(frozen=True, kw_only=True)
class Dirs:
    """Where one private Asterisk lives: `home` is `DIR/asterisk`, and all but the sockets and prompts is below it."""

    home: Path
    told: Path
    """The path under which Asterisk is told to find `home` (see `layout`)."""
    run: Path
    prompts: Path

    @property
    def etc(self) -> Path:
        """Generated configuration."""
        return self.home / "etc"

    @property
    def log(self) -> Path:
        """Messages, and the records of calls."""
        return self.home / "log"

    @property
    def spool(self) -> Path:
        """What it writes in the course of calls."""
        return self.home / "spool"

    @property
    def lib(self) -> Path:
        """Links to sounds and documentation."""
        return self.home / "lib"

    @property
    def db(self) -> Path:
        """Its own small database: registrations of phones."""
        return self.home / "db"

    @property
    def keys(self) -> Path:
        """Certificates."""
        return self.home / "keys"

    @property
    def config_file(self) -> Path:
        """The path of `asterisk.conf` as it stands on the command line."""
        return self.told / "etc" / "asterisk.conf"

    def as_told(self, path: Path) -> Path:
        """Return a path below `home` as Asterisk is told it."""
        return self.told / path.relative_to(self.home)

    @property
    def monitor(self) -> Path:
        """Where MixMonitor writes names that are not absolute."""
        return self.spool / "monitor"

    @property
    def voicemail(self) -> Path:
        """Where the fallback keeps the messages of callers whom nobody served."""
        return self.spool / "voicemail"

    @property
    def cel_file(self) -> Path:
        """The CSV of channel events, one line per event, in the order of `core.CEL_FIELDS`."""
        return self.log / "cel-custom" / "hotline.csv"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One Asterisk to be configured. Raises Misuse when a value could mean something else to Asterisk than to us."""

    settings: Settings
    dirs: Dirs
    ports: Ports
    modules_dir: Path
    ami_secret: str = field(repr=False)
    seat_passwords: Mapping[str, str] = field(repr=False)
    music: Mapping[str, Path]
    """Directory of each music class that the settings name."""
    open_files: int = 1024
    """How many files and sockets the process may open."""

    def __post_init__(self) -> None:
        check_address("sip.host", self.settings.sip.host)
        check_address("ami.host", self.settings.ami.host)
        check_network("sip.trunk_from", self.settings.sip.trunk_from)
        if not _USERNAME.fullmatch(self.settings.ami.username):
            raise Misuse("ami.username: use 1 to 40 of A-Z a-z 0-9 _ -")
        check_secret("ami.secret", self.ami_secret)
        for seat in self.settings.seats.extensions():
            if seat not in self.seat_passwords:
                raise Misuse(f"seat {seat} has no password; passwords are kept in secrets.json of the data directory")
            check_secret(f"the password of seat {seat}", self.seat_passwords[seat])
        _check_peers(self.settings)
        if self.settings.outbound.trunk:
            outgoing_address(self.settings.outbound)


def _check_peers(settings: Settings) -> None:
    """Refuse peers whose values Asterisk would misread, and one whose calls would be taken for callers of the trunk."""
    callers = ipaddress.ip_network(check_network("sip.trunk_from", settings.sip.trunk_from))
    for peer in settings.asterisk.peers:
        for name, node in (("asterisk.node", settings.asterisk.node), ("asterisk.peers", peer.node)):
            if not _PEER_NODE.fullmatch(node):
                raise Misuse(f"{name}: {node[:60]!r} is part of a SIP user name here; use 1 to 50 of A-Z a-z 0-9 . _ -")
        check_secret(f"asterisk.peers: the secret of {peer.node}", peer.secret.get_secret_value())
        address = ipaddress.ip_address(check_address(f"asterisk.peers: the host of {peer.node}", peer.host))
        if address in callers:
            raise Misuse(f"asterisk.peers: {peer.node} is at {address}, from where callers come (sip.trunk_from)")
        if not peer.port:
            raise Misuse(f"asterisk.peers: give the port of {peer.node}, which must be a fixed one there")


def check_address(name: str, value: str) -> str:
    """Return the address, or raise Misuse: names are refused, because Asterisk would resolve them for each call."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError as exc:
        raise Misuse(f"{name}: give one IP address, such as 127.0.0.1 (found {value[:60]!r})") from exc
    if address.is_unspecified:
        raise Misuse(f"{name}: give one IP address; with a wildcard Asterisk resolves the host name for each call")
    return str(address)


def check_network(name: str, value: str) -> str:
    """Return an address or network in the form `pjsip.conf` wants, or raise Misuse."""
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError as exc:
        raise Misuse(f"{name}: give an IP address or a network such as 192.0.2.0/28 (found {value[:60]!r})") from exc


def outgoing_address(outbound: Outbound) -> tuple[str, int]:
    """Return host and port of the outgoing trunk, or raise Misuse."""
    host, _, port = outbound.trunk.rpartition(":")
    if not 0 < int(port) < 65_536:
        raise Misuse(f"outbound.trunk: {port} is no port")
    return check_address("outbound.trunk", host), int(port)


def check_secret(name: str, value: str) -> str:
    """Return the secret, or raise Misuse when it is too weak or has characters that configuration files give a meaning."""
    if not _SECRET.fullmatch(value):
        raise Misuse(f"{name}: use 12 to 100 of A-Z a-z 0-9 . _ ~ + / = -")
    if len(set(value)) < 6:
        raise Misuse(f"{name}: too easy to guess, use at least six different characters")
    return value


def path_value(path: Path) -> str:
    """Return an absolute path as it is written into a configuration file, or raise Misuse when that cannot be done."""
    text = str(path)
    if not path.is_absolute() or _CONTROL.search(text):
        raise Misuse(f"{text!r} cannot be used by Asterisk: a directory's name may hold no control characters")
    if len(text.encode()) > PATH_LIMIT:
        raise Misuse(f"{text[:60]}… is too long for Asterisk ({PATH_LIMIT} bytes); choose a shorter data directory")
    return text.replace(";", r"\;")


def host_port(host: str, port: int) -> str:
    """Return `host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def section(name: str, *lines: str) -> str:
    """Return one section of a configuration file."""
    return "\n".join((f"[{name}]", *lines)) + "\n"


def document(what: str, *sections: str) -> str:
    """Return a whole configuration file."""
    return "\n".join(
        (f"; {what}\n; Generated by hotline from its settings: changes made here are overwritten.\n", *sections)
    )
