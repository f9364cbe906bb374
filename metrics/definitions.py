"""Every metric that this process can export: one record each. Pure.

A metric that is not listed here is exported nowhere. `source` says who tells the value: `facts` are folded by
`metrics/fold.py`; `tally` values are told by a part of the house through `hotline.tally` under the name without the
prefix `hotline_` and without `_total`; `exporter` values are read at the scrape. A gauge that is folded may also be told
by its owner through the tally; the owner's word then wins for the whole metric.

Label values come from closed sets or from `Words`; whatever is not in the set becomes `other`. No label ever holds a
caller's number, a call id or a person's name. The words that operators know from other systems stand in the help texts.
"""

from typing import Literal, get_args

import msgspec

from hotline.dialling import Reason
from hotline.facts import OFFER_ENDINGS, Advice, AgentState, CallbackResult, Fact, FallBackReason, GapKind, Horizon
from hotline.kpi import FORMULAS
from metrics.window import WINDOWS

PREFIX = "hotline_"
OTHER = "other"

Kind = Literal["counter", "gauge", "histogram"]
Source = Literal["facts", "tally", "exporter"]
Scale = Literal["wait", "ring", "talk", "latency"]


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A label and the values it may take."""

    name: str
    values: tuple[str, ...] = ()
    """The closed set; empty: see `words`."""
    is_version: bool = False
    """Whether words may also be short content hashes."""
    words: int = 0
    """How many different names given by our own code or configuration may appear (steps, limits); 0: closed set."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric."""

    name: str
    """Without `hotline_` and, for counters, without `_total`."""
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: Literal["", "seconds", "ratio", "calls", "facts", "bytes"] = ""
    source: Source = "facts"
    scale: Scale | None = None
    """Which bucket edges a histogram has, see `edges`."""

    @property
    def full_name(self) -> str:
        """The name that Prometheus sees."""
        return f"{PREFIX}{self.name}" + ("_total" if self.kind == "counter" else "")


def _leaves(kind: type[Fact]) -> list[str]:
    below = kind.__subclasses__()
    return [name for k in below for name in _leaves(k)] if below else [kind.__name__]


QUEUE = Label(name="queue")
"""Its closed set comes from the settings, see `metrics/board.py`."""
NODE = Label(name="node", words=50)
FACT = Label(name="fact", values=tuple(sorted(_leaves(Fact))))
TRANSFER_FAILURES = (
    *("no_answer", "rejected", "busy", "failed", "called_off", "caller_left", "agent_left", "refused", "withdrawn"),
    *("lease", "answered_elsewhere", "unknown"),
)
OFFER_RESULTS = ("answered", *OFFER_ENDINGS.values())
RECORDING_RESULTS = ("stored", "missing", "empty", "broken", "too_short", "store_failed")
FLOW_OUT_REASONS = (
    *("fallback", "full", "closed", "moved", "unknown_queue", "lost", "no_router"),
    *("overflow", "closing", "emergency", "pulled", "key", "callback"),
)
CALL_STATES = ("session", "ringing", "talking", "outside", "fallback")
FALL_BACK_REASONS = ("no_heartbeat", "lease_expired", "not_handled")
IVR_RESULTS = (
    *(
        "played",
        "skipped",
        "timeout",
        "invalid",
        "open",
        "closed",
        "set",
        "queued",
        "served",
        "released",
        "ended",
        "hungup",
    ),
    *("failed", "lost", "comforted"),
    *(
        "announced",
        "moved",
        "hung_up",
        "voicemail",
        "message_left",
        "no_message",
        "forwarded",
        "forward_ended",
        "not_forwarded",
    ),
    *(f"not_forwarded:{reason}" for reason in (*get_args(Reason), "no_router")),
    *(f"digit:{d}" for d in "0123456789*#"),
    *(f"digits:{n}" for n in range(1, 21)),
)
"""How steps end; `digit:` names the key of a menu, `digits:` how many digits a code had, never which."""


