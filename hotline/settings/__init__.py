"""One settings tree for the whole house: a TOML file, overridden by environment variables, all mistakes reported at once.

`hotline.toml` in the working directory (or `--config FILE`); a variable such as `HOTLINE_HTTP__PORT=8081` overrides
`[http] port`. A port of 0 means "choose a free one", so that several copies can run side by side.
"""

import os
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from hotline.errors import Misuse
from hotline.settings.forecasting import Forecasting
from hotline.settings.kinds import Digits, Id, Port, Seconds, Section, Timezone
from hotline.settings.mistakes import BadSettings, Mistake, Source, WrongReferences, explained, without
from hotline.settings.places import lines_of
from hotline.settings.queues import Agent, BetweenQueues, Queue
from hotline.settings.syntax import mistake_in, not_utf8

CONFIG_FILE = "hotline.toml"
_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?")


def _check_origin(value: str) -> str:
    if _ORIGIN.fullmatch(value) is None or urlsplit(value).port == 0:  # a port beyond 65535 is a ValueError by itself
        raise ValueError("use http://host:port or https://host:port, and nothing behind it")
    return value.rstrip("/")


def _check_token(value: SecretStr) -> SecretStr:
    if re.fullmatch(r"[!-~]{12,500}", value.get_secret_value()) is None:
        raise ValueError("use the api_token of that process: 12 characters or more, no spaces")
    return value


class Upstream(Section):
    """Another process of the same hotline, which serves a part of the API."""

    url: Annotated[str, AfterValidator(_check_origin)]
    """Where its API listens, `http://host:port`."""
    token: Annotated[SecretStr, AfterValidator(_check_token)]
    """Its `api_token`."""
    paths: tuple[Annotated[str, Field(pattern=r"^/api/v1/[A-Za-z0-9._/-]+$")], ...] = ()
    """Pass on only what begins so, such as `/api/v1/agents`; empty: everything that it says it serves."""


class Http(Section):
    """Where the API, the health checks and the metrics listen."""

    host: str = "127.0.0.1"
    port: Port = 8080
    page_size_max: int = Field(default=500, ge=1, le=10_000)
    body_limit_bytes: int = Field(default=1_048_576, ge=1024)
    origins: tuple[Annotated[str, AfterValidator(_check_origin)], ...] = ()
    """Other origins (`https://board.example.com`) whose pages may read the stream; those of this server may anyway."""
    stream_clients: int = Field(default=200, ge=1, le=10_000)
    """How many clients may read the stream at once."""
    stream_buffer: int = Field(default=100, ge=10, le=10_000)
    """A client of the stream that has so many messages to read is too slow, and is cut off."""
    stream_interval_s: float = Field(default=0.5, ge=0.05, le=60)
    """Changes are told to clients of the stream at most so often."""
    upstreams: tuple[Upstream, ...] = ()
    """Other processes of the same hotline (`url`, `token`, and perhaps `paths`): requests for what they serve are passed on to them."""


class Ami(Section):
    """The link to an Asterisk's manager port."""

    host: str = "127.0.0.1"
    port: Port = 5038
    username: str = "hotline"
    secret: SecretStr | None = None
    """None: generated and kept in the data directory (private Asterisk only)."""
    action_timeout_s: Seconds = 5.0
    ping_interval_s: Seconds = 1.0
    pong_timeout_s: Seconds = 3.0
    """A link whose ping is unanswered for this long is dead; with the interval it stays below five seconds."""
    login_timeout_s: Seconds = 5.0
    reconnect_cap_s: Seconds = 2.0
    """The longest pause between two attempts to connect."""
    queue_limit: int = Field(default=50_000, ge=100)
    """Typed messages that may wait for the telephony service; beyond, the link is cut and everything resynchronised."""


class Sip(Section):
    """Where phones and the trunk reach Asterisk."""

    host: str = "127.0.0.1"
    """An address, never 0.0.0.0 (see the operator's guide)."""
    port: Port = 5060
    rtp_start: Port = 10_000
    rtp_end: Port = 11_999
    """With `rtp_start = 0` a free block is chosen, four ports for each of `asterisk.max_calls`."""
    trunk_from: str = "127.0.0.2"
    """Calls from this address are callers; everything else must register as a seat."""
    codecs: tuple[Literal["ulaw", "alaw", "g722", "opus"], ...] = ("ulaw", "alaw")
    tls: bool = False


