-- The journal and its projections. Rows of projections come as one JSON array, with the columns as keys.

-- name: lock
-- Become the one writer of the journal and its projections until the transaction ends.
SELECT pg_advisory_xact_lock($1);

-- name: partition
-- Make sure that the month of $1 has its partition.
SELECT journal_partition($1);

-- name: archive
-- The newest month that lies in a file, and those of the months $1 that do.
SELECT max(month) AS newest, array_agg(month) FILTER (WHERE month = ANY($1::date[])) AS hit FROM journal_archive;

-- name: known
-- Which of the facts $1 the journal has.
SELECT fact_id FROM journal WHERE fact_id = ANY($1::text[]);

-- name: arrived_before
-- Which of the calls $1 have a row and arrived before $2.
SELECT call_id FROM call WHERE call_id = ANY($1::text[]) AND arrived_at < $2;

-- name: has_row
-- Whether call $1 has a row and arrived before the end of a month that lies in a file.
SELECT EXISTS (SELECT FROM call WHERE call_id = $1 AND arrived_at < (SELECT max(month) + interval '1 month' FROM journal_archive));

-- name: append
-- Add facts and return the ids of those that were not there yet.
INSERT INTO journal (fact_id, at, call_id, agent_id, type, version, source, seq, body)
SELECT fact_id, at, call_id, agent_id, type, version, source, seq, body::jsonb
FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::bigint[], $9::text[])
     AS t (fact_id, at, call_id, agent_id, type, version, source, seq, body)
ON CONFLICT DO NOTHING
RETURNING fact_id;

-- name: bury
-- Put a fact aside that cannot go into the journal.
INSERT INTO journal_dead (fact_id, type, source, seq, body, reason) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (fact_id) DO NOTHING;

-- name: counts
-- How many facts the journal has of each of the calls $1.
SELECT call_id, count(*) AS facts FROM journal WHERE call_id = ANY($1::text[]) GROUP BY call_id;

-- name: of_calls
-- All facts of the calls $1.
SELECT call_id, fact_id, source, seq, type, version, body::text AS body FROM journal WHERE call_id = ANY($1::text[]);

-- name: of_call
-- All facts of one call, in order.
SELECT fact_id, source, seq, type, version, body::text AS body FROM journal WHERE call_id = $1 ORDER BY at, fact_id;

-- name: put_calls
-- Write the rows of calls that differ from what is there.
INSERT INTO call SELECT * FROM jsonb_populate_recordset(NULL::call, $1::text::jsonb)
ON CONFLICT (call_id) DO UPDATE SET
    (node, number, caller_number, caller_name, customer_id, customer_name, origin, arrived_at, queued_at,
     answered_at, ended_at, queue_id, agent_id, wait_s, ring_s, talk_s, outcome, phase, ended_by, cause,
     language, priority, flow, recording_id, fallback_reason, adopted, reconciled) =
    ROW(excluded.node, excluded.number, excluded.caller_number, excluded.caller_name, excluded.customer_id,
        excluded.customer_name, excluded.origin, excluded.arrived_at, excluded.queued_at,
        excluded.answered_at, excluded.ended_at, excluded.queue_id, excluded.agent_id, excluded.wait_s,
        excluded.ring_s, excluded.talk_s, excluded.outcome, excluded.phase, excluded.ended_by, excluded.cause,
        excluded.language, excluded.priority, excluded.flow, excluded.recording_id, excluded.fallback_reason,
        excluded.adopted, excluded.reconciled)
WHERE (call.*) IS DISTINCT FROM (excluded.*);

-- name: put_segments
-- Write the segments that differ from what is there.
INSERT INTO segment SELECT * FROM jsonb_populate_recordset(NULL::segment, $1::text::jsonb)
ON CONFLICT (call_id, n) DO UPDATE SET
    (kind, queue_id, agent_id, offer_id, began_at, ended_at, duration_s, outcome, reason, short,
     while_ringing, priority, language, inferred) =
    ROW(excluded.kind, excluded.queue_id, excluded.agent_id, excluded.offer_id, excluded.began_at,
        excluded.ended_at, excluded.duration_s, excluded.outcome, excluded.reason, excluded.short,
        excluded.while_ringing, excluded.priority, excluded.language, excluded.inferred)
