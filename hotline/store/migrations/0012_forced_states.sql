-- Whether a supervisor ordered a state. How much longer a break lasted, or lasts, than its reason allows; empty where it has no limit.

ALTER TABLE agent_state ADD COLUMN forced boolean NOT NULL DEFAULT false;

CREATE OR REPLACE VIEW v_agent_state AS
SELECT agent_id, state, reason, began_at, ended_at, EXTRACT(EPOCH FROM ended_at - began_at)::double precision AS duration_s,
       previous, changed_by, until, call_id, forced,
       CASE WHEN state = 'break' AND until IS NOT NULL
            THEN GREATEST(EXTRACT(EPOCH FROM COALESCE(ended_at, now()) - until), 0)::double precision END AS overran_s
FROM (
    SELECT s.*, lead(began_at) OVER (PARTITION BY agent_id ORDER BY began_at, fact_id) AS ended_at
    FROM agent_state AS s
) AS intervals;
