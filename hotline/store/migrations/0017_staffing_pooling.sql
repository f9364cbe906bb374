-- Queues that share agents: by which method each figure of staffing came, what the queues of a group need together, and what the simulation
-- measured of the sharing.
ALTER TABLE staffing
    ADD COLUMN method text NOT NULL DEFAULT 'erlang',    -- erlang, pooled
    ADD COLUMN shares_with text[] NOT NULL DEFAULT '{}', -- the other queues of its group
    ADD COLUMN together integer,                         -- required by the whole group; empty: no group
    ADD COLUMN pooling double precision;                 -- of `pooled`: which part of the saving of one queue counts

CREATE OR REPLACE VIEW v_staffing AS
SELECT queue_id, starts_at, ends_at, made_at, calls, handling_s, required, low, high, to_schedule, service_level, scheduled, present,
       method, shares_with, together, pooling
FROM staffing;

CREATE TABLE staffing_pooling (
    queues text[] PRIMARY KEY,
    measured_at timestamptz NOT NULL,
    points jsonb NOT NULL             -- [[load of the group in erlangs, pooling], …]
);
