"""Hold, consult and transfer in the dialplan: what Asterisk does by itself while an agent asks another one. Pure.

Our commands only begin a step (a redirect) or end one party (a hang-up); what follows is decided here, so that it happens
as well when all our processes are dead:

    hotline-held     the caller hears music as long as one of his agents lives, else he comes back to us
    hotline-hold     his agent, meanwhile: hears nothing, and can take him back
    hotline-consult  his agent, who rings a second one; the second one gone, the first is back with the caller
    hotline-rejoin   the first agent fetches the caller
    hotline-take     the second agent fetches him: the first hung up, which completes the transfer; hotline-take-soon: in a moment
    hotline-aside    the second agent, who hears music while the first one talks with the caller (swap); hotline-meet: and back
    hotline-conference, hotline-conference-agent   all three talk; the first agent gone, the second one takes the caller
    hotline-transfer the caller, taken from his agent to be handed on: he comes back to us with whom to
    hotline-talk     the caller, who is fetched: bridged with that agent until one of them hangs up; then he comes back to us

The caller runs `Bridge` himself, and agents wait for him in a holding bridge: so everybody stays in his own dialplan, no
channel changes its name, and whoever remains goes on with his next step.
"""

from telephony.asterisk.config import remote
from telephony.asterisk.config.plan import document, section
from telephony.asterisk.config.steps import context, extension, in_use

LOOK_S = 2
"""How often a held caller looks whether his agents still live."""
_IS_HELD = "${MASTER_CHANNEL(HOTLINE_HELD)}"
"""Of the caller, the oldest channel of all: whether he is on hold. From anywhere else nobody may fetch him."""
FETCH_S = 1
"""How long an agent who fetched the caller waits for him before he does it again."""
ARRIVE_S = 0.1
"""How long a caller may take from the conference to his music, where he can be fetched."""
ALONE_S = 20
"""How often an agent who waits looks whether there is still a caller to wait for."""


def contexts(*, over: tuple[str, ...], handed_on: tuple[str, ...]) -> list[str]:
    """Return the contexts; the steps bring a caller back to us whose conversation is `over`, or whom his agent handed on."""
    return [
        context("hotline-held", *extension("s", *_held())),
        context("hotline-hold", *extension("s", *_hold()), *extension("h", *_lose("hold"))),
        context("hotline-consult", *extension("s", *_consult()), *extension("h", *_lose("consult"))),
        context("hotline-second", *extension("s", *_second())),
        context("hotline-aside", *extension("s", *_aside())),
        context("hotline-meet", *extension("s", *_meet()), *extension("h", *_lose("meet"))),
        context(
            "hotline-conference",
            *extension("s", *_conference("caller"), "Goto(hotline-talk,left,1)"),
            # He hung up: his agents have nobody to wait for. Not on hold, he is not fetched, and they hang up.
            *extension(
                "h",
                "ChannelRedirect(${HOTLINE_FIRST},hotline-rejoin,s,1)",
                "ChannelRedirect(${HOTLINE_SECOND},hotline-take,s,1)",
            ),
        ),
        context(
            "hotline-conference-agent",
            *extension("s", *_conference("agent"), "Hangup()"),
            *extension("h", *_leave_conference()),
        ),
        context("hotline-rejoin", *extension("s", *_fetch("first"))),
        context("hotline-take", *extension("s", *_fetch("second"))),
        context("hotline-take-soon", *extension("s", f"Wait({ARRIVE_S})", "Goto(hotline-take,s,1)")),
        context(
            "hotline-transfer",
            *extension("s", "Set(HOTLINE_HELD=0)", *handed_on[:-2], *_hand_on(), handed_on[-1]),
            *extension("T", "Goto(hotline-fallback,lease_expired,1)"),
        ),
        context(
            "hotline-talk",
            *extension("first", "Set(HOTLINE_HELD=0)", "Set(HOTLINE_WITH=${HOTLINE_FIRST})", "Goto(s,1)"),
            *extension("second", *_transferred()),
            *extension("s", "Bridge(${HOTLINE_WITH})", *_whoever_waits(), "Goto(left,1)"),
            *extension("left", "Set(ARRAY(HOTLINE_HELD,DIALSTATUS)=0,ANSWER)", *over),
            *extension("T", "Goto(hotline-fallback,lease_expired,1)"),
        ),
    ]