class Peer(Section):
    """Another node, whose seats take callers of this one and the other way round."""

    node: Id
    host: str
    """The address of its SIP port."""
    port: Port = 5060
    secret: SecretStr
    """The same on both sides: 12 to 100 of `A-Z a-z 0-9 . _ ~ + / = -`."""


class Asterisk(Section):
    """The Asterisk of this node."""

    mode: Literal["private"] = "private"
    """`private`: brought, configured and started by us below the data directory. There is no other way yet."""
    node: Id = "node1"
    program: str = ""
    """An installed Asterisk to use for `private`; empty: the one on the PATH if it is new enough, else our own copy."""
    lease_s: float = Field(default=6.0, ge=2, le=60)
    """A call in our hands that nobody renews for this long goes to the fallback queue."""
    heartbeat_stale_s: int = Field(default=3, ge=2, le=60)
    """New calls go to the fallback queue when our last heartbeat is older than this."""
    fallback_seats: tuple[Digits, ...] = ()
    """Seats of the static fallback queue; empty: all seats."""
    fallback_announce_s: int = Field(default=20, ge=5, le=300)
    max_calls: int = Field(default=500, ge=1, le=10_000)
    music_class: Id = "default"
    peers: tuple[Peer, ...] = ()
    """The other nodes of the same hotline, for a SIP trunk to each."""


class Seats(Section):
    """Extensions that phones can register to."""

    first: int = Field(default=1001, ge=100, le=999_999)
    count: int = Field(default=20, ge=1, le=2_000)
    secret: SecretStr | None = None
    """What the passwords of all seats are made from, so that several nodes give a seat the same one. None: drawn by lot for this node."""

    def extensions(self) -> list[str]:
        """Return all extensions, lowest first."""
        return [str(self.first + i) for i in range(self.count)]


class Database(Section):
    """The PostgreSQL store."""

    dsn: SecretStr | None = None
    """None: a private PostgreSQL below the data directory."""
    pool_size: int = Field(default=5, ge=1, le=100)
    command_timeout_s: Seconds = 10.0
    fsync: bool = True
    """Only tests turn it off, and only for the private server."""


class Number(Section):
    """A number that callers can dial, and the flow that answers it."""

    number: Digits
    flow: Id
    priority: int = Field(default=0, ge=-100, le=100)
    """Added to that of the flow's queue steps: who dials this number comes first, or last, in any line that he joins."""


class Recording(Section):
    """What happens to the audio."""

    keep_days: int = Field(default=180, ge=1, le=36_500)
    tolerance_s: float = Field(default=1.5, ge=0.1, le=60)
    """How much shorter than the conversation a recording may be before it is marked."""


class Ivr(Section):
    """Call flows and prompts."""

    flows_dir: str = ""
    """Empty: the flows that come with hotline."""
    language: Literal["zh", "en"] = "zh"
    timezone: Timezone = "Asia/Shanghai"
    router_silent_s: float = Field(default=6.0, ge=2, le=600)
    """After so long without a sign of life from any router, waiting callers go to the fallback queue of Asterisk."""
    message_max_s: float = Field(default=180.0, ge=5, le=1800)
    """How long a caller's message may be."""
    forward_ring_s: float = Field(default=30.0, ge=5, le=120)
    """How long a number outside is rung (`number:…`) before its caller goes to the fallback queue."""


class OpeningHours(Section):
    """When a queue is open."""

    timezone: Timezone = "Asia/Shanghai"
    weekly: dict[str, tuple[str, ...]] = {}
    """Days -> spans: `{"mon-fri" = ["09:00-12:00", "13:30-18:00"]}`; empty: always."""
    closed_dates: tuple[date, ...] = ()


class Outbound(Section):
    """What we may dial: callbacks, remote agents, transfers to the outside. Nothing, until a trunk is named."""

    trunk: str = Field(default="", pattern=r"^$|^[A-Za-z0-9.-]+:[0-9]{1,5}$")
    """`host:port` of the SIP trunk for outgoing calls; empty: no outgoing calls."""
    caller_number: str = Field(default="", pattern=r"^[0-9]{0,20}$")
    """The number we show."""
    allow: tuple[Annotated[str, Field(pattern=r"^[0-9]{1,20}$")], ...] = ()
    """How a number must begin; empty: nothing may be dialled."""
    deny: tuple[Annotated[str, Field(pattern=r"^[0-9]{1,20}$")], ...] = ()
    """How it must not begin, whatever `allow` says."""
    digits_min: int = Field(default=3, ge=1, le=20)
    digits_max: int = Field(default=15, ge=1, le=20)
    per_hour: int = Field(default=200, ge=1, le=100_000)
    """Outgoing calls of the whole house in any hour, those to remote agents included."""
    at_once: int = Field(default=20, ge=1, le=1_000)
    """Outgoing calls of the whole house at one time, those to remote agents included."""
    opening: Id | None = None
    """One of `[hours]`: when customers may be called; None: always."""


