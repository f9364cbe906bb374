-- What the series need of the journal, its projections and the imported history.

-- name: volumes
-- Callers who entered the queue $1 from $2 until $3, by intervals of $4 seconds; a redial follows an abandon of the same number within $5 seconds.
WITH waits AS (
    SELECT s.began_at, s.duration_s, s.outcome, s.short, c.caller_number,
           lag(s.outcome) OVER earlier AS outcome_before, lag(s.ended_at) OVER earlier AS left_before
    FROM segment AS s JOIN call AS c USING (call_id)
    WHERE s.kind = 'queue' AND s.queue_id = $1
      AND s.began_at >= $2::timestamptz - make_interval(secs => 3600 + $5::double precision) AND s.began_at < $3
    WINDOW earlier AS (PARTITION BY c.caller_number ORDER BY s.began_at, s.call_id, s.n)
)
SELECT floor(EXTRACT(EPOCH FROM began_at) / $4::double precision)::bigint * $4::bigint AS began,
       count(*) AS offered,
       count(*) FILTER (
           WHERE caller_number <> '' AND outcome_before = 'abandoned'
             AND left_before <= began_at AND left_before >= began_at - make_interval(secs => $5::double precision)
       ) AS redials,
       count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE outcome = 'abandoned' AND short) AS short_abandoned,
       COALESCE(sum(duration_s), 0)::double precision AS wait_s
FROM waits
WHERE began_at >= $2
GROUP BY 1
ORDER BY 1;

-- name: calls
-- Each wait in the queue $1 from $2 until $3 that is over, in order, with what came of it.
WITH wrap_up AS (
    SELECT call_id, agent_id, sum(EXTRACT(EPOCH FROM next_at - began_at))::double precision AS wrap_up_s
    FROM (
        SELECT agent_id, call_id, state, began_at,
               lead(began_at) OVER (PARTITION BY agent_id ORDER BY began_at, fact_id) AS next_at
        FROM agent_state
        WHERE began_at >= $2 AND began_at < $3::timestamptz + interval '1 day'
    ) AS states
    WHERE state = 'wrap_up' AND call_id IS NOT NULL
    GROUP BY 1, 2
)
SELECT EXTRACT(EPOCH FROM s.began_at)::double precision AS entered,
       s.duration_s AS wait_s,
       s.outcome = 'abandoned' AS abandoned,
       CASE WHEN s.outcome = 'answered' THEN o.talk_s + COALESCE(o.hold_s, 0) + COALESCE(w.wrap_up_s, 0) END AS handled_s,
       c.caller_number
FROM segment AS s
JOIN call AS c USING (call_id)
LEFT JOIN offer AS o ON o.call_id = s.call_id AND o.offer_id = s.offer_id
LEFT JOIN wrap_up AS w ON w.call_id = s.call_id AND w.agent_id = o.agent_id
WHERE s.kind = 'queue' AND s.queue_id = $1 AND s.began_at >= $2 AND s.began_at < $3 AND s.outcome <> 'waiting'
ORDER BY s.began_at, s.call_id, s.n;

-- name: begun
-- When the journal began to know anybody who waits, and when it did for the queue $1.
SELECT (SELECT min(began_at) FROM segment WHERE kind = 'queue') AS house,
       (SELECT min(began_at) FROM segment WHERE kind = 'queue' AND queue_id = $1) AS queue;

-- name: house
-- What was told of links, routers, services and closed queues from $1 until $2, in order; of a start, when the last call before it began or ended.
SELECT at, type, version, body::text AS body,
       CASE WHEN type = 'ServiceStarted' THEN GREATEST(
           (SELECT max(arrived_at) FROM call WHERE arrived_at < journal.at),
           (SELECT max(ended_at) FROM call WHERE ended_at < journal.at)
       ) END AS last_at
FROM journal
WHERE type IN ('LinkChanged', 'QueueSwitched', 'RouterTermBegan', 'RouterTermEnded', 'ServiceStarted') AND at >= $1 AND at < $2
ORDER BY at, source, seq;

-- name: history
-- The imported days of the queue $1 in the unit $2, from $3 until $4, in order.
SELECT day, first_min, step_min, calls, zone FROM interval_history
WHERE queue_id = $1 AND unit = $2 AND day >= $3 AND day < $4
ORDER BY day;

-- name: imported
-- What is imported for each queue and unit.
SELECT queue_id, unit, min(day) AS first, max(day) AS last, count(*) AS days, max(imported_at) AS imported_at,
       array_agg(DISTINCT source) AS sources
FROM interval_history
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: put_history
-- Import a day, in place of what was imported for it before.
INSERT INTO interval_history (queue_id, unit, day, first_min, step_min, calls, zone, source, imported_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (queue_id, unit, day) DO UPDATE
SET first_min = excluded.first_min, step_min = excluded.step_min, calls = excluded.calls, zone = excluded.zone,
    source = excluded.source, imported_at = excluded.imported_at;

-- name: drop_history
-- Forget what was imported for the queue $1 in the unit $2; empty: in every unit.
WITH gone AS (DELETE FROM interval_history WHERE queue_id = $1 AND ($2 = '' OR unit = $2) RETURNING 1)
SELECT count(*) FROM gone;
