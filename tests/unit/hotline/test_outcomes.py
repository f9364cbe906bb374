"""What a service hears of its own commands."""

from hotline.bus.memory import MemoryInbox
from hotline.bus.outcomes import hear
from hotline.commands import CommandEnded, Hangup, Outcome, Refused, Unknown
from hotline.errors import OutcomeUnknown
from hotline.ids import CallId, NodeId
from hotline.runtime.clock import ManualClock
from hotline.tally import Tally

HANGUP = Hangup(node=NodeId("n"), call_id=CallId("c"))


async def heard(outcome: Outcome | Exception) -> object:
    """Return what stands in the inbox of the sender, a second after it sent the command at 100."""
    clock, inbox = ManualClock(100.0), MemoryInbox("test", 10, Tally())

    async def come() -> Outcome:
        clock.advance(1)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    await hear(inbox, HANGUP, come(), clock)
    return await inbox.get()


async def test_the_outcome_comes_through_the_inbox_with_its_command_and_the_time_it_came() -> None:
    refused = Refused(reason="link_down")
    assert await heard(refused) == CommandEnded(at=101.0, command=HANGUP, outcome=refused)


async def test_an_error_on_the_way_is_an_unknown_outcome_not_the_end_of_the_service() -> None:
    told = await heard(OutcomeUnknown("no answer within 5 s"))
    assert told == CommandEnded(at=101.0, command=HANGUP, outcome=Unknown(reason="no answer within 5 s"))
