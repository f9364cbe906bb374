-- Counts from before the journal began, or from elsewhere, as they were imported (`hotline forecast import`). They are no projection: a
-- rebuild leaves them as they are. Where the journal has counts of its own, those are taken.

CREATE TABLE interval_history (
    queue_id text NOT NULL,
    unit text NOT NULL CHECK (unit IN ('slot', 'day', 'month')),
    day date NOT NULL,                -- local; of a month its first
    first_min integer NOT NULL,       -- where the first interval begins, in minutes after local midnight
    step_min integer NOT NULL CHECK (step_min > 0),
    calls double precision[] NOT NULL, -- offered, interval by interval; NaN is not known
    zone text NOT NULL,
    source text NOT NULL,             -- the file
    imported_at timestamptz NOT NULL,
    PRIMARY KEY (queue_id, unit, day)
);

-- One row for each imported interval. For reporting tools, stays compatible.
CREATE VIEW v_interval_history AS
SELECT queue_id, unit, day, first_min + (part.n - 1)::integer * step_min AS start_min, step_min, part.calls, zone, source, imported_at
FROM interval_history, unnest(calls) WITH ORDINALITY AS part (calls, n)
WHERE part.calls <> 'NaN';

-- When calls could not be counted is told by a few facts among millions.
CREATE INDEX journal_house ON journal (at)
    WHERE type IN ('LinkChanged', 'QueueSwitched', 'RouterTermBegan', 'RouterTermEnded', 'ServiceStarted');
