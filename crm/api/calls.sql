-- What is asked about calls, offers, recordings and agents; the answers' columns are those of crm/fold/rows.py.

-- name: page
-- Calls, newest first, before ($1, $2): since $3, until $4, of queue $5, agent $6, with one of the numbers $7, outcome $8, live $9,
-- customer $10 (or of the numbers $7); $11 rows.
SELECT * FROM call AS c
WHERE ($1::timestamptz IS NULL OR (c.arrived_at, c.call_id) < ($1, $2::text))
  AND ($3::timestamptz IS NULL OR c.arrived_at >= $3)
  AND ($4::timestamptz IS NULL OR c.arrived_at < $4)
  AND ($5::text IS NULL OR EXISTS (SELECT FROM segment AS s WHERE s.call_id = c.call_id AND s.kind = 'queue' AND s.queue_id = $5))
  AND ($6::text IS NULL OR EXISTS (SELECT FROM offer AS o WHERE o.call_id = c.call_id AND o.agent_id = $6 AND o.result = 'answered'))
  AND ($7::text[] IS NULL OR $10::text IS NOT NULL OR c.caller_number = ANY($7) OR c.number = ANY($7))
  AND ($8::text IS NULL OR c.outcome = $8)
  AND ($9::boolean IS NULL OR (c.ended_at IS NULL) = $9)
  AND ($10::text IS NULL OR c.customer_id = $10 OR c.caller_number = ANY($7))
ORDER BY c.arrived_at DESC, c.call_id DESC
LIMIT $11;

-- name: calls
-- Some calls.
SELECT * FROM call WHERE call_id = ANY($1::text[]);

-- name: segments
-- The segments of some calls, in order.
SELECT * FROM segment WHERE call_id = ANY($1::text[]) ORDER BY call_id, n;

-- name: offers
-- The offers of some calls, in order.
SELECT * FROM offer WHERE call_id = ANY($1::text[]) ORDER BY call_id, made_at, offer_id;

-- name: recordings
-- The recordings of some calls, in order.
SELECT * FROM recording WHERE call_id = ANY($1::text[]) ORDER BY call_id, recording_id;

-- name: offer_page
-- Offers, newest first, before ($1, $2): since $3, until $4, of queue $5, agent $6, result $7, call $8; $9 rows.
SELECT * FROM offer
WHERE ($1::timestamptz IS NULL OR (made_at, offer_id) < ($1, $2::text))
  AND ($3::timestamptz IS NULL OR made_at >= $3)
  AND ($4::timestamptz IS NULL OR made_at < $4)
  AND ($5::text IS NULL OR queue_id = $5)
  AND ($6::text IS NULL OR agent_id = $6)
  AND ($7::text IS NULL OR result = $7)
  AND ($8::text IS NULL OR call_id = $8)
ORDER BY made_at DESC, offer_id DESC
LIMIT $9;

-- name: recording_page
-- Recordings, newest first, before ($1, $2): since $3, until $4, of queue $5, agent $6, status $7, call $8; $9 rows.
SELECT * FROM recording
WHERE ($1::timestamptz IS NULL OR (COALESCE(started_at, settled_at), recording_id) < ($1, $2::text))
  AND ($3::timestamptz IS NULL OR COALESCE(started_at, settled_at) >= $3)
  AND ($4::timestamptz IS NULL OR COALESCE(started_at, settled_at) < $4)
  AND ($5::text IS NULL OR queue_id = $5)
  AND ($6::text IS NULL OR agent_id = $6)
  AND ($7::text IS NULL OR status = $7)
  AND ($8::text IS NULL OR call_id = $8)
ORDER BY COALESCE(started_at, settled_at) DESC, recording_id DESC
LIMIT $9;

-- name: recording
-- One recording.
SELECT * FROM recording WHERE recording_id = $1;

-- name: voicemails
-- The messages of some calls, in order.
SELECT * FROM voicemail WHERE call_id = ANY($1::text[]) ORDER BY call_id, message_id;

-- name: voicemail_page
-- Messages with their callers, newest first, before ($1, $2): since $3, until $4, of queue $5, status $6, call $7,
-- dealt with or not $9; $8 rows.
SELECT v.*, COALESCE(c.caller_number, '') AS caller_number, COALESCE(c.customer_name, '') AS customer_name
FROM voicemail AS v LEFT JOIN call AS c USING (call_id)
WHERE ($1::timestamptz IS NULL OR (COALESCE(v.began_at, v.settled_at), v.message_id) < ($1, $2::text))
  AND ($3::timestamptz IS NULL OR COALESCE(v.began_at, v.settled_at) >= $3)
  AND ($4::timestamptz IS NULL OR COALESCE(v.began_at, v.settled_at) < $4)
  AND ($5::text IS NULL OR v.queue_id = $5)
  AND ($6::text IS NULL OR v.status = $6)
  AND ($7::text IS NULL OR v.call_id = $7)
  AND ($9::bool IS NULL OR (v.handled_at IS NOT NULL) = $9)
ORDER BY COALESCE(v.began_at, v.settled_at) DESC, v.message_id DESC
LIMIT $8;

-- name: voicemail
-- One message with its caller.
SELECT v.*, COALESCE(c.caller_number, '') AS caller_number, COALESCE(c.customer_name, '') AS customer_name
FROM voicemail AS v LEFT JOIN call AS c USING (call_id)
WHERE v.message_id = $1;

