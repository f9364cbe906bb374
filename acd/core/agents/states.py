"""An agent's states as a table: what each input leads to in each state. Pure.

The table is the whole truth: a pair that is not in it is refused by name and changes nothing. Who owes an outcome is held
back by a second, small table laid over it. It decides neither how long a rest lasts nor which call is offered; `conduct`
moves agents along it, `mermaid` draws it for the documentation.
"""

from typing import Literal, get_args

import msgspec

from hotline.facts import AgentState

Ask = Literal["log_in", "ready", "not_ready", "log_out", "end_wrap_up"]
"""What an agent may ask for himself, at the seat, by command or through the API."""

Force = Literal["force_ready", "force_break", "force_offline", "break_after_call", "offline_after_call", "call_off"]
"""What a supervisor may order. `force_…` takes effect at once: a ring is taken back, a wrap-up ends, an outcome is waived; only
a conversation is never cut. `…_after_call` lets a ring and a wrap-up come to their end. `call_off` drops what was kept for later."""

Happening = Literal[
    "reserve",  # the router picked him for a caller
    "rang",  # his phone rings
    "answered",  # he and the caller are bridged
    "held",  # he put the caller on hold
    "retrieved",  # he took him back
    "talk_ended",  # the conversation is over and leaves work behind
    "handled",  # the conversation is over and leaves none
    "let_go",  # the offer ended, not by his fault
    "rest",  # the offer ended badly; he is spared for a while
    "impose_break",  # too many rings in a row without an answer
    "time_over",  # the wrap-up or rest is over
    "seat_lost",  # his phone cannot be rung any more
    "seat_found",  # it can again
]
Input = Ask | Force | Happening


class Go(msgspec.Struct, frozen=True):
    """Change to a state."""

    state: AgentState


class Home(msgspec.Struct, frozen=True):
    """Change to where a free agent belongs now: see `home`."""


class Stay(msgspec.Struct, frozen=True):
    """Nothing to do: a repetition, or an input without meaning here."""


class Later(msgspec.Struct, frozen=True):
    """Keep the wish and fulfil it when the call is over."""


class Refuse(msgspec.Struct, frozen=True):
    """The input is illegal here; nothing changes."""

    reason: str


Step = Go | Home | Stay | Later | Refuse

OUT_OF_PLACE = Refuse("out_of_place")
_HOME, _STAY, _LATER = Home(), Stay(), Later()
_NOT_IN = Refuse("not_logged_in")
_NO_WRAP_UP = Refuse("not_in_wrap_up")
_SEAT: dict[Input, Step] = {"seat_lost": _STAY, "seat_found": _STAY}
# An answer may come when the offer was given up long ago; the phone is right, he talks.
_TALKS: dict[Input, Step] = {"answered": Go("talking")}
_IN: dict[Input, Step] = {"log_in": _STAY, "end_wrap_up": _NO_WRAP_UP, "call_off": _STAY}
_ORDERS_IN_CALL: dict[Input, Step] = {
    "force_ready": _STAY,
    "force_break": _LATER,
    "force_offline": _LATER,
    "break_after_call": _LATER,
    "offline_after_call": _LATER,
}
_ORDERS: dict[Input, Step] = {
    "force_ready": _HOME,
    "force_break": Go("break"),
    "force_offline": Go("offline"),
    "break_after_call": Go("break"),
    "offline_after_call": Go("offline"),
}
_DURING_OFFER: dict[Input, Step] = {
    **(_IN | _SEAT | _TALKS | _ORDERS_IN_CALL),
    "ready": _STAY,
    "not_ready": _LATER,
    "log_out": _LATER,
    "rang": Go("ringing"),
    "talk_ended": Go("wrap_up"),
    "handled": _HOME,
    "let_go": _HOME,
    "rest": Go("rest"),
    "impose_break": Go("break"),
}
_IN_TALK: dict[Input, Step] = {
    **(_IN | _SEAT | _ORDERS_IN_CALL),
    "ready": _STAY,
    "not_ready": _LATER,
    "log_out": _LATER,
    "rang": _STAY,
    "answered": _STAY,
    "talk_ended": Go("wrap_up"),
    "handled": _HOME,
    "let_go": _HOME,
}