class Acd(Section):
    """The router, and those that stand by."""

    between_queues: BetweenQueues = "strict_priority"
    """Which queue an agent serves next who serves several of them."""
    break_limit_s: dict[str, Annotated[float, Field(gt=0, le=86_400)]] = {}
    """Reason of a break -> how long it may last before supervisors are told."""
    outcomes: tuple[Annotated[str, Field(min_length=1, max_length=60)], ...] = Field(
        default=(
            "resolved",
            "information",
            "follow_up",
            "forwarded",
            "complaint",
            "not_reached",
            "wrong_number",
            "nuisance",
            "other",
        ),
        min_length=1,
        max_length=9,
    )
    """How a conversation can have gone; `*461` … `*469` name them in order."""

    supervision_tone: bool = False
    """Whether agents hear a beep when a supervisor comes to their conversation."""
    beat_s: float = Field(default=0.5, ge=0.05, le=5)
    """How often the active router tells that it lives."""
    silent_s: float = Field(default=1.5, ge=0.3, le=60)
    """A router that stands by takes over when the active one has been silent for so long. A few beats at least."""


class Crm(Section):
    """Customers, calls and the journal."""

    country_code: str = Field(default="86", pattern=r"^[1-9][0-9]{0,2}$")
    """Where national numbers belong to, so that `+86 138…` and `138…` are one customer."""
    audit_interval_s: float = Field(default=60.0, ge=1, le=86_400)
    """How often the audit runs by itself."""


class Spool(Section):
    """The local durable outbox of facts."""

    max_facts: int = Field(default=5_000_000, ge=1000)


class Bus(Section):
    """What carries records between processes."""

    kind: Literal["memory", "rabbitmq"] = "memory"
    """`memory`: all services in one process."""
    url: SecretStr | None = None
    """`amqp://user:password@host:port/vhost`, or `amqps://…`; needed for `rabbitmq`."""
    prefix: Id = "hotline"
    """What the names of our exchanges and queues begin with: several installations may share a broker."""
    process: Id | None = None
    """The name of this process, the same after a restart and different from all others: its inboxes wait for it in the broker.

    None: the name of the node."""
    must_connect: bool = True
    """Whether a start fails when the broker cannot be reached; otherwise it is tried again, and facts wait in the spool."""
    connect_timeout_s: Seconds = 5.0
    heartbeat_s: int = Field(default=5, ge=1, le=600)
    """A broker that hangs is given up when it has been silent for about three times this long."""
    reconnect_cap_s: Seconds = 2.0
    """The longest pause between two attempts to connect."""
    confirm_timeout_s: Seconds = 30.0
    """A broker that takes our facts but does not confirm them for this long is given up, and they are sent again.

    Not one that says it is short of memory or disk: that is waited for."""
    command_timeout_s: Seconds = 10.0
    """How long a command may take when its sender names no time."""
    live_s: float = Field(default=30.0, ge=1, le=3600)
    """A fact that reaches the broker, or waits there, for longer than this is not told to services that act on what happens.

    To change it, stop every process and wait a minute longer than the old value: the queues that have it go then."""
    prefetch: int = Field(default=100, ge=1, le=65_535)
    """Messages, of 1 to 100 facts each, that an inbox may hold unhandled; the others wait in the broker."""
    journal_prefetch: int = Field(default=200, ge=1, le=65_535)
    """The same for the journal."""
    pending_max: int = Field(default=10_000, ge=1)
    """Signals and commands that may wait for the broker, and commands that may wait for their outcome."""
    inbox_max: int = Field(default=1_000_000, ge=1)
    """Messages, of 1 to 100 facts each, that may wait in the broker for one inbox; beyond, the oldest become dead letters."""
    journal_max: int = Field(default=5_000_000, ge=1)
    """Messages that may wait in the broker for the journal; beyond, the others stay in their spools."""
    dead_max: int = Field(default=100_000, ge=1)
    """Dead letters that are kept; beyond, the oldest go."""
    delivery_limit: int = Field(default=20, ge=1, le=1_000)
    """A message that was given out to an inbox this often and never handled becomes a dead letter. (Not one for the journal.)"""
    forget_after_s: int = Field(default=86_400, ge=60, le=30 * 86_400)
    """The durable inboxes of a process that stays away for this long are removed."""


