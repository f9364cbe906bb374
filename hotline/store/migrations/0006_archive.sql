-- Months of the journal that lie in files now. A call has either all of its facts in the journal or none: the facts of calls that
-- reach into a month that is still there stay behind, in a small partition of the archived month (crm/archive/archiving.py).

CREATE TABLE journal_archive (
    month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    file text NOT NULL,               -- where it was written
    sha256 text NOT NULL,             -- of the file
    facts bigint NOT NULL,            -- in the file
    program text NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now()
);

-- The numbers of each source that went away with a month, as runs: without them they would look like lost facts.
CREATE TABLE journal_archive_run (
    month date NOT NULL REFERENCES journal_archive ON DELETE CASCADE,
    source text NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (source, first, month)
);

-- Make the partition of the month (UTC) that `wanted` lies in, if it is missing, and return its name. An archived month gets none.
CREATE OR REPLACE FUNCTION journal_partition(wanted timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    first timestamp := date_trunc('month', wanted AT TIME ZONE 'UTC');
    partition text := 'journal_' || to_char(first, 'YYYY_MM');
BEGIN
    IF EXISTS (SELECT FROM journal_archive WHERE month = first::date) THEN
        RAISE EXCEPTION 'the month % of the journal is archived', to_char(first, 'YYYY-MM');
    END IF;
    IF to_regclass(partition) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS %I PARTITION OF journal FOR VALUES FROM (%L) TO (%L)',
            partition, first AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC'
        );
    END IF;
    RETURN partition;
END
$$;

-- The audit looks at the calls that ended lately.
CREATE INDEX call_ended ON call (ended_at) WHERE ended_at IS NOT NULL;

-- It also asks for what happened in the last minutes, of a table that is written in the order of time.
CREATE INDEX journal_at ON journal USING brin (at) WITH (autosummarize = on, pages_per_range = 32);
