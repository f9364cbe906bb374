"""How the story of a call tells of a range that was said to a waiting caller, and what came of it. Pure."""

from collections.abc import Iterable

from hotline.facts import CallAbandoned, CallEnded, CallFellBack, CallFlowedOut, Fact, OfferAccepted, WaitPromised
from hotline.ranges import Promise, Result

_ENDINGS = (OfferAccepted, CallAbandoned, CallFlowedOut, CallFellBack, CallEnded)
"""Whatever comes first of these, the wait is over."""
_WORDS: dict[Result | None, tuple[str, str]] = {
    "kept": ("kept", "已兑现"),
    "early": ("kept, he was answered even earlier", "已兑现，提前接听"),
    "late": ("not kept", "未兑现"),
    None: ("he left before", "提前离开"),
}


def told(promise: WaitPromised) -> tuple[str, str]:
    """Return what was said, in English and Chinese."""
    low, high = round(promise.low_s / 60), round(promise.high_s / 60)
    if low:
        return f"told to expect a wait of {low} to {high} min", f"告知预计等候 {low} 至 {high} 分钟"
    return f"told to expect a wait of less than {high} min", f"告知预计等候不到 {high} 分钟"


def came_of(promise: WaitPromised, later: Iterable[Fact]) -> tuple[str, str]:
    """Return what came of it, in English and Chinese, as the facts of the call after it tell; empty while he waits still."""
    end = next((fact for fact in later if isinstance(fact, _ENDINGS)), None)
    if end is None:
        return "", ""
    said = Promise(promise.at, promise.low_s, promise.high_s)
    result = said.judge(end.at, answered=isinstance(end, OfferAccepted))
    english, chinese = _WORDS[result]
    waited_s = max(end.at - promise.at, 0.0)
    return f"{english} (after {waited_s:.0f} s)", f"{chinese}（{waited_s:.0f} 秒后）"
