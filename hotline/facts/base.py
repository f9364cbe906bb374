"""What every record is: a fact that is kept, or a signal that is not."""

from typing import ClassVar

import msgspec

from hotline.ids import CallId, OfferId


class Record(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True, gc=False):
    """Anything that travels on the bus. No record leads back to itself, so the collector of cycles need not follow them (`gc=False`)."""

    at: float
    """When it happened: seconds since 1970, UTC."""


class Fact(Record, frozen=True, kw_only=True, tag=True):
    """Something that happened and is kept in the journal."""

    version: ClassVar[int] = 1


class Signal(Record, frozen=True, kw_only=True, tag=True):
    """A passing observation that is never stored."""


class CallFact(Fact, frozen=True, kw_only=True, tag=True):
    """A fact about one call."""

    call_id: CallId


class OfferFact(CallFact, frozen=True, kw_only=True, tag=True):
    """A fact about one offer of one call."""

    offer_id: OfferId
