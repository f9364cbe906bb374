-- What a replay reads of the journal.

-- name: before
-- The last word about each agent before $1: who he is, and his state.
SELECT DISTINCT ON (agent_id, type) at, source, seq, type, version, body::text AS body
FROM journal
WHERE agent_id IS NOT NULL AND type IN ('AgentAdded', 'AgentStateChanged') AND at < $1
ORDER BY agent_id, type, at DESC, seq DESC;

-- name: open_callbacks
-- The wishes and calls of callbacks that were asked for from $2 on and not over at $1.
SELECT f.at, f.source, f.seq, f.type, f.version, f.body::text AS body
FROM journal AS w JOIN journal AS f ON f.body ? 'callback_id' AND f.body ->> 'callback_id' = w.body ->> 'callback_id'
WHERE w.type = 'CallbackRequested' AND w.body ? 'callback_id' AND w.at >= $2 AND w.at < $1
  AND f.type IN ('CallbackRequested', 'CallbackAttempted') AND f.at < $1
  AND NOT EXISTS (SELECT FROM journal AS o WHERE o.body ? 'callback_id' AND o.body ->> 'callback_id' = w.body ->> 'callback_id'
                  AND o.type IN ('CallbackEnded', 'CallbackRefused') AND o.at < $1)
ORDER BY f.at, f.source, f.seq;

-- name: between
-- Up to $4 facts of the kinds $5 from $1 (and after its source $2 and number $3) until $6, in order.
SELECT at, source, seq, type, version, body::text AS body
FROM journal
WHERE at >= $1 AND at < $6 AND type = ANY($5::text[]) AND (at, source, seq) > ($1, $2, $3)
ORDER BY at, source, seq
LIMIT $4;

-- name: span
-- The times of the first and the last call or wish to be called back in the journal.
SELECT least(q.first, w.first) AS first, greatest(q.last, w.last) AS last
FROM (SELECT min(at) AS first, max(at) AS last FROM journal WHERE type = 'CallQueued') AS q,
     (SELECT min(at) AS first, max(at) AS last FROM journal WHERE type = 'CallbackRequested') AS w;