def _counter(name: str, help_: str, *labels: Label, source: Source = "facts") -> Metric:
    return Metric(name=name, kind="counter", help=help_, labels=labels, source=source)


def _told(name: str, help_: str, *labels: Label) -> Metric:
    return _counter(name, help_, *labels, source="tally")


def _seconds(name: str, scale: Scale, help_: str, *labels: Label, source: Source = "facts") -> Metric:
    return Metric(name=name, kind="histogram", help=help_, labels=labels, unit="seconds", source=source, scale=scale)


def _gauge(
    name: str,
    help_: str,
    *labels: Label,
    source: Source = "facts",
    unit: Literal["", "seconds", "ratio", "calls", "facts", "bytes"] = "",
) -> Metric:
    return Metric(name=name, kind="gauge", help=help_, labels=labels, source=source, unit=unit)


_CALLS = (
    _counter(
        "calls_arrived",
        "Calls that reached Asterisk and were answered by the dialplan.",
        Label(name="origin", values=("trunk", "seat", "operator", "test", "callback")),
    ),
    _counter(
        "calls_adopted",
        "Living calls found in Asterisk and taken over after our restart or a lost link.",
        Label(name="phase", values=CALL_STATES),
    ),
    _counter(
        "calls_ended",
        "Calls whose caller channel is gone, by who ended them.",
        Label(name="ended_by", values=("caller", "agent", "system", "unknown")),
    ),
    _counter(
        "calls_fell_back",
        "Calls that the dialplan sent to the static fallback queue because no controller served them.",
        Label(name="reason", values=FALL_BACK_REASONS),
    ),
    _gauge(
        "calls_active",
        "Living calls by where they are: `session` is in a call flow or waiting, `ringing` waits while a seat is rung.",
        Label(name="state", values=CALL_STATES),
        unit="calls",
    ),
    _gauge("ivr_active", "Callers in a call flow: neither waiting, nor ringing, nor talking.", unit="calls"),
    _counter(
        "ivr_steps",
        "Steps of call flows that callers went through, by how the step ended.",
        Label(name="flow", words=30),
        Label(name="version", words=30, is_version=True),
        Label(name="step", words=100),
        Label(name="result", values=IVR_RESULTS),
    ),
)

_QUEUES = (
    _counter("calls_offered", "Callers who entered the queue (Genesys Offered; Amazon CONTACTS_QUEUED).", QUEUE),
    _counter("calls_answered", "Callers bridged to an agent (Genesys Answered; Amazon CONTACTS_HANDLED).", QUEUE),
    _counter(
        "calls_abandoned",
        "Callers who hung up in the line (Genesys Abandon; Amazon CONTACTS_ABANDONED); `short`: within the short-abandon limit.",
        QUEUE,
        Label(name="short", values=("false", "true")),
    ),
    _counter(
        "calls_flowed_out",
        "Callers who left the line otherwise (Genesys Flow-out): to the fallback queue, because it was full or closed, to another queue.",
        QUEUE,
        Label(name="reason", values=FLOW_OUT_REASONS),
    ),
    _counter(
        "calls_answered_in_threshold",
        "Callers answered within the queue's threshold T; over answered and abandoned it is the connect rate B "
        "(over answered alone, Asterisk's ServicelevelPerf).",
        QUEUE,
    ),
    _seconds(
        "answer_wait_seconds",
        "wait",
        "Time from queue entry to the bridge, answered callers (Asterisk Holdtime).",
        QUEUE,
    ),
    _seconds("abandon_wait_seconds", "wait", "Time from queue entry to hanging up, abandoned callers.", QUEUE),
    _gauge(
        "queue_waiting", "Callers in the line now, those being rung for too (Amazon QUEUE_SIZE).", QUEUE, unit="calls"
    ),
    _gauge(
        "callbacks_waiting",
        "Callbacks that wait in the line for their turn, those who are dialled ahead of it too.",
        QUEUE,
        unit="calls",
    ),
    _gauge(
        "queue_longest_wait_seconds",
        "How long the first in line has waited; 0 when nobody waits.",
        QUEUE,
        unit="seconds",
    ),
    _gauge(
        "queue_expected_wait_seconds",
        "How long a caller would wait who joined the queue now, see docs/waiting.md; absent while nobody serves it.",
        QUEUE,
        Label(name="quantile", values=("0.5", "0.9")),
        source="tally",
        unit="seconds",
    ),
    _gauge(
        "wait_promise_kept_ratio",
        "Share of callers who were told a range and answered before its upper end, of about the last 50.",
        QUEUE,
        source="tally",
        unit="ratio",
    ),
    _gauge(
        "wait_estimate_kept_ratio",
        "The same share of all callers who waited, whether they were told a range or not; below 0.7 none is said.",
        QUEUE,
        source="tally",
        unit="ratio",
    ),
    _gauge(
        "wait_estimate_said", "Whether expected waits are good enough to be said to callers.", QUEUE, source="tally"
    ),
    _told(
        "wait_promises",
        "Ranges that were said to callers, by what came of them: `kept`, `early` (kept, and answered before the lower end), "
        "`late`, `unjudged` (the caller left the line within the range).",
        QUEUE,
        Label(name="result", values=("kept", "early", "late", "unjudged")),
    ),
    _gauge(
        "connect_rate",
        "Share of callers who reach an agent within T, formulas A to G of docs/metrics.md, owner = arrival; absent "
        "without traffic. `today` begins at midnight or with this process.",
        QUEUE,
        Label(name="formula", values=tuple(FORMULAS)),
        Label(name="window", values=tuple(WINDOWS)),
        unit="ratio",
    ),
    _counter(
        "identity_violations",
        "Checks, one a minute, that found offered = answered + abandoned + flowed out + still waiting newly broken.",
        QUEUE,
    ),
)

