-- Consults: an offer by which an agent is asked by another one. How long the caller of an offer was on hold; empty if never.

ALTER TABLE offer ADD COLUMN kind text NOT NULL DEFAULT 'main';
ALTER TABLE offer ADD COLUMN hold_s double precision;

CREATE OR REPLACE VIEW v_offer AS
SELECT call_id, offer_id, agent_id, extension, queue_id, made_at, rang_at, ended_at, result, reason, ring_timeout_s, ring_s,
       talk_ended_at, talk_s, talk_ended_by, screen_popped_at, recording_id, inferred, outcome, outcome_note, kind, hold_s
FROM offer;
