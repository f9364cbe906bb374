"""Messages of a call from its facts. Pure."""

from collections.abc import Sequence

from crm.fold.rows import VoicemailRow, moment
from crm.fold.told import Told
from hotline.facts import VoicemailBegan, VoicemailHandled, VoicemailLeft, VoicemailMissed
from hotline.ids import CallId, VoicemailId

Heard = VoicemailBegan | VoicemailLeft | VoicemailMissed


def voicemails_of(call_id: CallId, told: Told) -> list[VoicemailRow]:
    """Return the messages that the caller left, or was asked for, by id. One that was stored after all is not missed."""
    heard: dict[VoicemailId, list[Heard]] = {}
    for fact in told.facts:
        if isinstance(fact, Heard):
            heard.setdefault(fact.message_id, []).append(fact)
    handled = {fact.message_id: fact for fact in told.facts if isinstance(fact, VoicemailHandled)}
    return [_row(call_id, message_id, heard[message_id], handled.get(message_id)) for message_id in sorted(heard)]


def _row(
    call_id: CallId, message_id: VoicemailId, facts: Sequence[Heard], handled: VoicemailHandled | None
) -> VoicemailRow:
    began = next((f for f in facts if isinstance(f, VoicemailBegan)), None)
    left = next((f for f in facts if isinstance(f, VoicemailLeft)), None)
    missed = next((f for f in facts if isinstance(f, VoicemailMissed)), None)
    settled = left or missed
    return VoicemailRow(
        message_id=message_id,
        call_id=call_id,
        queue_id=facts[0].queue_id or None,
        began_at=moment(began.at) if began is not None else None,
        settled_at=moment(settled.at) if settled is not None else None,
        status="left" if left is not None else missed.problem if missed is not None else "recording",
        detail=missed.detail if missed is not None and left is None else "",
        file=left.file if left is not None else "",
        sha256=left.sha256 if left is not None else "",
        size_bytes=left.size_bytes if left is not None else 0,
        duration_s=left.duration_s if left is not None else 0.0,
        handled_at=moment(handled.at) if handled is not None and handled.handled else None,
        handled_by=handled.by if handled is not None and handled.handled else "",
    )