_OFFERS = (
    _counter(
        "offers",
        "Attempts to connect a caller to an agent, by how they ended (Twilio reservation accepted, timed out, rejected, "
        "canceled, rescinded; Genesys Alert-no-answer is `no_answer`).",
        QUEUE,
        Label(name="result", values=OFFER_RESULTS),
    ),
    _seconds("ring_seconds", "ring", "Time a seat's phone rang, until an answer or any other end.", QUEUE),
    _seconds("talk_seconds", "talk", "Conversation time, bridge to its end (Asterisk TalkTime).", QUEUE),
    _seconds("hold_seconds", "talk", "Time that callers were on hold in a conversation (Asterisk HoldTime).", QUEUE),
    _seconds("wrapup_seconds", "talk", "After-call work (Genesys ACW; Amazon AFTER_CONTACT_WORK_TIME).", QUEUE),
    _seconds(
        "offer_latency_seconds",
        "latency",
        "Time from agent and caller both being there to the sent ring command (Twilio: reservation created).",
        source="tally",
    ),
    _seconds(
        "screen_pop_seconds", "latency", "Time from making an offer to the caller's name being shown at the seat."
    ),
)

_TREATED = (
    _counter(
        "voicemails",
        "Messages that callers were asked for, by what came of it; those of the fallback queue of Asterisk have no queue.",
        QUEUE,
        Label(name="result", values=("left", "empty", "missing", "store_failed")),
    ),
    _counter(
        "calls_forwarded",
        "Callers who were connected with a number outside, or for whom it was tried.",
        Label(name="result", values=("answered", "unanswered")),
    ),
    _counter(
        "transfers",
        "Callers whom agents handed on: `blind` at once, `attended` after asking another agent.",
        Label(name="kind", values=("blind", "attended")),
    ),
    _counter(
        "transfers_failed",
        "Attempts of agents to hand a caller on after which he was not, by the reason.",
        Label(name="kind", values=("blind", "attended")),
        Label(name="reason", values=TRANSFER_FAILURES),
    ),
    _counter(
        "callbacks",
        "Callbacks: wishes, attempts in vain that are made again, and how they ended (Genesys Callback offered, answered).",
        QUEUE,
        Label(name="result", values=("requested", "retried", *get_args(CallbackResult))),
    ),
    _counter("callbacks_reached_at_once", "Customers who were reached with the first attempt.", QUEUE),
    _counter(
        "callbacks_hung_up",
        "Customers who answered when they were called back, and hung up before an agent was there.",
        QUEUE,
    ),
    _counter(
        "callback_answer_wait_seconds",
        "Seconds that customers who answered when they were called back were on the line before an agent was, in all.",
        QUEUE,
    ),
    _seconds(
        "callback_wait_seconds",
        "wait",
        "Time from the wish to be called back to the conversation, customers reached.",
        QUEUE,
    ),
    _counter("calls_resumed", "Callers who called again and got their old place in the line back.", QUEUE),
)

