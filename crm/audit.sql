-- What the audit asks the journal and the projections. $1 and $2 bound the time of arrival.

-- name: calls_page
-- The next $4 calls after call $3.
SELECT call_id FROM call WHERE arrived_at >= $1 AND arrived_at < $2 AND call_id > $3 ORDER BY call_id LIMIT $4;

-- name: rowless
-- Calls that arrived (or were adopted) and have no row.
SELECT DISTINCT j.call_id FROM journal AS j
WHERE j.type IN ('CallArrived', 'CallAdopted') AND j.at >= $1 AND j.at < $2
  AND NOT EXISTS (SELECT FROM call AS c WHERE c.call_id = j.call_id)
ORDER BY j.call_id LIMIT $3;

-- name: dead
-- Facts that could not go into the journal.
SELECT fact_id, type, reason FROM journal_dead WHERE buried_at >= $1 ORDER BY id LIMIT $2;

-- name: gaps
-- Numbers that a process gave out and whose facts are neither in the journal nor put aside.
SELECT g.source, g.previous + 1 AS first, g.seq - 1 AS last
FROM (
    SELECT source, seq, lag(seq) OVER (PARTITION BY source ORDER BY seq) AS previous
    FROM journal WHERE at >= $1 AND at < $2
) AS g
WHERE g.seq > g.previous + 1
  AND g.seq - g.previous - 1 >
      (SELECT count(*) FROM journal AS j WHERE j.source = g.source AND j.seq > g.previous AND j.seq < g.seq)
      + (SELECT count(*) FROM journal_dead AS d WHERE d.source = g.source AND d.seq > g.previous AND d.seq < g.seq)
ORDER BY g.source, g.previous LIMIT $3;

-- name: agent_offers
-- Offers of agents that were made in the time, for overlaps: by agent and time.
SELECT agent_id, call_id, offer_id, made_at, COALESCE(talk_ended_at, CASE WHEN result <> 'answered' THEN ended_at END) AS over_at
FROM offer WHERE agent_id IS NOT NULL AND made_at >= $1 AND made_at < $2
ORDER BY agent_id, made_at, offer_id;
