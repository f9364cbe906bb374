"""What travels on the wire."""

import msgspec

from hotline.facts.base import Fact
from hotline.ids import FactId


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A fact with what is needed to deliver it once and in order."""

    fact_id: FactId
    source: str
    """The process that told it."""
    seq: int
    """Counts the facts of one source; gaps show a loss."""
    fact: Fact
