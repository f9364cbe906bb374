"""How often each capability of the house really happened in a story: counted from facts, and from what only people or the monitor know.

A story in which nothing happens proves nothing. `CAPABILITIES` is the whole list; a test fails when one of them does not happen in the stories
of `make test`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from hotline import facts as f

Told = Callable[[f.Fact], bool]


def _kind(*kinds: type[f.Fact], **fields: object) -> Told:
    """Return a test for facts of a kind, whose fields have these values."""
    return lambda fact: isinstance(fact, kinds) and all(getattr(fact, name) == fields[name] for name in fields)


BY_FACT: Mapping[str, Told] = {
    "agent: forced into a state": _kind(f.AgentStateChanged, forced=True),
    "agent: said how it went": _kind(f.OutcomeGiven),
    "callback: customer reached": _kind(f.CustomerDialled, result="answered"),
    "callback: dialled": _kind(f.CustomerDialled),
    "caller: moved": _kind(f.CallMoved),
    "caller: old place resumed": _kind(f.CallResumed),
    "caller: overflowed": _kind(f.CallFlowedOut, reason="overflow"),
    "caller: priority changed": _kind(f.CallPriorityChanged),
    "caller: pulled out": _kind(f.CallFlowedOut, reason="pulled"),
    "consult: asked": _kind(f.OfferMade, kind="consult"),
    "consult: asked a number outside": lambda fact: (
        isinstance(fact, f.TransferStarted) and fact.kind == "attended" and fact.to.startswith("number:")
    ),
    "consult: called off": _kind(f.TransferFailed, kind="attended", reason="called_off"),
    "consult: conference": _kind(f.ConferenceBegan),
    "consult: handed on": _kind(f.TransferCompleted, kind="attended"),
    "consult: not answered": lambda fact: (
        isinstance(fact, f.TransferFailed) and fact.reason in ("no_answer", "rejected", "busy", "failed")
    ),
    "emergency: sent away": _kind(f.CallFlowedOut, reason="emergency"),
    "hold": _kind(f.HoldBegan),
    "ring: several phones": lambda fact: isinstance(fact, f.OfferMade) and fact.group == fact.offer_id,
    "ring: answered elsewhere": _kind(f.OfferRescinded, reason="answered_elsewhere"),
    "supervision: barge": _kind(f.SupervisionBegan, mode="barge"),
    "supervision: listen": _kind(f.SupervisionBegan, mode="listen"),
    "supervision: stopped": _kind(f.SupervisionEnded, reason="stopped"),
    "supervision: whisper": _kind(f.SupervisionBegan, mode="whisper"),
    "surge: switched": _kind(f.SurgeSwitched),
    "transfer: blind": _kind(f.TransferCompleted, kind="blind"),
}
BY_PEOPLE = (
    "consult: asked a remote agent",
    "consult: swap",
    "remote: pressed the key",
    "remote: answered without the key",
    "ring: two answered at once",
)
"""What only the phone network sees."""
BY_MONITOR = (
    "agent: owed an outcome",
    "agent: queued break taken",
    "emergency: announced",
    "remote: kept back by the limit",
    "sticky: last agent",
    "sticky: personal agent",
    "sticky: another one after its time",
    "supervision: seat kept free",
    "supervision: taken over",
    "surge: served by who was called in",
)
"""What follows from what the router says, with what it had been told before."""
CAPABILITIES = tuple(sorted((*BY_FACT, *BY_PEOPLE, *BY_MONITOR)))


def count(facts: Iterable[f.Fact], seen: Mapping[str, int]) -> dict[str, int]:
    """Return how often each capability happened; `seen` are those that no fact tells."""
    happened = Counter({name: number for name, number in seen.items() if name in CAPABILITIES})
    for fact in facts:
        happened.update(name for name, is_so in BY_FACT.items() if is_so(fact))
    return {name: happened[name] for name in CAPABILITIES}


def table(happened: Mapping[str, int], stories: int) -> str:
    """Return how often each capability happened in so many stories, one line each."""
    width = max(map(len, CAPABILITIES))
    lines = [f"{name:<{width}}  {happened.get(name, 0):>8}" for name in CAPABILITIES]
    return "\n".join((f"{'happened in ' + str(stories) + ' stories':<{width}}  {'times':>8}", *lines))
