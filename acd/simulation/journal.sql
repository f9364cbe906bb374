-- What a replay reads of the journal.

-- name: before
-- The last word about each agent before $1: who he is, and his state.
SELECT DISTINCT ON (agent_id, type) at, source, seq, type, version, body::text AS body
FROM journal
WHERE agent_id IS NOT NULL AND type IN ('AgentAdded', 'AgentStateChanged') AND at < $1
ORDER BY agent_id, type, at DESC, seq DESC;

-- name: between
-- Up to $4 facts of the kinds $5 from $1 (and after its source $2 and number $3) until $6, in order.
SELECT at, source, seq, type, version, body::text AS body
FROM journal
WHERE at >= $1 AND at < $6 AND type = ANY($5::text[]) AND (at, source, seq) > ($1, $2, $3)
ORDER BY at, source, seq
LIMIT $4;

-- name: span
-- The times of the first and the last call in the journal.
SELECT min(at) AS first, max(at) AS last FROM journal WHERE type = 'CallQueued';