def _hand_on() -> tuple[str, ...]:
    return (
        "AGI(agi:async,transfer,${HOTLINE_CALL},${HOTLINE_OFFER},${CUT(HOTLINE_TRANSFER,\\,,1)},${CUT(HOTLINE_TRANSFER,\\,,2)},${CUT(HOTLINE_TRANSFER,\\,,3)})",
    )


def _held() -> tuple[str, ...]:
    return (
        "Set(TIMEOUT(absolute)=0)",
        f"(again),MusicOnHold(${{HOTLINE_MUSIC}},{LOOK_S})",
        "GotoIf(${CHANNEL_EXISTS(${HOTLINE_FIRST})}?again)",
        "GotoIf(${CHANNEL_EXISTS(${HOTLINE_SECOND})}?again)",
        "Goto(hotline-talk,left,1)",
    )


def _hold() -> tuple[str, ...]:
    return (
        f"BridgeWait(${{HOTLINE_CALL}},participant,e(silence)S({ALONE_S}))",
        "GotoIf(${CHANNEL_EXISTS(${HOTLINE_CALLER})}?1)",
        "Hangup()",
    )


def _consult() -> tuple[str, ...]:
    """Ring the second agent; one at an external number has to confirm that he is there, as for a caller."""
    dial = "PJSIP/${HOTLINE_SEAT},${HOTLINE_SECONDS},b(hotline-second^s^1)gF(hotline-take^s^1)i"
    return (
        "Set(DIALSTATUS=BUSY)",
        "Set(HOTLINE_SIDE=first)",  # he may have been the second one in an earlier consult of this call
        "Set(ARRAY(_HOTLINE_SECOND_OFFER,HOTLINE_SEAT,HOTLINE_SECONDS,HOTLINE_CONFIRMED)=${HOTLINE_CONSULT})",
        f"GotoIf({in_use('${HOTLINE_SEAT}')}?over)",
        'GotoIf($["${HOTLINE_CONFIRMED}" = "1"]?confirmed)',
        f"Set(_{remote.UNTIL}=)",
        f"Dial({dial})",
        "Goto(over)",
        f"(confirmed),Set(_{remote.UNTIL}=$[${{EPOCH}} + ${{HOTLINE_SECONDS}}])",
        f"Dial({dial}U({remote.CONFIRM_CONTEXT}))",
        "(over),UserEvent(HotlineConsult,Call: ${HOTLINE_CALL},Offer: ${HOTLINE_SECOND_OFFER},Status: ${DIALSTATUS},Cause: ${HANGUPCAUSE})",
        "Goto(hotline-rejoin,s,1)",
    )


def _aside() -> tuple[str, ...]:
    """The second agent hears music while the first is with the caller. Afterwards he takes the caller, if that one is on hold."""
    return (
        f"BridgeWait(aside-${{HOTLINE_CALL}},participant,e(moh)S({ALONE_S}))",
        'GotoIf($["${MASTER_CHANNEL(HOTLINE_ASIDE)}" = "1"]?1)',
        "Goto(hotline-take,s,1)",
    )


def _meet() -> tuple[str, ...]:
    """The first agent is with the second one again; alone, he fetches the caller."""
    return ("Bridge(${HOTLINE_WITH})", "Goto(hotline-rejoin,s,1)")


def _conference(who: str) -> tuple[str, ...]:
    return ("Set(HOTLINE_HELD=0)", f"ConfBridge(${{HOTLINE_CALL}},hotline,hotline_{who})")


