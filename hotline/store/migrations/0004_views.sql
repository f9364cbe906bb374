-- For reporting tools: these views stay compatible, the tables behind them do not. Columns are only ever added, at the end.

CREATE VIEW v_call AS
SELECT call_id, node, number, caller_number, caller_name, customer_id, customer_name, origin, arrived_at, queued_at, answered_at,
       ended_at, queue_id, agent_id, wait_s, ring_s, talk_s, outcome, phase, ended_by, cause, language, priority, flow,
       recording_id, fallback_reason, adopted, reconciled
FROM call;

CREATE VIEW v_segment AS
SELECT call_id, n, kind, queue_id, agent_id, offer_id, began_at, ended_at, duration_s, outcome, reason, short, while_ringing,
       priority, language, inferred
FROM segment;

CREATE VIEW v_offer AS
SELECT call_id, offer_id, agent_id, extension, queue_id, made_at, rang_at, ended_at, result, reason, ring_timeout_s, ring_s,
       talk_ended_at, talk_s, talk_ended_by, screen_popped_at, recording_id, inferred
FROM offer;

CREATE VIEW v_recording AS
SELECT recording_id, call_id, offer_id, agent_id, queue_id, started_at, settled_at, status, detail, file, sha256, size_bytes,
       duration_s, channels, rate_hz
FROM recording;

-- Each state of an agent from its beginning to the next change; `ended_at` is empty for the present one.
CREATE VIEW v_agent_state AS
SELECT agent_id, state, reason, began_at, ended_at, EXTRACT(EPOCH FROM ended_at - began_at)::double precision AS duration_s,
       previous, changed_by, until, call_id
FROM (
    SELECT s.*, lead(began_at) OVER (PARTITION BY agent_id ORDER BY began_at, fact_id) AS ended_at
    FROM agent_state AS s
) AS intervals;

-- Five-minute counts for each queue. A wait belongs to the interval in which the queue was entered, whatever came of it, so
-- offered = answered + abandoned + flowed_out + waiting in every row. Short abandons are part of `abandoned`.
CREATE VIEW v_interval_volume AS
SELECT date_bin(INTERVAL '5 minutes', w.began_at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS interval_start,
       w.queue_id,
       count(*) AS offered,
       count(*) FILTER (WHERE w.outcome = 'answered') AS answered,
       count(*) FILTER (WHERE w.outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.duration_s <= COALESCE(q.short_abandon_s, 5)) AS short_abandoned,
       count(*) FILTER (WHERE w.outcome = 'flowed_out') AS flowed_out,
       count(*) FILTER (WHERE w.outcome = 'waiting') AS waiting,
       count(*) FILTER (WHERE w.outcome = 'answered' AND w.duration_s <= COALESCE(q.threshold_s, 30)) AS answered_in_threshold,
       COALESCE(sum(w.duration_s) FILTER (WHERE w.outcome = 'answered'), 0) AS answered_wait_s,
       COALESCE(sum(o.talk_s), 0) AS talk_s
FROM segment AS w
LEFT JOIN queue AS q USING (queue_id)
LEFT JOIN offer AS o ON o.call_id = w.call_id AND o.offer_id = w.offer_id
WHERE w.kind = 'queue'
GROUP BY 1, 2;