_AGENTS = (
    _gauge(
        "agents",
        "Agents by state; an agent of several queues counts in each.",
        QUEUE,
        Label(name="state", values=get_args(AgentState)),
    ),
    _gauge(
        "occupancy_ratio",
        "Occupancy of the last 30 minutes: (talk + hold + wrap-up) / (talk + hold + wrap-up + ready idle); absent while nobody was ready or busy.",
        QUEUE,
        unit="ratio",
    ),
    _counter(
        "breaks_overrun",
        "Breaks that lasted longer than their reason allows (setting `acd.break_limit_s`).",
        QUEUE,
    ),
    _gauge("agents_overrun", "Agents whose break lasts longer than its reason allows.", QUEUE),
    _counter(
        "outcomes",
        "Conversations by how the agent said that they went (setting `acd.outcomes`); a corrected outcome counts as first given.",
        QUEUE,
        Label(name="outcome", words=20),
    ),
)

_RECORDINGS = (
    _counter(
        "recordings",
        "Recordings by result: `stored` is complete and verified, everything else is marked as a problem.",
        Label(name="result", values=RECORDING_RESULTS),
    ),
)

_AMI = (
    _counter(
        "ami_events",
        "Events received from Asterisk, by what they mean to us; those that mean nothing are `other`.",
        Label(name="event", words=60),
        source="tally",
    ),
    _counter(
        "ami_actions_failed",
        "Actions sent to Asterisk that were refused or stayed unanswered.",
        Label(name="action", words=40),
        source="tally",
    ),
    _counter("ami_poison", "AMI messages that could not be understood and were set aside.", source="tally"),
    _counter(
        "ami_resyncs", "Snapshots taken after a connect or a doubt.", Label(name="reason", words=20), source="tally"
    ),
    _gauge("ami_up", "Whether the AMI link of a node is up and its snapshot taken.", NODE),
    _gauge(
        "ami_event_lag_seconds", "Age of the last AMI event when it was handled.", NODE, source="tally", unit="seconds"
    ),
)

