"""Callers choose every byte of their name and number; what reaches rows, JSON, logs, metrics and seats is harmless text."""

import re
from typing import Any

import pytest

from telephony.phones.callers import Caller
from telephony.phones.seats import LetRing
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import MakeSeats
from tests.support.running import Running
from tests.support.wait import eventually

pytestmark = pytest.mark.real

HOSTILE = {
    "markup": '"<script>alert(1)</script>" <sip:{n}@h>',
    "formula": '"=HYPERLINK(\\"http://x\\")" <sip:{n}@h>',
    "formula_plus": '"+cmd|calc!A1" <sip:{n}@h>',
    "sql": '"\'; DROP TABLE call; --" <sip:{n}@h>',
    "shell": '"$(id)`id`" <sip:{n}@h>',
    "dialplan": '"${{SHELL(id)}}${{EXTEN}}" <sip:{n}@h>',
    "template": '"{{{{7*7}}}}" <sip:{n}@h>',
    "right_to_left": '"\u202egnp.exe" <sip:{n}@h>',
    "comma": '"a,b,c" <sip:{n}@h>',
    "percent_control": '"x%0d%0aAction: Originate" <sip:{n}@h>',
    "long": '"' + "A" * 1500 + '" <sip:{n}@h>',
    "dial_injection": '"x" <sip:{n}%26PJSIP%2f1001@h>',
}
ALLOWED_NAME = re.compile(r"[\w .,\-'&()/·・]{0,60}")


@pytest.mark.parametrize("kind", sorted(HOSTILE))
async def test_a_hostile_caller_is_served_like_any_other_and_leaves_harmless_text(
    hotline: Running, exchange: Exchange, seats: MakeSeats, kind: str
) -> None:
    number = f"1390000{sorted(HOSTILE).index(kind):04d}"
    known = {call["call_id"] for call in (await hotline.get("calls", limit=500))["items"]}

    async def new_call() -> Any:
        calls = [c for c in (await hotline.get("calls", limit=500))["items"] if c["call_id"] not in known]
        return calls[0] if calls and calls[0]["ended_at"] else None

    async with seats("1001", behaviour=LetRing()) as phones:
        await hotline.set_ready("1001")
        header = HOSTILE[kind].format(n=number)
        async with Caller(exchange, number="4001", caller_number=number, from_raw=header) as call:
            ringing = await phones["1001"].next_call()
            assert not re.search(r"[\r\n\x00<>]|script>|\$\{", ringing.remote_header.partition("<sip:")[0].strip('" '))
            call.hang_up()
    newest = await eventually(new_call, what="the call's row")
    assert re.fullmatch(r"[0-9+*#]{0,32}", newest["caller_number"])
    assert newest["caller_number"].startswith(number)
    assert ALLOWED_NAME.fullmatch(newest["caller_name"]), newest["caller_name"]
    assert not newest["caller_name"].startswith(("=", "+", "-", "@"))
    metrics = await hotline.metrics()
    assert not [name for name in metrics if number in name]
    log = (hotline.data_dir / "log" / "hotline.log").read_text(encoding="utf-8")
    assert "<script>" not in log
    assert "DROP TABLE" not in log
