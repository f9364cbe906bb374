"""What may be dialled to the outside, and how a number is written when it is dialled. Pure.

Everything that leaves over the outgoing trunk (callbacks, remote agents, callers who are passed on, transfers) goes by these rules
and no others, and what was checked is what is dialled: `dialable` gives the one form, digits only, and `permit` judges that form.

    policy = dialling.policy(settings)
    digits = dialling.dialable("+86 138-0013-8000", policy)         # "13800138000"
    refusal = dialling.permit(digits, policy, now=now, last_hour=ledger.last_hour(now), at_once=ledger.live)
    if refusal is None: … Dial(dialling.dial_string(digits)) …      # PJSIP/13800138000@hotline-out

The form: national numbers as they are dialled at home (`02161234567`, `13800138000`), foreign ones behind `00`. `allow` and
`deny` of the settings are beginnings of that form. Rules of writing: ITU-T E.164; in China neither mobile numbers nor
400 and 800 numbers have a trunk prefix.

Numbers come from callers, operators and web forms. Anything but digits, one leading plus and the signs that people write
between digits (blank, `-`, `.`, `(`, `)`, `/`) makes it no number at all: nothing is cut out of a hostile text and dialled.
"""

import math
import re
import unicodedata
from collections.abc import Container, Mapping
from typing import Literal, get_args

import msgspec

from hotline import hours
from hotline.errors import Misuse
from hotline.hours import Hours
from hotline.settings import Settings

TRUNK = "hotline-out"
"""The endpoint of the outgoing trunk in Asterisk."""
TEXT_LIMIT = 40
"""A longer text is no number."""
HOUR_S = 3600.0

Reason = Literal[
    "no_trunk", "no_number", "too_short", "too_long", "own_number", "denied", "not_allowed", "closed", "too_many_at_once", "too_many_per_hour"
]  # fmt: skip
LASTING: frozenset[Reason] = frozenset(get_args(Reason)) - {"closed", "too_many_at_once", "too_many_per_hour"}
"""Reasons that waiting does not cure."""

_TEXTS: dict[Reason, tuple[str, str]] = {
    "no_trunk": ("no outgoing calls are set up", "未配置外呼线路"),
    "no_number": ("this is no telephone number", "这不是有效的电话号码"),
    "too_short": ("this number is too short", "号码太短"),
    "too_long": ("this number is too long", "号码太长"),
    "own_number": ("this is a number of our own", "这是本热线自己的号码"),
    "denied": ("numbers that begin like this must not be called", "禁止拨打此类号码"),
    "not_allowed": ("numbers that begin like this may not be called", "不允许拨打此类号码"),
    "closed": ("nobody may be called at this time", "当前时段不允许外呼"),
    "too_many_at_once": ("too many outgoing calls at once", "同时外呼数已达上限"),
    "too_many_per_hour": ("too many outgoing calls within an hour", "一小时内外呼次数已达上限"),
}
_BETWEEN = str.maketrans("", "", " -.()/")
_WRITTEN = re.compile(r"\+?[0-9]+")
_MOBILE_CN = re.compile(r"1[3-9][0-9]{9}")
_SERVICE_CN = re.compile(r"[48]00[0-9]{7}")


def refusal_text(reason: str, language: str = "en") -> str:
    """Return a reason for people; a word that is none of these reasons stays as it is."""
    return next((texts[language == "zh"] for known, texts in _TEXTS.items() if known == reason), reason)