_HOUSE = (
    _gauge("bus_up", "Whether the bus takes records.", source="tally"),
    _gauge("database_up", "Whether PostgreSQL answers.", source="tally"),
    _gauge("router_active", "Whether this process is the active router.", source="tally"),
    _gauge(
        "router_epoch",
        "The newest router's term that this process knows of; 0 where only one can route.",
        source="tally",
    ),
    _gauge(
        "router_standby_in_sync",
        "Whether a takeover would find the states of all agents: at the active router, whether some other stands by and "
        "has everything; at one that stands by, whether it has.",
        source="tally",
    ),
    _gauge(
        "router_heard",
        "Whether the call flows of this process hear a router; without one, callers who would wait go to the fallback queue.",
        source="tally",
    ),
    _gauge("spool_facts", "Facts in the local spool that the journal has not taken yet.", source="tally", unit="facts"),
    _gauge("spool_oldest_seconds", "Age of the oldest fact in the spool.", source="tally", unit="seconds"),
    _seconds(
        "journal_lag_seconds", "latency", "Time from a fact's happening to its commit in the journal.", source="tally"
    ),
    _counter("limits_reached", "Times a named limit was reached.", Label(name="limit", words=60), source="tally"),
    _counter(
        "service_errors", "Records whose handling failed, by service.", Label(name="service", words=20), source="tally"
    ),
    _counter("http_refused", "HTTP requests refused, by reason.", Label(name="reason", words=20), source="tally"),
    _told(
        "http_passed_over",
        "Times another process had no answer to a request that was passed on, by reason; the next one was asked then.",
        Label(name="reason", values=("unavailable", "standingby", "rejected")),
    ),
    _gauge("stream_clients", "Clients that read the stream.", source="tally"),
    _told(
        "stream_cut",
        "Clients of the stream that were cut off, by reason.",
        Label(name="reason", values=("too_slow", "too_much", "stands_by", "no_token", "failed", "ending")),
    ),
    _told("http_cut_off", "Answers of other processes that broke off or were too long, and were cut off."),
    _counter(
        "audit_findings",
        "Broken invariants that the periodic audit found, each once, by kind (`hotline audit` lists them).",
        Label(name="kind", words=30),
        source="tally",
    ),
    _gauge(
        "audit_completed_timestamp_seconds",
        "When the last complete periodic audit began, in seconds since 1970.",
        source="tally",
        unit="seconds",
    ),
    _told("spool_damaged", "Times the spool's file was found damaged and set aside."),
    _told("spool_write_errors", "Times the spool could not write to its disk."),
    _told("spool_shed", "Facts given up because the spool was full, by type.", Label(name="type", words=60)),
    _told("spool_lost", "Facts lost because the spool could not keep them, by type.", Label(name="type", words=60)),
    _told("spool_dead", "Facts of the spool that cannot be read back, by reason.", Label(name="reason", words=20)),
    _gauge(
        "bus_blocked",
        "Whether the broker takes nothing from this process because it is short of memory or disk.",
        source="tally",
    ),
    _gauge("bus_dead_letters", "Dead letters in the broker, as every process sees them.", source="tally"),
    _gauge(
        "bus_journal_messages",
        "Messages, of 1 to 100 facts each, that wait in the broker for the journal, as every process sees them.",
        source="tally",
    ),
    _told("bus_sessions_lost", "Times the connection to the broker ended or could not be made."),
    _told("bus_gaps", "Times signals of other processes or to them may have been lost; their states are told anew."),
    _told("bus_facts_sent", "Facts that the broker confirmed."),
    _told("bus_facts_refused", "Facts that the broker did not take (its queue is full); they stay in the spool."),
    _told(
        "bus_facts_old",
        "Facts that reached the broker too late for services that act on them; the journal and these numbers have them.",
    ),
    _told(
        "bus_facts_unread",
        "Facts of the broker that could not be read by this process, by reason.",
        Label(name="reason", words=20),
    ),
    _told(
        "bus_dead",
        "Facts that could not be read and were made dead letters by this process, by reason.",
        Label(name="reason", words=20),
    ),
    _told("bus_parcels_dropped", "Signals and replies given up because the broker did not take them in time."),
    _told("bus_signals_unread", "Signals of other processes that could not be read."),
    _told("journal_failures", "Attempts to write to the journal that failed, by error.", Label(name="error", words=20)),
    _told("journal_dead", "Facts that the journal refused for good and set aside."),
    _told("journal_fold_failures", "Facts of the journal that could not be folded into its projections."),
    _told("cel_lines_skipped", "Lines of Asterisk's CEL that could not be understood."),
    _told("crm_look_ups_late", "Caller look-ups that took too long; the caller counted as unknown."),
    _told("ivr_ignored", "Events that meant nothing to a call flow at that moment; late ones are normal."),
    _told("router_takeovers", "Times this process became the active router of several."),
    _told(
        "router_step_downs",
        "Times this process ceased to be the active router, by reason: another's term had begun, or it was stopped.",
        Label(name="reason", values=("newer_term", "stopped")),
    ),
    _told("router_commands_fenced", "Commands of this router that a node refused because a newer term had begun."),
    _told("router_ignored", "Events that meant nothing to the router at that moment; late ones are normal."),
    _counter("facts", "Facts folded into these numbers.", FACT),
    _counter(
        "facts_unmatched",
        "Facts that fitted no call or offer that is known and still open; late ones are normal.",
        FACT,
    ),
    _gauge(
        "event_loop_lag_seconds",
        "Worst lateness of a timer of this process in the last 15 seconds.",
        source="exporter",
        unit="seconds",
    ),
    _told("calls_reconciled", "Calls whose end was concluded from a snapshot because nobody had seen it."),
    _counter(
        "sounds_missing",
        "Sounds that a prompt asked for and Asterisk does not have; they were left out.",
        source="tally",
    ),
    _gauge("tasks", "Asynchronous tasks of this process; a number that only grows is a leak.", source="tally"),
    _gauge("metrics_undefined", "Names told through the tally that no definition knows: a bug.", source="exporter"),
    _gauge(
        "build_info",
        "Always 1; the labels say what runs.",
        Label(name="version", words=1),
        Label(name="python", words=1),
        source="exporter",
    ),
)