-- name: waits
-- For each queue: what became of the waits that began from $1 to before $2 (of queue $3, if given), thresholds and waits.
SELECT w.queue_id,
       COALESCE(max(q.threshold_s), 30)::float8 AS threshold_s,
       COALESCE(max(q.short_abandon_s), 5)::float8 AS short_abandon_s,
       count(*) AS offered,
       count(*) FILTER (WHERE w.outcome = 'answered') AS answered,
       count(*) FILTER (WHERE w.outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE w.outcome = 'flowed_out') AS flowed_out,
       count(*) FILTER (WHERE w.outcome = 'waiting') AS waiting,
       count(*) FILTER (WHERE w.outcome = 'answered' AND w.duration_s <= COALESCE(q.threshold_s, 30)) AS answered_in_threshold,
       count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.duration_s <= COALESCE(q.threshold_s, 30)) AS abandoned_in_threshold,
       count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.duration_s <= COALESCE(q.short_abandon_s, 5)) AS short_abandoned
FROM segment AS w LEFT JOIN queue AS q USING (queue_id)
WHERE w.kind = 'queue' AND w.began_at >= $1 AND w.began_at < $2 AND ($3::text IS NULL OR w.queue_id = $3)
GROUP BY w.queue_id
ORDER BY w.queue_id;

-- name: promises
-- What came of the first range that was said to each caller during the same waits as in `waits`. Who left the line within the range
-- is not judged; months that lie in files are not looked into.
SELECT count(*) AS said,
       count(*) FILTER (WHERE p.waited_s <= p.high_s AND w.outcome = 'answered') AS kept,
       count(*) FILTER (WHERE p.waited_s < p.low_s AND w.outcome = 'answered') AS early,
       count(*) FILTER (WHERE p.waited_s > p.high_s) AS late
FROM segment AS w
CROSS JOIN LATERAL (
    SELECT (j.body ->> 'low_s')::float8 AS low_s,
           (j.body ->> 'high_s')::float8 AS high_s,
           EXTRACT(EPOCH FROM w.ended_at - j.at)::float8 AS waited_s
    FROM journal AS j
    WHERE j.call_id = w.call_id AND j.type = 'WaitPromised' AND j.body ->> 'queue_id' = w.queue_id
      AND j.at >= w.began_at AND (w.ended_at IS NULL OR j.at <= w.ended_at)
    ORDER BY j.at, j.fact_id
    LIMIT 1
) AS p
WHERE w.kind = 'queue' AND w.began_at >= $1 AND w.began_at < $2 AND ($3::text IS NULL OR w.queue_id = $3);

-- name: durations
-- Waits, rings, conversations and wrap-ups behind the same waits as in `waits`.
SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY w.duration_s)
           FILTER (WHERE w.outcome = 'answered') AS answered_waits,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY w.duration_s)
           FILTER (WHERE w.outcome = 'abandoned') AS abandoned_waits,
       avg(w.duration_s) FILTER (WHERE w.outcome = 'answered') AS answered_wait_s,
       avg(w.duration_s) FILTER (WHERE w.outcome = 'abandoned') AS abandoned_wait_s,
       avg(o.ring_s) AS ring_s,
       count(o.talk_s) AS handled,
       COALESCE(sum(o.talk_s), 0)::float8 AS talk_s,
       COALESCE(sum(o.hold_s), 0)::float8 AS hold_s,
       COALESCE(sum(wrap.duration_s) FILTER (WHERE o.talk_s IS NOT NULL), 0)::float8 AS wrap_up_s
FROM segment AS w
LEFT JOIN offer AS o ON w.outcome = 'answered' AND o.call_id = w.call_id AND o.offer_id = w.offer_id
LEFT JOIN LATERAL (
    SELECT sum(EXTRACT(EPOCH FROM following.began_at - s.began_at))::float8 AS duration_s
    FROM agent_state AS s
    CROSS JOIN LATERAL (
        SELECT n.began_at FROM agent_state AS n
        WHERE n.agent_id = s.agent_id AND (n.began_at, n.fact_id) > (s.began_at, s.fact_id)
        ORDER BY n.began_at, n.fact_id LIMIT 1
    ) AS following
    WHERE s.call_id = w.call_id AND s.agent_id = o.agent_id AND s.state = 'wrap_up'
) AS wrap ON true
WHERE w.kind = 'queue' AND w.began_at >= $1 AND w.began_at < $2 AND ($3::text IS NULL OR w.queue_id = $3);

-- name: outcomes
-- How many calls that arrived from $1 to before $2 had each outcome.
SELECT outcome, count(*) AS calls FROM call WHERE arrived_at >= $1 AND arrived_at < $2 GROUP BY outcome;

-- name: open_of_node
-- Calls without an end of node $1.
SELECT call_id, arrived_at FROM call WHERE ended_at IS NULL AND node = $1;

-- name: open_of_nobody
-- Calls without an end of which no fact named the node.
SELECT call_id, arrived_at FROM call WHERE ended_at IS NULL AND node = '';

-- name: nodes_since
-- The nodes at which calls arrived since $1.
SELECT DISTINCT node FROM call WHERE arrived_at >= $1 AND node <> '';

-- name: told_of_calls
-- Which of the decisive facts the journal has of the calls $1.
SELECT call_id,
       bool_or(type = 'CallArrived') AS arrived,
       bool_or(type = 'CallFellBack') AS fell_back,
       bool_or(type = 'CallEnded') AS ended
FROM journal WHERE call_id = ANY($1::text[]) GROUP BY call_id;

-- name: open_offers
-- The offers to agents of the calls $1 whose end nobody saw.
SELECT call_id, offer_id, extension FROM offer
WHERE call_id = ANY($1::text[]) AND kind <> 'consult' AND result IN ('ringing', 'unknown');
