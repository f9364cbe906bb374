-- Making the projections anew from the journal.

-- name: facts
-- How many facts the journal has.
SELECT count(*) FROM journal;

-- name: snapshot
-- All statements of this transaction see the same state, and change nothing.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: be_patient
-- Let the statements of this transaction take up to ten minutes.
SET LOCAL statement_timeout = 600000;

-- name: share
-- Keep the writers of the journal away until the transaction ends; others who rebuild may go on.
SELECT pg_advisory_xact_lock_shared($1);

-- name: starts
-- Moments between which about $1 calls arrived.
SELECT DISTINCT arrived_at
FROM (SELECT arrived_at, row_number() OVER (ORDER BY arrived_at) AS n FROM call) AS c
WHERE n % $1 = 1 OR $1 = 1 ORDER BY arrived_at;

-- name: arrived
-- The calls that arrived from $1 to before $2 (for ever, if it is null).
SELECT call_id FROM call
WHERE arrived_at >= $1 AND ($2::timestamptz IS NULL OR arrived_at < $2);

-- name: rowless
-- The next $2 calls after $1 that the journal, or some row, knows of, but that have no row of their own.
SELECT DISTINCT call_id FROM (
    SELECT call_id FROM journal AS j WHERE call_id > $1 AND NOT EXISTS (SELECT FROM call AS c WHERE c.call_id = j.call_id)
    UNION ALL
    SELECT call_id FROM segment AS s WHERE call_id > $1 AND NOT EXISTS (SELECT FROM call AS c WHERE c.call_id = s.call_id)
    UNION ALL
    SELECT call_id FROM offer AS o WHERE call_id > $1 AND NOT EXISTS (SELECT FROM call AS c WHERE c.call_id = o.call_id)
    UNION ALL
    SELECT call_id FROM recording AS r WHERE call_id > $1 AND NOT EXISTS (SELECT FROM call AS c WHERE c.call_id = r.call_id)
    UNION ALL
    SELECT call_id FROM voicemail AS v WHERE call_id > $1 AND NOT EXISTS (SELECT FROM call AS c WHERE c.call_id = v.call_id)
) AS known
ORDER BY call_id LIMIT $2;

-- name: facts_of_calls
-- All facts of the calls $1: for each call one JSON array of [fact id, version, body].
SELECT w.call_id, f.facts
FROM unnest($1::text[]) AS w (call_id)
CROSS JOIN LATERAL (
    SELECT '[' || string_agg('[' || to_json(j.fact_id)::text || ',' || j.version || ',' || j.body::text || ']', ',') || ']' AS facts
    FROM journal AS j WHERE j.call_id = w.call_id
) AS f;

-- name: rows_of_calls
-- The rows of the calls $1 in a table; table and columns are those of a record of crm/fold/rows.py.
SELECT {columns} FROM unnest($1::text[]) AS w (call_id)
CROSS JOIN LATERAL (SELECT * FROM {table} AS t WHERE t.call_id = w.call_id) AS r;

-- name: arrived_before
-- Which of the calls $1 arrived before $2.
SELECT call_id FROM call WHERE call_id = ANY($1::text[]) AND arrived_at < $2;

-- name: drop_rows
-- Drop the rows of the calls $1 in a table.
DELETE FROM {table} WHERE call_id = ANY($1::text[]);

-- name: archived
-- The months that lie in files.
SELECT month FROM journal_archive ORDER BY month;

-- name: agents
-- Every agent that the journal or a row knows of.
SELECT agent_id FROM journal WHERE agent_id IS NOT NULL
UNION
SELECT agent_id FROM agent
UNION
SELECT agent_id FROM agent_state
ORDER BY agent_id;

-- name: facts_of_agent
-- The facts that an agent and his states follow from, in order: $4 of them after ($2, $3).
SELECT at, fact_id, source, seq, type, version, body::text AS body FROM journal
WHERE agent_id = $1 AND type IN ('AgentAdded', 'AgentStateChanged') AND (at, fact_id) > ($2, $3) ORDER BY at, fact_id LIMIT $4;

-- name: agent_row
-- What the projections hold of agent $1.
SELECT * FROM agent WHERE agent_id = $1;

-- name: agent_states
-- Changes of the states of agent $1, but for those in the archived months $2.
SELECT * FROM agent_state WHERE agent_id = $1 AND NOT date_trunc('month', began_at AT TIME ZONE 'UTC')::date = ANY($2::date[]);

-- name: drop_agent
-- Drop agent $1.
DELETE FROM agent WHERE agent_id = $1;

-- name: drop_agent_states
-- Drop changes of agents' states.
DELETE FROM agent_state WHERE fact_id = ANY($1::text[]);
