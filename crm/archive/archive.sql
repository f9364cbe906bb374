-- Months of the journal into files and back. Names of partitions are put into {braces}; they are made by crm/journal/months.py.

-- name: try_lock
-- Become the one program that archives or restores, or not.
SELECT pg_try_advisory_lock($1);

-- name: present
-- The time by the database's clock.
SELECT now();

-- name: partitions
-- Every partition of the journal and its size with indexes.
SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes
FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'journal'::regclass ORDER BY c.relname;

-- name: archived
-- The months that lie in files.
SELECT month, file, sha256 FROM journal_archive ORDER BY month;

-- name: snapshot
-- All statements of this transaction see the same state.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;

-- name: be_patient
-- The statements of this transaction may take long, but wait for others ten seconds at the most.
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 10000;

-- name: lock
-- Become the one writer of the journal and its projections until the transaction ends.
SELECT pg_advisory_xact_lock($1);

-- name: content
-- How many facts a partition has, and which ones.
SELECT count(*) AS facts, COALESCE(sum(hashtextextended(fact_id, 0)), 0)::text AS hash FROM {partition};

-- name: make_kept
-- A table, for this transaction, of calls whose facts stay in the journal.
CREATE TEMP TABLE kept_call (call_id text COLLATE "C" PRIMARY KEY) ON COMMIT DROP;

-- name: fill_kept
-- Of the calls in the partitions that leave: those that moved since $1, that are open, or that have facts in a partition that stays.
INSERT INTO kept_call
SELECT call_id FROM ({leaving}) AS l WHERE call_id IS NOT NULL AND at >= $1
UNION
SELECT l.call_id FROM ({leaving}) AS l JOIN call AS c ON c.call_id = l.call_id WHERE c.ended_at IS NULL
UNION
SELECT call_id FROM ({leaving}) AS l WHERE call_id IN (SELECT call_id FROM ({staying}) AS s);

-- name: rowless
-- Calls that would leave without a row: how many, and one of them.
SELECT count(DISTINCT l.call_id) AS calls, min(l.call_id) AS example FROM ({leaving}) AS l
WHERE l.call_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM kept_call AS k WHERE k.call_id = l.call_id)
  AND NOT EXISTS (SELECT FROM call AS c WHERE c.call_id = l.call_id);

-- name: over
-- Calls whose facts of archived months had stayed behind and can leave now.
SELECT DISTINCT r.call_id FROM ({rest}) AS r
WHERE NOT EXISTS (SELECT FROM kept_call AS k WHERE k.call_id = r.call_id);

-- name: over_planned
-- As `over`, while earlier months are still there: calls of theirs that end in this month.
SELECT DISTINCT r.call_id FROM ({rest}) AS r
WHERE NOT EXISTS (SELECT FROM kept_call AS k WHERE k.call_id = r.call_id)
  AND EXISTS (SELECT FROM {partition} AS p WHERE p.call_id = r.call_id);

-- name: carried
-- Calls of the file that stay in the journal ($1: the calls that only their earlier facts put into it).
SELECT k.call_id FROM kept_call AS k
WHERE k.call_id = ANY($1::text[]) OR EXISTS (SELECT FROM {partition} AS p WHERE p.call_id = k.call_id)
ORDER BY k.call_id;

-- name: span
-- How many facts go into the file of a month, and when the first and the last happened ($1: the calls of earlier months).
SELECT count(*) AS facts, min(at) AS first, max(at) AS last FROM (
    SELECT at FROM {partition}
    UNION ALL
    SELECT at FROM ({rest_rows}) AS r WHERE call_id = ANY($1::text[])
) AS leaving;

-- name: rows
-- Everything that goes into the file of a month.
SELECT fact_id, at, call_id, agent_id, type, version, source, seq, body FROM (
    SELECT * FROM {partition}
    UNION ALL
    SELECT * FROM ({rest_rows}) AS r WHERE NOT EXISTS (SELECT FROM kept_call AS k WHERE k.call_id = r.call_id)
) AS leaving
ORDER BY fact_id, at;

-- name: record
-- Remember that a month lies in a file.
INSERT INTO journal_archive (month, file, sha256, facts, program) VALUES ($1, $2, $3, $4, $5);

-- name: record_runs
-- Remember which numbers of each source leave with month $1 ($2: the calls whose earlier facts leave with it).
INSERT INTO journal_archive_run (month, source, first, last)
SELECT $1::date, source, min(seq), max(seq)
FROM (
    SELECT source, seq, seq - row_number() OVER (PARTITION BY source ORDER BY seq) AS run
    FROM (
        SELECT source, seq, call_id FROM {partition}
        UNION
        SELECT source, seq, call_id FROM ({rest_rows}) AS r WHERE call_id = ANY($2::text[])
    ) AS l
    WHERE call_id IS NULL OR NOT EXISTS (SELECT FROM kept_call AS k WHERE k.call_id = l.call_id)
    GROUP BY source, seq
) AS t
GROUP BY source, run;