class Refusal(msgspec.Struct, frozen=True):
    """Why a number is not dialled. Its text holds no part of the number."""

    reason: Reason

    @property
    def lasting(self) -> bool:
        """Whether it is refused at any time, and not only now."""
        return self.reason in LASTING

    def text(self, language: str = "en") -> str:
        """Return the reason for people, in English or (`zh`) Chinese."""
        return refusal_text(self.reason, language)

    def __str__(self) -> str:
        return self.text()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The rules, read from the settings once."""

    trunk: bool
    """Whether there is an outgoing trunk."""
    country: str = "86"
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    digits_min: int = 3
    digits_max: int = 15
    per_hour: int = 200
    at_once: int = 20
    opening: Hours | None = None
    """When customers may be called; None: always."""
    own: frozenset[str] = frozenset()
    """Our own numbers and seats, in the form in which they would be dialled: calling them over the trunk is a circle."""

    def is_open(self, now: float) -> bool:
        """Return whether customers may be called at `now`."""
        return self.opening is None or self.opening.is_open(now)


def policy(settings: Settings) -> Policy:
    """Return the rules that the settings give."""
    outbound = settings.outbound
    country = settings.crm.country_code
    numbers = {number.number for number in settings.numbers.values()}
    own = {_national(outbound.caller_number, country), *numbers, *settings.seats.extensions()} - {""}
    return Policy(
        trunk=bool(outbound.trunk),
        country=country,
        allow=outbound.allow,
        deny=outbound.deny,
        digits_min=outbound.digits_min,
        digits_max=outbound.digits_max,
        per_hour=outbound.per_hour,
        at_once=outbound.at_once,
        opening=None if outbound.opening is None else hours.of_settings(settings.hours[outbound.opening]),
        own=frozenset(own),
    )


def dialable(raw: str, rules: Policy) -> str:
    """Return a number as it is dialled, digits only; empty when `raw` is no number. Doing it twice changes nothing."""
    if len(raw) > TEXT_LIMIT:
        return ""
    text = unicodedata.normalize("NFKC", raw).strip().translate(_BETWEEN)
    if _WRITTEN.fullmatch(text) is None:  # `[0-9]` and not `\d`: other scripts' digits are not dialled
        return ""
    return _national(text, rules.country)


def _national(text: str, country: str) -> str:
    """Return the form of `+86…`, `0086…` and (unmistakable Chinese mobile numbers) `86…` without the country's own code."""
    digits = text[1:] if text.startswith("+") else text.removeprefix("00") if text.startswith("00") else ""
    if not digits:
        if country == "86" and text.startswith("86") and _MOBILE_CN.fullmatch(text[2:]):
            return text[2:]
        if country == "86" and text.startswith("0") and _MOBILE_CN.fullmatch(text[1:]):
            return text[1:]
        return text
    if not digits.startswith(country):
        return f"00{digits}"
    national = digits[len(country) :]
    bare = country == "86" and (_MOBILE_CN.fullmatch(national) or _SERVICE_CN.fullmatch(national))
    return national if bare or not national else f"0{national}"


def permit(
    number: str,
    rules: Policy,
    *,
    now: float,
    last_hour: int = 0,
    at_once: int = 0,
    customer: bool = True,
    own: Container[str] = (),
) -> Refusal | None:
    """Return why this number may not be dialled now, or None when it may.

    `last_hour` and `at_once` are the outgoing calls begun within the last hour and alive now, without this one (see `Ledger`).
    `customer`: whether a customer is called, who may only be within opening hours; a remote agent on duty is rung at any time.
    `own`: more numbers that are ours (extensions), which the trunk must not be used for.
    """
    digits = dialable(number, rules)
    reason = _lasting(digits, rules, own) or _passing(rules, now if customer else None, last_hour, at_once)
    return None if reason is None else Refusal(reason)


def _lasting(digits: str, rules: Policy, own: Container[str]) -> Reason | None:
    # A foreign number's `00` is a matter of writing; its length counts without.
    length = len(digits.removeprefix("00"))
    checks: tuple[tuple[Reason, bool], ...] = (
        ("no_trunk", not rules.trunk),
        ("no_number", not digits),
        ("too_short", length < rules.digits_min),
        ("too_long", length > rules.digits_max),
        ("own_number", digits in rules.own or digits in own),
        ("denied", digits.startswith(rules.deny)),
        ("not_allowed", not digits.startswith(rules.allow)),
    )
    return next((reason for reason, wrong in checks if wrong), None)


