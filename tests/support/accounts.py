"""After a load: does everything add up, call by call? Asterisk's own account, the rows, the recordings, the audit, the rebuild."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crm.cel.calls import read_line
from hotline.errors import HotlineError
from tests.support.load import Load, Story
from tests.support.running import Member, Questions
from tests.support.wait import eventually

SETTLE_S = 30.0
"""So long after the end of a load nothing may be open any more, and the audit finds nothing."""
NO_AGENT = ("abandoned", "short_abandoned", "ivr_only", "flowed_out")


def cel_calls(node: Member) -> dict[str, list[str]]:
    """Return the calls that Asterisk itself wrote down: caller's number -> call ids."""
    found: dict[str, list[str]] = {}
    folder = Path(node.runtime["asterisk"]["log_dir"]) / "cel-custom"
    for file in sorted(folder.iterdir()):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            event = read_line(line)
            if event is not None and event.eventtype == "HOTLINE_ARRIVED":
                call_id = str(event.extra["extra"]).split()[0]
                found.setdefault(event.caller_number, []).append(call_id)
    return found


async def all_items(hotline: Questions, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return every page of a list."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await hotline.get(path, limit=500, cursor=cursor, **query)
        found += page["items"]
        cursor = page.get("next") or ""
        if not cursor:
            return found


AFTER_A_GAP = frozenset({"out_of_turn"})
"""What does not count where the broker was gone: a router doubts whom it hears of more than two seconds late after that, and offers nobody to
him until his node was surveyed. On a busy machine others are served meanwhile who came later, and the journal does not tell why."""


class Accounts:
    """The rows of a load's calls, once nothing is open any more."""

    def __init__(
        self,
        load: Load,
        nodes: Sequence[Member],
        members: Sequence[Member],
        office: Member,
        *,
        unjudged: frozenset[str] = frozenset(),
    ) -> None:
        """`office`: whose data directory and web server answer questions about calls. `unjudged`: kinds of findings that do not count."""
        self.load = load
        self.nodes = nodes
        self.members = members
        self.office = office
        self._unjudged = unjudged
        self.rows: list[dict[str, Any]] = []
        self.recordings: list[dict[str, Any]] = []
        self.differing: int | None = None
        self.findings: list[dict[str, Any]] = []

    async def settle(self, within_s: float = SETTLE_S) -> None:
        """Wait until each placed call has a row with an end, recordings are done with, and every spool is empty."""
        await eventually(self._settled, within_s=within_s, every_s=0.5, what="every call closed, every spool empty")

    async def _settled(self) -> bool:
        since = datetime.fromtimestamp(self.load.began, UTC).isoformat()
        numbers = {s.number for s in self.load.placed_stories()}
        try:
            self.rows = [
                c for c in await all_items(self.load.hotline, "calls", since=since) if c["caller_number"] in numbers
            ]
            mine = {c["call_id"] for c in self.rows}
            found = await all_items(self.load.hotline, "recordings", since=since)
            self.recordings = [r for r in found if r["call_id"] in mine]
            spooled = {m.data_dir.name: await spool_of(m) for m in self.members}
        except (HotlineError, OSError) as exc:
            raise AssertionError(f"cannot be asked: {exc}") from exc
        known = Counter(c["caller_number"] for c in self.rows)
        excused = {s.number for s in self.load.placed_stories() if s.excused}
        missing = sorted(n for n in numbers - excused if not known[n])
        assert not missing, f"{len(missing)} calls have no row: {missing[:5]}"
        still_open = [c["call_id"] for c in self.rows if c["ended_at"] is None]
        assert not still_open, f"{len(still_open)} calls are open: {still_open[:5]}"
        under_way = [r["recording_id"] for r in self.recordings if r["status"] == "recording"]
        assert not under_way, f"{len(under_way)} recordings are under way: {under_way[:5]}"
        assert not any(spooled.values()), f"facts wait in spools: {spooled}"
        return True

    async def check(self, *, within_s: float = SETTLE_S) -> list[str]:
        """Return all that does not add up, after everything has settled; empty is what is wanted."""
        problems = [f"call {s}" for s in self.load.placed_stories() if s.failed]
        try:
            await self.settle(within_s)
        except AssertionError as exc:
            problems.append(str(exc))
        problems += self._rows_against_asterisk()
        problems += self._rows_against_callers()
        problems += self._recordings_of_answered()
        problems += await self._audit(within_s)
        problems += await self._rebuild()
        return problems

    def _rows_against_asterisk(self) -> Iterable[str]:
        placed = {s.number for s in self.load.placed_stories()}
        in_cel = {
            call_id: number
            for node in self.nodes
            for number, call_ids in cel_calls(node).items()
            for call_id in call_ids
            if number in placed
        }
        excused = {s.number for s in self.load.placed_stories() if s.excused}
        twice = [n for n, times in Counter(in_cel.values()).items() if times > 1 and n not in excused]
        if twice:
            yield f"Asterisk knows two calls of {twice[:5]}"
        if unknown := sorted(placed - excused - set(in_cel.values())):
            yield f"Asterisk does not know the calls of {unknown[:5]} ({len(unknown)} in all)"
        have = Counter(c["call_id"] for c in self.rows)
        if rowless := sorted(in_cel.keys() - have.keys()):
            yield f"calls of CEL without a row: {rowless[:5]} ({len(rowless)} in all)"
        if foreign := sorted(have.keys() - in_cel.keys()):
            yield f"rows that CEL does not know: {foreign[:5]} ({len(foreign)} in all)"

    def _rows_against_callers(self) -> Iterable[str]:
        by_number = {c["caller_number"]: c for c in self.rows}
        for story in self.load.placed_stories():
            row = by_number.get(story.number)
            if row is None or story.excused:
                continue
            if (wrong := _disagree(story, row)) is not None:
                yield f"row {row['call_id']} says {row['outcome']}, but {wrong}; {story}"

    def _recordings_of_answered(self) -> Iterable[str]:
        recorded = {r["call_id"] for r in self.recordings if r["status"] != "recording"}
        for row in self.rows:
            if row["outcome"] == "answered" and row["call_id"] not in recorded:
                yield f"answered call {row['call_id']} has no recording and no mark"

    async def _audit(self, within_s: float) -> list[str]:
        async def clean() -> bool:
            status, said = await self.office.run("audit", "--json")
            found = json.loads(said[said.index("{") :])["findings"]
            self.findings = [f for f in found if f["kind"] not in self._unjudged]
            assert not self.findings, self.findings
            assert status == 0 or found, said
            return True

        try:
            await eventually(clean, within_s=within_s, every_s=2.0, what="an audit without findings")
        except AssertionError:
            return [f"audit: {f['kind']}: {f['detail']} (call {f['call_id'] or '-'})" for f in self.findings]
        return []

    async def _rebuild(self) -> list[str]:
        status, said = await self.office.run("journal", "rebuild", "--dry-run", "--json")
        if status != 0:
            return [f"journal rebuild: {said[-500:]}"]
        report = json.loads(said[said.index("{") :])
        self.differing = int(report["differing"])
        return [f"rebuild differs: {d}" for d in report["differences"]]


def _disagree(story: Story, row: dict[str, Any]) -> str | None:
    """Return what the caller went through, when the row says something else.

    A row that was concluded afterwards may not know of a conversation that began and ended while nobody looked.
    """
    outcome = row["outcome"]
    if row["reconciled"]:
        return None
    if story.how == "talked":
        return None if outcome in ("answered", "fallback") else f"the caller talked with {story.talks[0].seat}"
    if story.how == "gave_up":
        return None if outcome in (*NO_AGENT, "fallback") else "the caller gave up"
    return None


async def spool_of(member: Member) -> int:
    """Return how many facts wait in the spool of a process."""
    series = await member.metrics()
    return int(sum(value for name, value in series.items() if name.partition("{")[0] == "hotline_spool_facts"))
