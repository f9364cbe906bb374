-- What the audit asks the journal and the projections. $1 and $2 bound the time, by the journal's `at` or a row's beginning.

-- name: be_brief
-- Let no statement of this transaction take longer; {milliseconds} is put in.
SET LOCAL statement_timeout = {milliseconds};

-- name: calls_page
-- The next $4 calls after call $3 of those that arrived in the time.
SELECT call_id FROM call WHERE arrived_at >= $1 AND arrived_at < $2 AND call_id > $3 ORDER BY call_id LIMIT $4;

-- name: calls_touched
-- Calls that arrived or ended in the time, or are open.
SELECT call_id FROM call WHERE arrived_at >= $1 AND arrived_at < $2
UNION
SELECT call_id FROM call WHERE ended_at >= $1 AND ended_at < $2
UNION
SELECT call_id FROM call WHERE ended_at IS NULL
ORDER BY call_id;

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
-- Numbers that a process gave out and whose facts are neither in the journal nor put aside nor archived.
SELECT g.source, g.previous + 1 AS first, g.seq - 1 AS last
FROM (
    SELECT w.source, w.seq,
           COALESCE(
               lag(w.seq) OVER (PARTITION BY w.source ORDER BY w.seq),
               (SELECT max(j.seq) FROM journal AS j WHERE j.source = w.source AND j.seq < w.seq)
           ) AS previous
    FROM (SELECT DISTINCT source, seq FROM journal WHERE at >= $1 AND at < $2) AS w
) AS g
WHERE g.seq > g.previous + 1
  AND g.seq - g.previous - 1 >
      (SELECT count(DISTINCT j.seq) FROM journal AS j WHERE j.source = g.source AND j.seq > g.previous AND j.seq < g.seq)
      + (SELECT count(*) FROM journal_dead AS d WHERE d.source = g.source AND d.seq > g.previous AND d.seq < g.seq)
      + (SELECT COALESCE(sum(LEAST(r.last, g.seq - 1) - GREATEST(r.first, g.previous + 1) + 1), 0)
         FROM journal_archive_run AS r WHERE r.source = g.source AND r.first < g.seq AND r.last > g.previous)
ORDER BY g.source, g.previous LIMIT $3;

-- name: twice
-- Facts of the time that are in the journal under two times.
SELECT j.fact_id FROM journal AS j
WHERE j.at >= $1 AND j.at < $2 AND EXISTS (SELECT FROM journal AS k WHERE k.fact_id = j.fact_id AND k.at <> j.at)
ORDER BY j.fact_id LIMIT $3;

-- name: numbers_twice
-- Sources that gave a number to two facts of the time.
SELECT source, min(seq) AS first, max(seq) AS last
FROM (SELECT source, seq FROM journal WHERE at >= $1 AND at < $2 GROUP BY source, seq HAVING count(DISTINCT fact_id) > 1) AS t
GROUP BY source ORDER BY source LIMIT $3;

-- name: odd_waits
-- Waits that count as nothing, by queue.
SELECT queue_id, count(*) AS waits FROM segment
WHERE kind = 'queue' AND began_at >= $1 AND began_at < $2
  AND outcome NOT IN ('answered', 'abandoned', 'flowed_out', 'waiting')
GROUP BY queue_id ORDER BY queue_id;

