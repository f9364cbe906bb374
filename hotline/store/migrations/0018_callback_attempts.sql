-- A call of which nobody told whether the customer's phone rang (`unknown`) is no attempt. Else the view of 0011 as it was.

CREATE OR REPLACE VIEW v_callback AS
SELECT wish.body ->> 'callback_id' AS callback_id,
       wish.body ->> 'queue_id' AS queue_id,
       wish.body ->> 'number' AS number,
       COALESCE(wish.body ->> 'name', '') AS name,
       wish.body ->> 'customer_id' AS customer_id,
       wish.body ->> 'of_call' AS of_call,
       COALESCE(wish.body ->> 'by', 'caller') AS requested_by,
       wish.at AS requested_at,
       to_timestamp((wish.body ->> 'entered_at')::double precision) AS entered_at,
       CASE
           WHEN refused.at IS NOT NULL THEN 'failed'
           WHEN ended.at IS NOT NULL THEN ended.body ->> 'result'
           WHEN attempted.at > COALESCE(put_off.at, '-infinity') THEN 'calling'
           ELSE 'waiting'
       END AS status,
       COALESCE(refused.body ->> 'reason', ended.body ->> 'reason', put_off.body ->> 'result', '') AS reason,
       COALESCE((ended.body ->> 'attempts')::integer, tried.attempts) AS attempts,
       COALESCE(ended.body ->> 'call_id', attempted.body ->> 'call_id') AS call_id,
       attempted.body ->> 'agent_id' AS agent_id,
       first_try.at AS first_attempt_at,
       CASE WHEN ended.at IS NULL THEN to_timestamp((put_off.body ->> 'retry_at')::double precision) END AS retry_at,
       COALESCE(refused.at, ended.at) AS ended_at
FROM journal AS wish
LEFT JOIN LATERAL (SELECT at, body FROM journal WHERE body ->> 'callback_id' = wish.body ->> 'callback_id' AND body ? 'callback_id'
                   AND type = 'CallbackRefused' ORDER BY at LIMIT 1) AS refused ON true
LEFT JOIN LATERAL (SELECT at, body FROM journal WHERE body ->> 'callback_id' = wish.body ->> 'callback_id' AND body ? 'callback_id'
                   AND type = 'CallbackEnded' ORDER BY at LIMIT 1) AS ended ON true
LEFT JOIN LATERAL (SELECT at, body FROM journal WHERE body ->> 'callback_id' = wish.body ->> 'callback_id' AND body ? 'callback_id'
                   AND type = 'CallbackAttempted' ORDER BY at DESC LIMIT 1) AS attempted ON true
LEFT JOIN LATERAL (SELECT at FROM journal WHERE body ->> 'callback_id' = wish.body ->> 'callback_id' AND body ? 'callback_id'
                   AND type = 'CallbackAttempted' ORDER BY at LIMIT 1) AS first_try ON true
LEFT JOIN LATERAL (SELECT at, body FROM journal WHERE body ->> 'callback_id' = wish.body ->> 'callback_id' AND body ? 'callback_id'
                   AND type = 'CallbackPutOff' ORDER BY at DESC LIMIT 1) AS put_off ON true
LEFT JOIN LATERAL (SELECT count(*)::integer AS attempts FROM journal WHERE body ->> 'callback_id' = wish.body ->> 'callback_id'
                   AND body ? 'callback_id' AND type = 'CallbackPutOff'
                   AND body ->> 'result' NOT IN ('no_agent', 'refused', 'unknown')) AS tried ON true
WHERE wish.type = 'CallbackRequested' AND wish.body ? 'callback_id';