-- name: alone
-- Be the only one who uses the journal, until the transaction ends.
LOCK TABLE journal IN ACCESS EXCLUSIVE MODE;

-- name: take_out
-- Take a partition out of the journal.
ALTER TABLE journal DETACH PARTITION {partition};
ALTER TABLE {partition} RENAME TO {partition}_leaving;

-- name: make_rest
-- Make the partition for what stays of an archived month.
CREATE TABLE {partition} PARTITION OF journal FOR VALUES FROM ('{begin}') TO ('{end}');

-- name: keep_rest
-- Leave the facts of calls that stay in the journal.
INSERT INTO {partition} (fact_id, at, call_id, agent_id, type, version, source, seq, body)
SELECT fact_id, at, call_id, agent_id, type, version, source, seq, body FROM {partition}_leaving AS l
WHERE EXISTS (SELECT FROM kept_call AS k WHERE k.call_id = l.call_id);

-- name: drop_leaving
-- Drop what was taken out.
DROP TABLE {partition}_leaving;

-- name: drop_rest
-- Drop the facts that had stayed behind, of the calls $1 that are over now.
DELETE FROM {partition} AS r WHERE r.call_id = ANY($1::text[])
  AND NOT EXISTS (SELECT FROM kept_call AS k WHERE k.call_id = r.call_id);

-- name: is_empty
-- Whether a partition has no facts.
SELECT NOT EXISTS (SELECT FROM {partition});

-- name: make_staging
-- A table that can become a partition; the check spares the database to look at every row then.
CREATE TABLE {partition}_coming (LIKE journal INCLUDING ALL);
ALTER TABLE {partition}_coming ADD CONSTRAINT {partition}_coming_month CHECK (at >= '{begin}' AND at < '{end}');

-- name: make_arrivals
-- A table for what a file holds, for this transaction.
CREATE TEMP TABLE arrival (LIKE journal INCLUDING DEFAULTS) ON COMMIT DROP;

-- name: arrivals
-- How many facts a file held, and when the first and the last happened.
SELECT count(*) AS facts, count(DISTINCT fact_id) AS different, min(at) AS first, max(at) AS last FROM arrival;

-- name: without_carried
-- Drop the facts of the calls $1 that are not in the journal now: a later month's file has all of them.
DELETE FROM arrival AS a WHERE a.call_id = ANY($1::text[]) AND NOT EXISTS (SELECT FROM journal AS j WHERE j.call_id = a.call_id);

-- name: fill_staging
-- The facts of the month.
INSERT INTO {partition}_coming (fact_id, at, call_id, agent_id, type, version, source, seq, body)
SELECT fact_id, at, call_id, agent_id, type, version, source, seq, body FROM arrival WHERE at >= $1 AND at < $2;

-- name: other_months
-- The months of facts outside of the month from $1 to before $2.
SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date AS month FROM arrival WHERE at < $1 OR at >= $2 ORDER BY month;

-- name: return_others
-- Put the facts outside of the month from $1 to before $2 back.
INSERT INTO journal (fact_id, at, call_id, agent_id, type, version, source, seq, body)
SELECT fact_id, at, call_id, agent_id, type, version, source, seq, body FROM arrival WHERE at < $1 OR at >= $2
ON CONFLICT DO NOTHING;

-- name: lacking
-- How many facts of a partition the file does not have.
SELECT count(*) FROM {partition} AS p
WHERE NOT EXISTS (SELECT FROM {partition}_coming AS c WHERE c.fact_id = p.fact_id AND c.at = p.at);

-- name: put_in
-- Make the staging table a partition of the journal.
ALTER TABLE {partition}_coming RENAME TO {partition};
ALTER TABLE journal ATTACH PARTITION {partition} FOR VALUES FROM ('{begin}') TO ('{end}');
ALTER TABLE {partition} DROP CONSTRAINT {partition}_coming_month;

-- name: forget
-- A month lies in the journal again.
DELETE FROM journal_archive WHERE month = $1;

-- name: late
-- Facts that were put aside because they came for what was archived: the next after row $1.
SELECT id, fact_id, body FROM journal_dead WHERE id > $1 AND reason LIKE 'archived:%' ORDER BY id LIMIT 500;

-- name: exhume
-- A fact is not put aside any more.
DELETE FROM journal_dead WHERE id = $1;