def _passing(rules: Policy, customers_at: float | None, last_hour: int, at_once: int) -> Reason | None:
    if customers_at is not None and not rules.is_open(customers_at):
        return "closed"
    if at_once >= rules.at_once:
        return "too_many_at_once"
    return "too_many_per_hour" if last_hour >= rules.per_hour else None


def dial_string(digits: str) -> str:
    """Return what Asterisk's `Dial` or `Originate` is given for a number that `permit` let pass, in the form of `dialable`.

    Raises Misuse when it is in another form.
    """
    if re.fullmatch(r"[0-9]{1,20}", digits) is None:
        raise Misuse("a number is dialled in the form that hotline.dialling.dialable gives")
    return f"PJSIP/{digits}@{TRUNK}"


class OutgoingCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An outgoing call, as the limits see it."""

    begun_at: float
    lives: bool = True
    node: str = ""
    """Where it can be looked for, if nobody else knows when it is over."""


class Ledger:
    """The outgoing calls of the last hour, and those that live: what `permit` is told of what went before.

    What it holds can outlive the process that keeps it (`take_changed`, `restore`): limits are for the house, not for a life of ours. A
    live call of an earlier life counts until it is known to be over, for an hour at the most.
    """

    def __init__(self) -> None:
        self._begun: dict[str, OutgoingCall] = {}
        self._live: dict[str, OutgoingCall] = {}
        self._unsure: dict[str, float] = {}
        self._changed: dict[str, None] = {}

    @property
    def live(self) -> int:
        """How many outgoing calls live."""
        return len(self._live)

    def lives(self, key: str) -> bool:
        """Return whether one lives."""
        return key in self._live

    def begin(self, key: str, at: float, *, node: str = "") -> None:
        """Note an outgoing call, not earlier than those before it; the same key twice is one call."""
        self._unsure.pop(key, None)
        if key in self._live:
            return
        call = self._begun.setdefault(key, OutgoingCall(begun_at=at, node=node))
        self._live[key] = msgspec.structs.replace(call, lives=True, node=node or call.node)
        self._changed[key] = None

    def end(self, key: str) -> None:
        """Note that one is over."""
        self._unsure.pop(key, None)
        if self._live.pop(key, None) is not None:
            self._changed[key] = None

    def last_hour(self, now: float) -> int:
        """Return how many began within the hour before `now`."""
        while self._begun:
            key, call = next(iter(self._begun.items()))  # the oldest: they are noted in their order
            if call.begun_at > now - HOUR_S:
                break
            del self._begun[key]
            self._changed[key] = None
        for key in [key for key, since in self._unsure.items() if since <= now - HOUR_S]:
            self.end(key)
        return len(self._begun)

    def next_forgotten_at(self) -> float:
        """Return when the oldest call of the last hour will be of it no more; infinity when there was none."""
        return next((call.begun_at + HOUR_S for call in self._begun.values()), math.inf)

    # --- beyond our own death -----------------------------------------------------------------------------------------

    def take_changed(self, now: float) -> list[tuple[str, OutgoingCall | None]]:
        """Return those that changed since the last time, to be remembered; None for those to forget."""
        self.last_hour(now)
        changed, self._changed = self._changed, {}
        return [(key, self._as_remembered(key)) for key in changed]

    def _as_remembered(self, key: str) -> OutgoingCall | None:
        if key in self._live:
            return self._live[key]
        return msgspec.structs.replace(self._begun[key], lives=False) if key in self._begun else None

    def restore(self, kept: Mapping[str, OutgoingCall], now: float) -> None:
        """Take up what an earlier life had noted, before anything else is."""
        for key, call in sorted(kept.items(), key=lambda item: item[1].begun_at):
            self._begun[key] = call
            if call.lives:
                self._live[key] = call
                self._unsure[key] = now

    def unsure_at(self, node: str) -> list[tuple[str, OutgoingCall]]:
        """Return the live calls of an earlier life at a node of which nothing was heard in this one."""
        return [(key, self._live[key]) for key in sorted(self._unsure) if self._live[key].node == node]