WHERE (segment.*) IS DISTINCT FROM (excluded.*);

-- name: put_offers
-- Write the offers that differ from what is there.
INSERT INTO offer SELECT * FROM jsonb_populate_recordset(NULL::offer, $1::text::jsonb)
ON CONFLICT (call_id, offer_id) DO UPDATE SET
    (agent_id, extension, queue_id, made_at, rang_at, ended_at, result, reason, ring_timeout_s, ring_s,
     talk_ended_at, talk_s, talk_ended_by, screen_popped_at, recording_id, inferred, outcome, outcome_note,
     kind, hold_s) =
    ROW(excluded.agent_id, excluded.extension, excluded.queue_id, excluded.made_at, excluded.rang_at,
        excluded.ended_at, excluded.result, excluded.reason, excluded.ring_timeout_s, excluded.ring_s,
        excluded.talk_ended_at, excluded.talk_s, excluded.talk_ended_by, excluded.screen_popped_at,
        excluded.recording_id, excluded.inferred, excluded.outcome, excluded.outcome_note,
        excluded.kind, excluded.hold_s)
WHERE (offer.*) IS DISTINCT FROM (excluded.*);

-- name: put_recordings
-- Write the recordings that differ from what is there.
INSERT INTO recording SELECT * FROM jsonb_populate_recordset(NULL::recording, $1::text::jsonb)
ON CONFLICT (recording_id, call_id) DO UPDATE SET
    (offer_id, agent_id, queue_id, started_at, settled_at, status, detail, file, sha256, size_bytes,
     duration_s, channels, rate_hz) =
    ROW(excluded.offer_id, excluded.agent_id, excluded.queue_id, excluded.started_at, excluded.settled_at,
        excluded.status, excluded.detail, excluded.file, excluded.sha256, excluded.size_bytes,
        excluded.duration_s, excluded.channels, excluded.rate_hz)
WHERE (recording.*) IS DISTINCT FROM (excluded.*);

-- name: put_voicemails
-- Write the messages that differ from what is there.
INSERT INTO voicemail SELECT * FROM jsonb_populate_recordset(NULL::voicemail, $1::text::jsonb)
ON CONFLICT (message_id, call_id) DO UPDATE SET
    (queue_id, began_at, settled_at, status, detail, file, sha256, size_bytes, duration_s, handled_at, handled_by) =
    ROW(excluded.queue_id, excluded.began_at, excluded.settled_at, excluded.status, excluded.detail, excluded.file,
        excluded.sha256, excluded.size_bytes, excluded.duration_s, excluded.handled_at, excluded.handled_by)
WHERE (voicemail.*) IS DISTINCT FROM (excluded.*);

-- name: drop_segments
-- Drop the segments that the calls $1 no longer have; $2 is how many each has.
DELETE FROM segment AS s USING unnest($1::text[], $2::int[]) AS k (call_id, segments)
WHERE s.call_id = k.call_id AND s.n >= k.segments;

-- name: put_agents
-- Write agents, unless a later fact about them is there already.
INSERT INTO agent SELECT * FROM jsonb_populate_recordset(NULL::agent, $1::text::jsonb)
ON CONFLICT (agent_id) DO UPDATE SET
    (name, extension, skills, queues, told_at, fact_id) =
    ROW(excluded.name, excluded.extension, excluded.skills, excluded.queues, excluded.told_at, excluded.fact_id)
WHERE (agent.told_at, agent.fact_id) < (excluded.told_at, excluded.fact_id);

-- name: put_agent_states
-- Write changes of agents' states.
INSERT INTO agent_state SELECT * FROM jsonb_populate_recordset(NULL::agent_state, $1::text::jsonb)
ON CONFLICT (fact_id) DO NOTHING;
