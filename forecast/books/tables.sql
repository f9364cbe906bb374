-- Forecasts, staffing, choices and scores; see migration 0013.

-- name: add_run
-- Keep a forecast's head and return its id; nothing for one that is there already.
INSERT INTO forecast_run (queue_id, horizon, made_at, model, reason, history_until, step_min, levels)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (queue_id, horizon, made_at) DO NOTHING
RETURNING run_id;

-- name: latest
-- Of queue $1 (or all) and horizon $2 (or all), the newest forecast of each interval that begins from $3 to before $4; $5 rows.
-- Of the time to come only the newest forecast counts: hours that it leaves out (the queue's hours were changed) are not open any more.
WITH newest AS (SELECT queue_id, horizon, max(made_at) AS made_at FROM forecast_run GROUP BY queue_id, horizon)
SELECT DISTINCT ON (r.queue_id, r.horizon, v.starts_at)
       r.queue_id, r.horizon, v.period, v.starts_at, v.ends_at, r.made_at, r.model, r.reason, v.mean::double precision AS mean,
       v.quantiles
FROM forecast_value AS v JOIN forecast_run AS r USING (run_id) JOIN newest USING (queue_id, horizon)
WHERE v.starts_at >= $3 AND v.starts_at < $4
  AND (v.starts_at < newest.made_at OR r.made_at = newest.made_at)
  AND ($1::text IS NULL OR r.queue_id = $1)
  AND ($2::text IS NULL OR r.horizon = $2)
ORDER BY r.queue_id, r.horizon, v.starts_at, r.made_at DESC
LIMIT $5;

-- name: said
-- Everything that was said about intervals of the horizons $2 that begin from $3 to before $4, of queue $1, before they began. (A forecast of
-- days, made on the day itself, knows nothing of it either.)
SELECT r.queue_id, r.horizon, r.model, r.made_at, v.period, v.starts_at, v.mean::double precision AS mean, v.quantiles
FROM forecast_value AS v JOIN forecast_run AS r USING (run_id)
WHERE r.queue_id = $1 AND r.horizon = ANY($2::text[]) AND v.starts_at >= $3 AND v.starts_at < $4
  AND r.made_at <= CASE WHEN r.horizon = 'day' THEN v.ends_at ELSE v.starts_at END;

-- name: put_score
-- Keep what forecasts of a period were worth; said again, it replaces what was said before.
INSERT INTO forecast_score (queue_id, horizon, lead, period, model, intervals, calls, error, absolute, inside80, inside95)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (queue_id, horizon, lead, period) DO UPDATE SET
    model = EXCLUDED.model, intervals = EXCLUDED.intervals, calls = EXCLUDED.calls, error = EXCLUDED.error,
    absolute = EXCLUDED.absolute, inside80 = EXCLUDED.inside80, inside95 = EXCLUDED.inside95;

-- name: accuracy
-- What forecasts were worth by queue $1 (or all), horizon $2 (or all) and lead, over the periods from $3 to before $4.
SELECT queue_id, horizon, lead, count(*) AS periods, sum(intervals)::bigint AS intervals, sum(calls) AS calls,
       CASE WHEN sum(calls) > 0 THEN sum(absolute) / sum(calls) END AS wape,
       CASE WHEN sum(calls) > 0 THEN sum(error) / sum(calls) END AS bias,
       sum(inside80)::double precision / sum(intervals) AS coverage80,
       sum(inside95)::double precision / sum(intervals) AS coverage95
FROM forecast_score
WHERE ($1::text IS NULL OR queue_id = $1) AND ($2::text IS NULL OR horizon = $2) AND period >= $3 AND period < $4
GROUP BY queue_id, horizon, lead
ORDER BY queue_id, horizon, lead;

-- name: put_staffing
-- Keep what an interval needs; what was said of it before is replaced, who was there stays.
INSERT INTO staffing (queue_id, starts_at, ends_at, made_at, calls, handling_s, required, low, high, to_schedule, service_level, method,
                      shares_with, together, pooling)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (queue_id, starts_at) DO UPDATE SET
    ends_at = EXCLUDED.ends_at, made_at = EXCLUDED.made_at, calls = EXCLUDED.calls, handling_s = EXCLUDED.handling_s,
    required = EXCLUDED.required, low = EXCLUDED.low, high = EXCLUDED.high, to_schedule = EXCLUDED.to_schedule,
    service_level = EXCLUDED.service_level, method = EXCLUDED.method, shares_with = EXCLUDED.shares_with,
    together = EXCLUDED.together, pooling = EXCLUDED.pooling
WHERE staffing.made_at <= EXCLUDED.made_at;

-- name: drop_staffing
-- Forget what was said before $2 about intervals of queue $1 that begin later.
DELETE FROM staffing WHERE queue_id = $1 AND starts_at >= $2 AND made_at < $2;

-- name: note_present
-- Keep who was there, and who was scheduled, in the interval of queue $1 that began at $2.
UPDATE staffing SET present = $3, scheduled = $4 WHERE queue_id = $1 AND starts_at = $2;

-- name: staffing
-- What intervals from $2 to before $3 need, of queue $1 (or all), and who was there; $4 rows.
SELECT queue_id, starts_at, ends_at, made_at, calls, handling_s, required, low, high, to_schedule, service_level, scheduled, present,
       method, shares_with, together, pooling
FROM staffing
WHERE ($1::text IS NULL OR queue_id = $1) AND starts_at >= $2 AND starts_at < $3
ORDER BY queue_id, starts_at
LIMIT $4;

-- name: choices
-- Which models serve.
SELECT queue_id, horizon, model, chosen_at, reason, wape, state::text AS state FROM forecast_choice;

-- name: put_choice
-- Keep which model serves queue $1 and horizon $2.
INSERT INTO forecast_choice (queue_id, horizon, model, chosen_at, reason, wape, state)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb)
ON CONFLICT (queue_id, horizon) DO UPDATE SET
    model = EXCLUDED.model, chosen_at = EXCLUDED.chosen_at, reason = EXCLUDED.reason, wape = EXCLUDED.wape, state = EXCLUDED.state;

-- name: forget_runs
-- Forget forecasts that were made before $1, those of today before $2.
DELETE FROM forecast_run WHERE made_at < $1 OR (horizon = 'today' AND made_at < $2);

-- name: forget_scores
-- Forget scores of periods before $1.
DELETE FROM forecast_score WHERE period < $1;

-- name: forget_staffing
-- Forget staffing of intervals that began before $1.
DELETE FROM staffing WHERE starts_at < $1;

-- name: poolings
-- What was measured of queues that share agents.
SELECT queues, measured_at, points::text AS points FROM staffing_pooling;

-- name: put_pooling
-- Keep what was measured of the queues $1.
INSERT INTO staffing_pooling (queues, measured_at, points) VALUES ($1, $2, $3::jsonb)
ON CONFLICT (queues) DO UPDATE SET measured_at = EXCLUDED.measured_at, points = EXCLUDED.points;

-- name: last_agents
-- Every agent as he was added or changed last.
SELECT agent_id, name, extension, skills::text AS skills, queues::text AS queues, told_at FROM agent;

-- name: last_states
-- The last change of state of each agent since $1.
SELECT DISTINCT ON (agent_id) type, version, body::text AS body
FROM journal
WHERE type = 'AgentStateChanged' AND at >= $1 AND agent_id IS NOT NULL
ORDER BY agent_id, at DESC, fact_id DESC;
