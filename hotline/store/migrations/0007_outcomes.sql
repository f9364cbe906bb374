-- How the agent said that a conversation went; empty while he has said nothing.

ALTER TABLE offer ADD COLUMN outcome text NOT NULL DEFAULT '';
ALTER TABLE offer ADD COLUMN outcome_note text NOT NULL DEFAULT '';

CREATE OR REPLACE VIEW v_offer AS
SELECT call_id, offer_id, agent_id, extension, queue_id, made_at, rang_at, ended_at, result, reason, ring_timeout_s, ring_s,
       talk_ended_at, talk_s, talk_ended_by, screen_popped_at, recording_id, inferred, outcome, outcome_note
FROM offer;