HORIZON = Label(name="horizon", values=get_args(Horizon))
QUANTILE = Label(name="quantile", values=("mean", "0.1", "0.5", "0.9"))
GAP_KIND = Label(name="kind", values=get_args(GapKind))
PLACES = ("work", "break", "off")
_FORECAST: tuple[Metric, ...] = (
    _gauge(
        "forecast_calls",
        "Calls expected in the present interval, day or month (in the next one, while the queue is closed), by horizon and quantile.",
        QUEUE,
        HORIZON,
        QUANTILE,
        unit="calls",
        source="tally",
    ),
    _gauge(
        "forecast_said_calls",
        "What had been expected, when it began, of the interval that ended last, by quantile; 0 where the queue was closed.",
        QUEUE,
        QUANTILE,
        unit="calls",
        source="tally",
    ),
    _gauge(
        "forecast_came_calls",
        "Calls that came in the interval that ended last; 0 where the queue was closed.",
        QUEUE,
        unit="calls",
        source="tally",
    ),
    _gauge(
        "forecast_day_calls",
        "Calls of all of today: those who came in the intervals that are over, and what is expected of the rest, by quantile (as if all of the rest erred alike).",
        QUEUE,
        QUANTILE,
        unit="calls",
        source="tally",
    ),
    _gauge(
        "forecast_day_came_calls",
        "Calls that came today in the intervals that are over.",
        QUEUE,
        unit="calls",
        source="tally",
    ),
    _gauge(
        "forecast_model",
        "Always 1; the model that made the newest forecast, by horizon.",
        QUEUE,
        HORIZON,
        Label(name="model", words=60),
        source="tally",
    ),
    _gauge(
        "staff_required",
        "Agents required in the present interval, on the predictive distribution; 0 while the queue is closed. Queues that share agents: portions that add up.",
        QUEUE,
        source="tally",
    ),
    _gauge(
        "staff_pooling_ratio",
        "Which part of the saving of one queue for all the queue's shared agents reach, by simulation; 0: it is counted by itself.",
        QUEUE,
        unit="ratio",
        source="tally",
    ),
    _gauge("staff_scheduled", "People who should be at work now by the published roster.", source="tally"),
    _gauge(
        "staff_astray",
        "People of the roster who are not where it wants them now, beyond the tolerance.",
        source="tally",
    ),
    _gauge(
        "staff_places",
        "People of the roster by what it wants of them now and what they do.",
        Label(name="scheduled", values=PLACES),
        Label(name="actual", values=PLACES),
        source="tally",
    ),
    _gauge(
        "adherence_ratio",
        "Adherence of today's shifts so far: minutes in the scheduled kind of state / scheduled minutes.",
        unit="ratio",
        source="tally",
    ),
    _gauge(
        "staff_present",
        "Agents on duty for the queue (logged in and not on a break). Who serves several queues counts for one of them.",
        QUEUE,
        source="tally",
    ),
    _gauge(
        "staff_gap",
        "Whether an alarm is open: people will be missing in the next hours (short), or be too many (over).",
        QUEUE,
        GAP_KIND,
        source="tally",
    ),
    _gauge(
        "staff_gap_agents",
        "How many agents will be missing (short) or too many (over) in the worst interval, as the open alarm said; 0 without one.",
        QUEUE,
        GAP_KIND,
        source="tally",
    ),
    _gauge(
        "staff_advice",
        "Whether the open alarm advises this.",
        QUEUE,
        Label(name="advice", values=get_args(Advice)),
        source="tally",
    ),
    _gauge(
        "staff_rostered",
        "Agents scheduled for the queue in the present interval by the published rosters; absent without one. Who serves several queues counts for one of them.",
        QUEUE,
        source="tally",
    ),
    _gauge(
        "staff_group",
        "Always 1; the group of queues that share agents, by its queues (of many: the first one and how many more); a queue that shares with nobody is its own.",
        QUEUE,
        Label(name="group", words=200),
        source="tally",
    ),
    _gauge(
        "forecast_ready",
        "Whether the queue has a forecast: 0 with too little history, or after a failure.",
        QUEUE,
        source="tally",
    ),
    _gauge("forecast_age_seconds", "Age of the newest forecast.", QUEUE, HORIZON, unit="seconds", source="tally"),
    _gauge(
        "forecast_wape_ratio",
        "Accuracy of the last four weeks: sum of errors / sum of calls, of what was said so far ahead (hours for today, days, months).",
        QUEUE,
        HORIZON,
        Label(name="lead", words=20),
        unit="ratio",
        source="tally",
    ),
    _gauge(
        "forecast_bias_ratio",
        "Bias of the last four weeks: sum of (said - came) / sum of calls.",
        QUEUE,
        HORIZON,
        Label(name="lead", words=20),
        unit="ratio",
        source="tally",
    ),
    _gauge(
        "forecast_coverage_ratio",
        "Share of intervals whose calls lay within the 80 % or 95 % interval, over the last four weeks.",
        QUEUE,
        HORIZON,
        Label(name="lead", words=20),
        Label(name="level", values=("0.8", "0.95")),
        unit="ratio",
        source="tally",
    ),
    _gauge("forecast_active", "Whether this process makes the forecasts; of several, one does.", source="tally"),
    _told("forecasts_made", "Forecasts that were made, by horizon.", HORIZON),
    _told(
        "forecast_fallbacks",
        "Times a model could not serve and another one did.",
        HORIZON,
        Label(name="reason", values=get_args(FallBackReason)),
    ),
    _told("forecast_failures", "Duties of the forecaster that came to nothing.", Label(name="duty", words=10)),
    _told("forecast_workers_started", "Processes that were started to learn; many of them mean that they die."),
)

