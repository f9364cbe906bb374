-- An office: one advisory lock, and the terms of those who had it. $2 and $3 are the lock's two keys.

-- name: look
-- Our server process, the newest term of the office $1, and the server process whose session has the lock.
SELECT pg_backend_pid() AS me,
       COALESCE(term.epoch, 0) AS epoch,
       COALESCE(term.holder, '') AS holder,
       COALESCE(holding.pid, 0) AS session
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT epoch, holder FROM office_term WHERE office = $1 ORDER BY epoch DESC LIMIT 1
) AS term ON true
LEFT JOIN LATERAL (
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND classid = $2 AND objid = $3 AND objsubid = 2
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    LIMIT 1
) AS holding ON true;

-- name: try_lock
-- Take the lock if nobody has it; it is kept until our session ends.
SELECT pg_try_advisory_lock($1, $2);

-- name: begin_term
-- Begin a new term of the office $1 for the holder $2, above all there were and above $3. Only for who has the lock.
INSERT INTO office_term (office, epoch, holder)
SELECT $1, GREATEST(COALESCE(max(epoch), 0), $3) + 1, $2 FROM office_term WHERE office = $1
RETURNING epoch;

-- name: end_session
-- End the session of the server process $1 if it has the lock, and wait $4 milliseconds for its end.
SELECT pg_terminate_backend(pid, $4)
FROM pg_locks
WHERE pid = $1 AND locktype = 'advisory' AND granted AND classid = $2 AND objid = $3 AND objsubid = 2
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
