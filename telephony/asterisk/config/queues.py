"""The static fallback queue: `queues.conf`. Pure.

It serves callers when no controller does, so it knows only what stands in the settings: its members are seats.
"""

from telephony.asterisk.config.dialplan import FALLBACK_QUEUE
from telephony.asterisk.config.plan import Plan, document, section

RING_S = 15


def queues_conf(plan: Plan) -> str:
    """Return `queues.conf`."""
    asterisk = plan.settings.asterisk
    seats = asterisk.fallback_seats or tuple(plan.settings.seats.extensions())
    return document(
        "The fallback queue",
        section("general", "persistentmembers = no", "autofill = yes", "log_membername_as_agent = no"),
        section(
            FALLBACK_QUEUE,
            "strategy = rrmemory",
            f"musicclass = {asterisk.music_class}",
            f"timeout = {RING_S}",
            "retry = 1",
            "ringinuse = no",
            "announce-frequency = 0",
            "announce-position = no",
            "announce-holdtime = no",
            f"periodic-announce-frequency = {asterisk.fallback_announce_s}",
            "periodic-announce = queue-periodic-announce",
            "joinempty = unavailable,invalid,unknown",
            "leavewhenempty = unavailable,invalid,unknown",
            f"maxlen = {asterisk.max_calls}",
            "setinterfacevar = no",
            *(f"member => PJSIP/{seat},0,{seat},PJSIP/{seat}" for seat in seats),
        ),
    )
