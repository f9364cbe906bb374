-- Rosters, their shifts, and what people ask for; see migration 0016.

-- name: add
-- Keep a new draft.
INSERT INTO roster (roster_id, first_day, days, zone, plan, note, created_by, changed_by) VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $7);

-- name: page
-- Rosters that begin from $1 to $2 (either may be null), newest first; $3 rows.
SELECT roster_id, first_day, days, zone, status, version, note, created_at, created_by, changed_at, changed_by, published_at,
       (SELECT count(*) FROM roster_shift AS s WHERE s.roster_id = r.roster_id)::integer AS shifts
FROM roster AS r
WHERE ($1::date IS NULL OR first_day >= $1) AND ($2::date IS NULL OR first_day <= $2)
ORDER BY first_day DESC, created_at DESC, roster_id
LIMIT $3;

-- name: one
-- One roster with its plan.
SELECT roster_id, first_day, days, zone, status, version, note, created_at, created_by, changed_at, changed_by, published_at, plan::text AS plan,
       (SELECT count(*) FROM roster_shift AS s WHERE s.roster_id = r.roster_id)::integer AS shifts
FROM roster AS r WHERE roster_id = $1;

-- name: shifts
-- The shifts of a roster.
SELECT person_id, day, shift, breaks FROM roster_shift WHERE roster_id = $1 ORDER BY day, person_id;

-- name: put_shift
-- Give a person a shift.
INSERT INTO roster_shift (roster_id, person_id, day, shift, starts_at, ends_at, breaks) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: drop_shifts
-- Take all shifts of a roster away.
DELETE FROM roster_shift WHERE roster_id = $1;

-- name: changed
-- A roster was changed by $3; nothing where its version is not $2 any more.
UPDATE roster SET version = version + 1, changed_at = now(), changed_by = $3 WHERE roster_id = $1 AND version = $2 RETURNING version;

-- name: replaced
-- Published rosters of which $1 has all the days count no more. One that goes on beyond $1 counts for its other days.
UPDATE roster AS old SET status = 'replaced', changed_at = now(), changed_by = $2
FROM roster AS new
WHERE new.roster_id = $1 AND old.status = 'published' AND old.roster_id <> $1
  AND old.first_day >= new.first_day AND old.first_day + old.days <= new.first_day + new.days;

-- name: publish
-- A draft counts from now on; nothing where it is none.
UPDATE roster SET status = 'published', published_at = now(), changed_at = now(), changed_by = $2
WHERE roster_id = $1 AND status = 'draft' RETURNING version;

-- name: ask
-- Somebody asks for a change.
INSERT INTO roster_request (request_id, roster_id, kind, person_id, day, other_id, other_day, shift, reasons, asked_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: requests
-- What people ask for in roster $1 (null: all), of status $2 (null: any), newest first; $3 rows.
SELECT request_id, roster_id, kind, person_id, day, other_id, other_day, shift, status, reasons, asked_at, asked_by, decided_at, decided_by
FROM roster_request
WHERE ($1::text IS NULL OR roster_id = $1) AND ($2::text IS NULL OR status = $2)
ORDER BY asked_at DESC, request_id
LIMIT $3;

-- name: request
-- One thing that somebody asks for.
SELECT request_id, roster_id, kind, person_id, day, other_id, other_day, shift, status, reasons, asked_at, asked_by, decided_at, decided_by
FROM roster_request WHERE request_id = $1;

-- name: decide
-- Decide what is open; nothing where it is not any more.
UPDATE roster_request SET status = $2, reasons = $3, decided_at = now(), decided_by = $4
WHERE request_id = $1 AND status = 'open' RETURNING request_id;

-- name: published
-- The published rosters whose days touch $1 to $2; of a day that several have, the first one counts.
SELECT roster_id, first_day, days FROM roster
WHERE status = 'published' AND first_day <= $2 AND first_day + days > $1
ORDER BY published_at DESC, roster_id;

-- name: overtaken
-- The roster that was published after the published roster $1 and has day $2.
SELECT new.roster_id FROM roster AS old JOIN roster AS new ON new.published_at > old.published_at AND new.status = 'published'
WHERE old.roster_id = $1 AND old.status = 'published' AND new.first_day <= $2 AND new.first_day + new.days > $2
ORDER BY new.published_at DESC LIMIT 1;

-- name: states
-- What was told of agents' states since $1, in order.
SELECT agent_id, state, began_at FROM agent_state WHERE began_at >= $1 ORDER BY began_at, fact_id;