-- name: spans
-- Where stretches of six hours begin in which offers of the time were made.
SELECT DISTINCT date_bin(interval '6 hours', made_at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS begin
FROM offer WHERE made_at >= $1 AND made_at < $2 ORDER BY begin;

-- name: agent_offers
-- Offers of agents that were made in the time, and in the hour before, for overlaps: by agent and time.
SELECT agent_id, call_id, offer_id, made_at, COALESCE(talk_ended_at, CASE WHEN result <> 'answered' THEN ended_at END) AS over_at
FROM offer WHERE agent_id IS NOT NULL AND made_at >= $1::timestamptz - interval '1 hour' AND made_at < $2
ORDER BY agent_id, made_at, offer_id;

-- name: unready
-- Offers of the time for which somebody was reserved who was not ready.
SELECT o.call_id, o.offer_id, o.agent_id, s.previous
FROM offer AS o JOIN agent_state AS s
  ON s.agent_id = o.agent_id AND s.call_id = o.call_id AND s.state = 'reserved' AND s.previous <> 'ready'
     AND s.began_at BETWEEN o.made_at - interval '1 second' AND o.made_at + interval '1 second'
WHERE o.made_at >= $1 AND o.made_at < $2
ORDER BY o.call_id, o.offer_id LIMIT $3;

-- name: overruled
-- Offers of the calls $1 that were made by a router whose term was over, and whether a phone rang for them. Facts of a process come from
-- hotline@NAME, where NAME is the holder of its terms.
SELECT o.call_id, o.offer_id, o.rang_at IS NOT NULL OR o.result = 'answered' AS rang
FROM offer AS o
JOIN journal AS j ON j.call_id = o.call_id AND j.type = 'OfferMade' AND j.body ->> 'offer_id' = o.offer_id
CROSS JOIN LATERAL (
    SELECT t.holder FROM office_term AS t WHERE t.office = 'router' AND t.taken_at <= j.at ORDER BY t.epoch DESC LIMIT 1
) AS term
WHERE o.call_id = ANY($1::text[]) AND 'hotline@' || term.holder <> j.source
ORDER BY o.call_id, o.offer_id;

-- name: changes
-- Moments of the time at which one router followed another.
SELECT t.taken_at FROM office_term AS t
WHERE t.office = 'router' AND t.taken_at >= $1 AND t.taken_at < $2
  AND t.holder <> (SELECT b.holder FROM office_term AS b WHERE b.office = t.office AND b.epoch < t.epoch ORDER BY b.epoch DESC LIMIT 1)
ORDER BY t.epoch;

-- name: called_at
-- Calls to whose agents an offer was made from $1 to before $2.
SELECT DISTINCT call_id FROM offer WHERE made_at >= $1 AND made_at < $2;

-- name: waits
-- Waits that overlap with the time, of at most an hour.
SELECT call_id, queue_id, priority, began_at, ended_at FROM segment
WHERE kind = 'queue' AND queue_id IS NOT NULL AND began_at >= $1::timestamptz - interval '1 hour' AND began_at < $2
  AND (ended_at IS NULL OR ended_at >= $1);

-- name: rings
-- Offers of the time, and those just before it.
SELECT call_id, offer_id, queue_id, agent_id, made_at, ended_at, result FROM offer
WHERE agent_id IS NOT NULL AND queue_id IS NOT NULL AND made_at >= $1::timestamptz - interval '1 hour' AND made_at < $2;

-- name: same_skills
-- Whether the calls $1 and $2 asked queue $3 for the same skills.
SELECT count(DISTINCT COALESCE(body -> 'skills', '[]'::jsonb)) = 1 FROM journal
WHERE type = 'CallQueued' AND call_id IN ($1, $2) AND body ->> 'queue_id' = $3;

-- name: place_changed
-- Whether the place of one of the calls $1 goes by something else than its entry into the line and the priority told then: it was moved,
-- its caller had called again, or a supervisor changed its priority.
SELECT EXISTS (
    SELECT FROM journal AS j
    WHERE j.call_id = ANY($1::text[])
      AND (j.type IN ('CallMoved', 'CallPriorityChanged', 'CallResumed') OR j.type = 'CallQueued' AND j.body ? 'since')
);

-- name: disturbed
-- Whether from $2 to $3 call $1 was adopted, its node's link changed, or a router began its term.
SELECT EXISTS (
    SELECT FROM journal AS j
    WHERE j.at >= $2 AND j.at < $3
      AND (j.type = 'CallAdopted' AND j.call_id = $1
           OR j.type = 'LinkChanged' AND j.body ->> 'node' = (SELECT c.node FROM call AS c WHERE c.call_id = $1)
           OR j.type IN ('RouterTermBegan', 'RouterTermEnded')
           OR j.type = 'ServiceStarted' AND j.body ->> 'service' = 'acd')
);

-- name: could_serve
-- Another agent with all skills and queues of agent $1, none of $2, who was ready from $3 to $4.
SELECT a.agent_id
FROM agent AS x JOIN agent AS a
  ON a.agent_id <> x.agent_id AND NOT a.agent_id = ANY($2::text[]) AND a.told_at < $3 AND a.queues @> x.queues
     AND a.skills ?& ARRAY(SELECT jsonb_object_keys(x.skills))
CROSS JOIN LATERAL (
    SELECT s.state, s.began_at FROM agent_state AS s
    WHERE s.agent_id = a.agent_id AND s.began_at <= $4 ORDER BY s.began_at DESC, s.fact_id DESC LIMIT 1
) AS now
WHERE x.agent_id = $1 AND now.state = 'ready' AND now.began_at <= $3
ORDER BY a.agent_id LIMIT 1;
