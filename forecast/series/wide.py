"""Tables with a row for each day and a column for each time of day, made long. Pure."""

from forecast.series.moments import clock_seconds
from forecast.series.text import Table

DAY, CLOCK, CALLS = "date", "time", "calls"
_LEAST_TIMES = 2


def unfold(table: Table) -> Table:
    """Return a row for each day and time of a wide table; any other table as it is."""
    times = [n for n, name in enumerate(table.header) if n and _is_time(name)]
    if len(times) < _LEAST_TIMES:
        return table
    days, width = table.columns[0], len(times)
    return Table(
        header=(DAY, CLOCK, CALLS),
        columns=(
            tuple(day for day in days for _ in times),
            tuple(table.header[n] for n in times) * len(days),
            tuple(cell for row in zip(*(table.columns[n] for n in times), strict=True) for cell in row),
        ),
        lines=tuple(line for line in table.lines for _ in range(width)),
    )


def _is_time(name: str) -> bool:
    return (":" in name or "：" in name or "时" in name) and clock_seconds(name) is not None
