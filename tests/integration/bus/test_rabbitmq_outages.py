"""What happens while the broker is dead, frozen, short of memory or has lost its disk, and afterwards. One outage, many looks at it."""

import asyncio
import statistics
from collections.abc import Callable

import pytest

from hotline.commands import Refused, Unknown
from tests.integration.bus.outages import BEFORE, DURING, How, Outage, live_through
from tests.support.rabbitmq import RabbitMQ, Version

ALL: tuple[How, ...] = ("dead", "frozen", "alarmed", "emptied")
WITH_DATA: tuple[How, ...] = ("dead", "frozen", "alarmed")
OutageOf = Callable[[How], Outage]


@pytest.fixture(scope="session")
def outage(broker_of: Callable[[Version], RabbitMQ], tmp_path_factory: pytest.TempPathFactory) -> OutageOf:
    """Live through an outage when it is first asked for; one that went wrong is not tried again."""
    lived: dict[How, Outage | Exception] = {}

    def get(how: How) -> Outage:
        if how not in lived:
            try:
                lived[how] = asyncio.run(live_through(how, broker_of("4"), tmp_path_factory.mktemp(how)))
            except Exception as exc:  # noqa: BLE001 - it is raised below
                lived[how] = exc
        found = lived[how]
        if isinstance(found, Exception):
            raise found
        return found

    return get


@pytest.mark.parametrize("how", ALL)
def test_publishing_does_not_wait_and_everything_goes_on_inside_the_process(outage: OutageOf, how: How) -> None:
    assert statistics.median(outage(how).publish_s) < 0.2
    assert outage(how).inside == 2 * (BEFORE + DURING)


@pytest.mark.parametrize("how", ALL)
def test_facts_wait_in_the_spool_and_reach_the_journal_in_the_end(outage: OutageOf, how: How) -> None:
    assert outage(how).in_spool > DURING / 2
    assert set(outage(how).told) <= outage(how).journal
    assert outage(how).spools_empty


@pytest.mark.parametrize("how", WITH_DATA)
@pytest.mark.parametrize("inbox", ["live", "durable"])
def test_every_fact_reaches_inboxes_in_order(outage: OutageOf, how: How, inbox: str) -> None:
    assert getattr(outage(how), inbox) == outage(how).told


@pytest.mark.parametrize("inbox", ["live", "durable"])
def test_on_an_empty_disk_all_is_made_anew_and_what_was_not_confirmed_is_sent_again(
    outage: OutageOf, inbox: str
) -> None:
    told, got = outage("emptied").told, getattr(outage("emptied"), inbox)
    assert got[:BEFORE] == told[:BEFORE]
    assert got[-1] == told[-1]
    assert got == [fact for fact in told if fact in set(got)]


@pytest.mark.parametrize("how", ALL)
def test_commands_are_given_up_in_time_and_never_done_later(outage: OutageOf, how: How) -> None:
    kinds = {type(outcome) for outcome in outage(how).outcomes}
    assert kinds == ({Refused} if how in ("dead", "emptied") else {Unknown})
    assert outage(how).commands_took_s < 20
    assert outage(how).done == {"new"}


def test_a_command_that_could_not_be_sent_is_refused_with_the_reason(outage: OutageOf) -> None:
    assert outage("dead").outcomes[0] == Refused(reason="node node1 is not reached: the broker is away")


@pytest.mark.parametrize("how", ["dead", "emptied"])
def test_signals_and_commands_that_wait_are_bounded(outage: OutageOf, how: How) -> None:
    assert outage(how).refused_as_too_many >= 50
    assert outage(how).signals_dropped >= 450


@pytest.mark.parametrize("how", ALL)
def test_a_process_can_start_meanwhile(outage: OutageOf, how: How) -> None:
    assert outage(how).late_starter_in_spool == 1


def test_a_broker_short_of_memory_is_emptied_by_us_and_not_given_up(outage: OutageOf) -> None:
    assert outage("alarmed").received_meanwhile > 100
    assert outage("alarmed").sessions_lost == 0


@pytest.mark.parametrize("how", ["dead", "frozen", "emptied"])
def test_a_process_that_only_receives_notices_it_too(outage: OutageOf, how: How) -> None:
    assert outage(how).hearer_gave_up


@pytest.mark.parametrize("how", ["dead", "frozen", "emptied"])
def test_whoever_must_tell_or_ask_anew_is_called(outage: OutageOf, how: How) -> None:
    assert outage(how).gaps >= 1


@pytest.mark.parametrize("how", ALL)
def test_no_task_and_no_socket_is_left(outage: OutageOf, how: How) -> None:
    assert (outage(how).tasks_left, outage(how).sockets_left) == (0, 0)
