-- The journal: every fact, once, for ever. The truth about history; the tables of 0002 follow from it.

CREATE TABLE journal (
    fact_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,          -- when it happened, rounded to the microsecond; the exact value is in the body
    call_id text COLLATE "C",
    agent_id text COLLATE "C",
    type text NOT NULL,
    version integer NOT NULL,
    source text NOT NULL,             -- the process that told it
    seq bigint NOT NULL,              -- counts the facts of one source
    body jsonb NOT NULL,
    PRIMARY KEY (fact_id, at)         -- a fact that comes twice has the same time, so this is unique by fact id
) PARTITION BY RANGE (at);

CREATE INDEX journal_call ON journal (call_id, fact_id) WHERE call_id IS NOT NULL;
CREATE INDEX journal_agent ON journal (agent_id, at) WHERE agent_id IS NOT NULL;
CREATE INDEX journal_source ON journal (source, seq);

-- Make the partition of the month (UTC) that `wanted` lies in, if it is missing, and return its name.
CREATE FUNCTION journal_partition(wanted timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    first timestamp := date_trunc('month', wanted AT TIME ZONE 'UTC');
    partition text := 'journal_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass(partition) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS %I PARTITION OF journal FOR VALUES FROM (%L) TO (%L)',
            partition, first AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC'
        );
    END IF;
    RETURN partition;
END
$$;

-- What could not go into the journal, with the reason; `hotline audit` reports it.
CREATE TABLE journal_dead (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fact_id text NOT NULL UNIQUE,
    type text NOT NULL,
    source text NOT NULL,
    seq numeric NOT NULL,
    body bytea NOT NULL,              -- the envelope as it was in the spool
    reason text NOT NULL,
    buried_at timestamptz NOT NULL DEFAULT now()
);