TABLE: dict[AgentState, dict[Input, Step]] = {
    "offline": {
        **(_SEAT | _TALKS),
        "log_in": Go("break"),
        "ready": _HOME,
        "not_ready": _NOT_IN,
        "log_out": _STAY,
        "end_wrap_up": _NOT_IN,
        "force_ready": _HOME,
        "force_break": Go("break"),
        "force_offline": _STAY,
        "break_after_call": _NOT_IN,
        "offline_after_call": _STAY,
        "call_off": _STAY,
    },
    "ready": {
        **(_IN | _TALKS | _ORDERS),
        "force_ready": _STAY,
        "ready": _STAY,
        "not_ready": Go("break"),
        "log_out": Go("offline"),
        "reserve": Go("reserved"),
        "seat_lost": Go("unreachable"),
        "seat_found": _STAY,
    },
    "reserved": _DURING_OFFER,
    "ringing": _DURING_OFFER | {"rang": _STAY},
    "talking": _IN_TALK | {"held": Go("holding"), "retrieved": _STAY},
    "holding": _IN_TALK | {"held": _STAY, "retrieved": Go("talking")},
    "wrap_up": {
        **(_SEAT | _TALKS | _ORDERS),
        "break_after_call": _LATER,
        "offline_after_call": _LATER,
        "call_off": _STAY,
        "log_in": _STAY,
        "ready": _HOME,
        "not_ready": _LATER,
        "log_out": Go("offline"),
        "end_wrap_up": _HOME,
        "time_over": _HOME,
    },
    "rest": {
        **(_IN | _SEAT | _TALKS | _ORDERS),
        "ready": _HOME,
        "not_ready": Go("break"),
        "log_out": Go("offline"),
        "time_over": _HOME,
    },
    "break": {
        **(_IN | _SEAT | _TALKS | _ORDERS),
        "ready": _HOME,
        "not_ready": Go("break"),
        "log_out": Go("offline"),
        "time_over": _STAY,
    },
    "unreachable": {
        **(_IN | _TALKS | _ORDERS),
        "force_ready": _STAY,
        "ready": _STAY,
        "not_ready": Go("break"),
        "log_out": Go("offline"),
        "seat_lost": _STAY,
        "seat_found": _HOME,
    },
}

_NO_OUTCOME = Refuse("outcome_required")
_OWING: dict[Input, Step] = {"ready": _NO_OUTCOME, "end_wrap_up": _NO_OUTCOME, "time_over": _STAY}
OWING: dict[AgentState, dict[Input, Step]] = {
    "offline": {"ready": _NO_OUTCOME},
    "wrap_up": _OWING,
    "rest": {"ready": _NO_OUTCOME},
    "break": {"ready": _NO_OUTCOME},
}
"""Laid over the table for an agent who has not said yet how a conversation went, where the queue requires it."""

ON_DUTY: frozenset[AgentState] = frozenset({"ready", "reserved", "ringing", "talking", "holding", "wrap_up", "rest"})
"""States of an agent who takes calls now or will without anybody's help."""

IN_CALL: frozenset[AgentState] = frozenset({"reserved", "ringing", "talking", "holding"})
"""States of an agent who is taken by an offer."""

Wish = Literal["break", "offline"]
"""What was asked for during a call and is kept until it is over."""


def step(state: AgentState, given: Input, *, owes: bool = False) -> Step:
    """Return what `given` leads to in `state`, for one who `owes` an outcome or not."""
    if owes and (held_back := OWING.get(state, {}).get(given)) is not None:
        return held_back
    return TABLE[state].get(given, OUT_OF_PLACE)


def home(wish: Wish | None, *, reachable: bool) -> AgentState:
    """Return where a free agent belongs: first what he asked for, then what his phone allows."""
    if wish is not None:
        return wish
    return "ready" if reachable else "unreachable"


def mermaid() -> str:
    """Return the table as a Mermaid state diagram. `free` is the choice that `home` makes."""
    lines = ["stateDiagram-v2", "    state free <<choice>>", "    [*] --> offline"]
    lines += [f"    {origin} --> {target}: {', '.join(inputs)}" for (origin, target), inputs in _edges().items()]
    lines += [
        "    free --> break: not_ready was kept",
        "    free --> offline: log_out was kept",
        "    free --> unreachable: phone cannot be rung",
        "    free --> ready: otherwise",
    ]
    return "\n".join(lines) + "\n"


def _edges() -> dict[tuple[str, str], list[str]]:
    """Return the inputs that lead from one state to another; those that change nothing are left out, and orders."""
    edges: dict[tuple[str, str], list[str]] = {}
    for origin in get_args(AgentState):
        for given, taken in TABLE[origin].items():
            if given in get_args(Force):
                continue  # they lead to where an agent's own wishes do
            match taken:
                case Go(state):
                    edges.setdefault((origin, state), []).append(given)
                case Home():
                    edges.setdefault((origin, "free"), []).append(given)
                case Later():
                    edges.setdefault((origin, origin), []).append(f"{given} (kept)")
                case _:
                    continue
    return edges