class Log(Section):
    """Logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json_lines: bool = False
    show_personal: bool = False
    max_bytes: int = Field(default=50_000_000, ge=100_000)
    """A log file that grows beyond this is put aside (`hotline.log.1`, the newest) and a new one begun."""
    keep: int = Field(default=5, ge=1, le=1_000)
    """How many files that were put aside are kept."""


class Settings(BaseSettings):
    """Everything an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix="HOTLINE_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    data_dir: Path = Path("data")
    break_reasons: tuple[Annotated[str, Field(min_length=1, max_length=60)], ...] = Field(
        default=(
            "break",
            "lunch",
            "training",
            "meeting",
            "back_office",
            "private",
            "technical",
            "coaching",
            "other",
        ),
        min_length=1,
        max_length=9,
    )
    """What `*431` … `*439` mean, in order; `*43` alone is the first."""
    http: Http = Http()
    ami: Ami = Ami()
    sip: Sip = Sip()
    asterisk: Asterisk = Asterisk()
    seats: Seats = Seats()
    database: Database = Database()
    hours: dict[Id, OpeningHours] = {}
    numbers: dict[Id, Number] = {"hotline": Number(number="4000", flow="main")}
    queues: tuple[Queue, ...] = (Queue(id="service", name="客户服务 Customer service"),)
    agents: tuple[Agent, ...] = ()
    """Empty: one agent for each seat, with the seat's extension as id, in all queues."""
    recording: Recording = Recording()
    ivr: Ivr = Ivr()
    acd: Acd = Acd()
    outbound: Outbound = Outbound()
    crm: Crm = Crm()
    forecast: Forecasting = Forecasting()
    spool: Spool = Spool()
    bus: Bus = Bus()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is given
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is given
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is given
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; no dotenv, no secret directory."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _check_references(self) -> "Settings":
        from hotline.settings.checks import problems  # it knows all sections, and rules that are made of them

        found = list(problems(self))
        if found:
            raise WrongReferences(found)
        return self

    def all_agents(self) -> tuple[Agent, ...]:
        """Return the configured agents, or one for each seat when none is configured."""
        if self.agents:
            return self.agents
        return tuple(Agent(id=e, name=f"Agent {e}", extension=e) for e in self.seats.extensions())

    def thresholds_s(self) -> tuple[float, ...]:
        """Return every threshold in use, for histogram bucket edges."""
        return tuple(sorted({q.threshold_s for q in self.queues} | {q.short_abandon_s for q in self.queues}))


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings from `path` (default: `hotline.toml` here, if there is one) and the environment; `overrides` (already checked) win.

    Raises BadSettings with one line per mistake: where (file and line, or the variable), what is wrong, what was found, what to do.
    """
    file = path or Path(CONFIG_FILE)
    if path is not None and not path.is_file():
        raise Misuse(f"settings: there is no file {path}")
    text = _read(file) if file.is_file() else ""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise BadSettings([mistake_in(text, str(exc), str(file))]) from exc
    try:
        return Settings(**tree).model_copy(update=overrides)
    except SettingsError as exc:
        remedy = "write lists and tables in a variable as JSON"
        raise BadSettings([Mistake(variable=_variable_of(exc), text="this is no JSON", remedy=remedy)]) from exc
    except ValidationError as exc:
        source = Source(file=str(file), lines=lines_of(text), variables=os.environ)
        raise BadSettings(_all_mistakes(tree, exc, source)) from exc


def _variable_of(error: SettingsError) -> str:
    """Return the variable that could not be read; pydantic-settings names its field, in a sentence."""
    field = re.search(r'field "(\w+)"', str(error))
    return f"HOTLINE_{field[1].upper()}" if field is not None else "the environment"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as exc:
        raise Misuse(f"settings: cannot read {file}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise BadSettings([not_utf8(exc.object, exc.start, str(file))]) from exc


def _all_mistakes(tree: dict[str, Any], error: ValidationError, source: Source) -> list[Mistake]:
    """Return the mistakes in the order of the file, those between the sections too, at which pydantic looks only when all are right."""
    found = list(explained(error, source, Settings))
    rest = without(tree, error)
    if rest is not None:
        try:
            Settings(**rest)
        except ValidationError as exc:
            found += (m for m in explained(exc, source, Settings) if m not in found)
    return sorted(found, key=lambda mistake: mistake.line or 0)