DEFINITIONS: tuple[Metric, ...] = (
    *_CALLS,
    *_QUEUES,
    *_OFFERS,
    *_TREATED,
    *_AGENTS,
    *_RECORDINGS,
    *_AMI,
    *_FORECAST,
    *_HOUSE,
)
"""All metrics, in the order of the documentation."""

EDGES: dict[Scale, tuple[float, ...]] = {
    "wait": (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800),
    "ring": (1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 120),
    "talk": (5, 10, 20, 30, 60, 120, 180, 300, 450, 600, 900, 1200, 1800, 3600),
    "latency": (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600),
}
"""Bucket edges in seconds before the thresholds in use are added."""
THRESHOLD_SCALES: frozenset[Scale] = frozenset({"wait", "ring", "talk"})


def edges(scale: Scale, thresholds_s: tuple[float, ...]) -> tuple[float, ...]:
    """Return the upper bucket edges of `scale`, ascending, without +Inf, with an edge exactly at every threshold above zero.

    A share "within T" read from a histogram is then exact, not interpolated. An edge counts values equal to it.
    """
    extra = set(thresholds_s) if scale in THRESHOLD_SCALES else set()
    return tuple(sorted({float(e) for e in (*EDGES[scale], *extra) if e > 0}))


def by_name() -> dict[str, Metric]:
    """Return the definitions by their name in the tally and in observations."""
    return {m.name: m for m in DEFINITIONS}