def _leave_conference() -> tuple[str, ...]:
    """An agent hung up. After the first one the second takes the caller, who waits for that moment as one on hold does."""
    other = '${MASTER_CHANNEL(HOTLINE_${IF($["${HOTLINE_SIDE}" = "second"]?FIRST:SECOND)})}'
    return (
        f"Set(HOTLINE_OTHER={other})",
        "GotoIf(${CHANNEL_EXISTS(${HOTLINE_OTHER})}?stays)",
        "ChannelRedirect(${HOTLINE_CALLER},hotline-talk,left,1)",
        "Hangup()",
        '(stays),GotoIf($["${HOTLINE_SIDE}" = "second"]?over)',
        "Set(MASTER_CHANNEL(HOTLINE_HELD)=1)",
        "ChannelRedirect(${HOTLINE_CALLER},hotline-held,s,1)",
        "ChannelRedirect(${HOTLINE_OTHER},hotline-take-soon,s,1)",
        "(over),Hangup()",
    )


def _whoever_waits() -> tuple[str, ...]:
    """The first agent hung up while the second one waited aside: that one takes over."""
    exists = "${CHANNEL_EXISTS(${HOTLINE_SECOND})}"
    return (f'GotoIf($["${{HOTLINE_ASIDE}}" = "1" & {exists}]?second,1)',)


def confbridge_conf() -> str:
    """Return `confbridge.conf`: rooms for three, without a word of their own. With the last agent the caller leaves."""
    quiet = ("quiet = yes", "announce_join_leave = no", "announce_user_count = no", "announce_only_user = no")
    return document(
        "Rooms in which a caller and two agents talk",
        section("general"),
        section("hotline", "type = bridge", "max_members = 3"),
        section("hotline_caller", "type = user", "end_marked = yes", *quiet),
        section("hotline_agent", "type = user", "marked = yes", *quiet),
    )


def _second() -> tuple[str, ...]:
    return ("Set(HOTLINE_SIDE=second)", "Set(MASTER_CHANNEL(HOTLINE_SECOND)=${CHANNEL})", "Return()")


def _fetch(who: str) -> tuple[str, ...]:
    """Fetch the caller. `Dial` leads a second agent here who was let go because he did not confirm, too: he gets nobody."""
    denied = f'$[0${{{remote.UNTIL}}} > 0 & "${{{remote.KEY}}}" != "1"]'
    return (
        *([f"GotoIf({denied}?gone)"] if who == "second" else []),
        f'GotoIf($["{_IS_HELD}" != "1"]?gone)',
        f"(fetch),ChannelRedirect(${{HOTLINE_CALLER}},hotline-talk,{who},1)",
        'GotoIf($["${CHANNELREDIRECT_STATUS}" != "SUCCESS"]?gone)',
        f"BridgeWait(${{HOTLINE_CALL}},participant,e(silence)S({FETCH_S}))",
        f'GotoIf($["{_IS_HELD}" = "1"]?fetch)',  # a redirect in the moment of another one is lost (tried)
        "(gone),Hangup()",
    )


def _lose(what: str) -> tuple[str, ...]:
    return (
        f'GotoIf($["{_IS_HELD}" != "1"]?taken)',
        *(['GotoIf($["${DIALSTATUS}" = "ANSWER"]?taken)'] if what == "consult" else []),
        *(["GotoIf(${CHANNEL_EXISTS(${HOTLINE_WITH})}?taken)"] if what == "meet" else []),
        "ChannelRedirect(${HOTLINE_CALLER},hotline-talk,left,1)",
        "(taken),Hangup()",
    )


def _transferred() -> tuple[str, ...]:
    return (
        "Set(ARRAY(HOTLINE_HELD,HOTLINE_ASIDE,HOTLINE_GROUP,HOTLINE_MUTED)=0,0,,)",
        "StopMixMonitor()",
        "Set(ARRAY(__HOTLINE_OFFER,HOTLINE_RECORDING,HOTLINE_ASKED)=${HOTLINE_NEXT})",
        "Set(HOTLINE_LED=${HOTLINE_OFFER},${EPOCH})",
        "UserEvent(HotlineTransferred,Call: ${HOTLINE_CALL},Offer: ${HOTLINE_OFFER},Recording: ${HOTLINE_RECORDING})",
        'ExecIf($["${HOTLINE_RECORDING}" != ""]?MixMonitor(${HOTLINE_RECORDING}.raw,bD))',
        "Set(HOTLINE_WITH=${HOTLINE_SECOND})",
        "Goto(s,1)",
    )
