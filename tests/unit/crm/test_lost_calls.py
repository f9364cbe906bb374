"""When calls that nobody saw end are looked for."""

from crm.cel.lost_calls import PATIENCE_S, LostCallsService
from hotline.facts import SnapshotTaken
from hotline.ids import NodeId
from hotline.tally import Tally


async def test_snapshots_in_a_row_do_not_put_off_the_search() -> None:
    service = LostCallsService(None, lambda _: None, Tally())  # type: ignore[arg-type] # no database is asked
    for second in range(9):
        await service.handle(SnapshotTaken(at=second, node=NodeId("n"), living=()), float(second))
    assert service.next_deadline() == PATIENCE_S
