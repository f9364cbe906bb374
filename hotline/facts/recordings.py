"""Recordings of conversations."""

from typing import Literal

from hotline.facts.base import CallFact
from hotline.ids import OfferId, RecordingId


class RecordingStarted(CallFact, frozen=True, kw_only=True):
    """Asterisk began to write the conversation of an offer."""

    recording_id: RecordingId
    offer_id: OfferId


class RecordingStored(CallFact, frozen=True, kw_only=True):
    """A complete, verified recording lies in the store."""

    recording_id: RecordingId
    offer_id: OfferId
    file: str
    """Path relative to the recording store."""
    sha256: str
    size_bytes: int
    duration_s: float
    channels: int = 2
    rate_hz: int = 8000


class RecordingMarked(CallFact, frozen=True, kw_only=True):
    """A recording that should exist is missing, or broken."""

    recording_id: RecordingId
    offer_id: OfferId
    problem: Literal["missing", "empty", "broken", "too_short", "store_failed"]
    detail: str = ""
