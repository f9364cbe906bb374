-- Callbacks, as the journal tells of them.

-- name: page
-- Callbacks, newest first, before ($1, $2): since $3, until $4, of queue $5, status $6, numbers $7; $8 rows.
SELECT * FROM v_callback
WHERE ($1::timestamptz IS NULL OR (requested_at, callback_id) < ($1, $2::text))
  AND ($3::timestamptz IS NULL OR requested_at >= $3)
  AND ($4::timestamptz IS NULL OR requested_at < $4)
  AND ($5::text IS NULL OR queue_id = $5)
  AND ($6::text IS NULL OR status = $6)
  AND ($7::text[] IS NULL OR number = ANY($7))
ORDER BY requested_at DESC, callback_id DESC
LIMIT $8;

-- name: one
-- One callback.
SELECT * FROM v_callback WHERE callback_id = $1;

-- name: summary
-- What became of the callbacks that were requested from $1 to before $2, of queue $3 or all.
SELECT count(*) AS requested,
       count(*) FILTER (WHERE status = 'reached') AS reached,
       count(*) FILTER (WHERE status = 'reached' AND attempts <= 1) AS reached_at_once,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'failed' AND reason = 'hung_up') AS hung_up,
       count(*) FILTER (WHERE status = 'expired') AS expired,
       count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE ended_at IS NULL) AS open,
       COALESCE(sum(attempts), 0)::integer AS attempts,
       avg(EXTRACT(EPOCH FROM ended_at - requested_at)) FILTER (WHERE status = 'reached')::float8 AS wait_s
FROM v_callback
WHERE requested_at >= $1 AND requested_at < $2 AND ($3::text IS NULL OR queue_id = $3);

-- name: facts
-- The journal of one callback.
SELECT type, version, body::text AS body FROM journal
WHERE body ->> 'callback_id' = $1 AND body ? 'callback_id' ORDER BY at, fact_id;

-- name: lost
-- Callbacks requested from $1 to before $2 that should have ended by $3 (the longest that any may wait) and did not; $4 rows.
SELECT callback_id, requested_at FROM v_callback
WHERE requested_at >= $1 AND requested_at < $2 AND status IN ('waiting', 'calling') AND requested_at < $3
ORDER BY requested_at LIMIT $4;

-- name: doubled
-- Callbacks of the time of which two calls lived at once: one was made before the one before it was over. $3 rows.
SELECT callback_id, call_id FROM (
    SELECT j.body ->> 'callback_id' AS callback_id, j.body ->> 'call_id' AS call_id, j.type, j.at,
           lag(j.type) OVER (PARTITION BY j.body ->> 'callback_id' ORDER BY j.at, j.fact_id) AS before
    FROM journal AS j
    WHERE j.body ? 'callback_id' AND j.type IN ('CallbackAttempted', 'CallbackPutOff', 'CallbackEnded') AND j.at >= $1 AND j.at < $2
) AS t
WHERE type = 'CallbackAttempted' AND before IN ('CallbackAttempted', 'CallbackEnded')
ORDER BY callback_id LIMIT $3;

-- name: pending
-- The wishes of callbacks that are not over and of which nothing was told since $1, oldest first, and how many calls were made; $2 rows.
SELECT j.type, j.version, j.body::text AS body,
       (SELECT count(*)::integer FROM journal AS a
        WHERE a.body ->> 'callback_id' = c.callback_id AND a.body ? 'callback_id' AND a.type = 'CallbackAttempted') AS calls
FROM v_callback AS c JOIN journal AS j ON j.type = 'CallbackRequested' AND j.body ? 'callback_id' AND j.body ->> 'callback_id' = c.callback_id
WHERE c.status IN ('waiting', 'calling') AND c.requested_at < $1
  AND NOT EXISTS (SELECT FROM journal AS n WHERE n.body ->> 'callback_id' = c.callback_id AND n.body ? 'callback_id' AND n.at >= $1)
ORDER BY c.requested_at LIMIT $2;
