-- The audit log: facts that somebody ordered. The first condition is that of the index `journal_by`.

-- name: page
-- Orders, newest first, before ($1, $2): since $3, until $4, by $5, of the types $6, about agent $7, call $8; $9 rows.
SELECT fact_id, at, source, seq, type, version, body::text AS body FROM journal
WHERE (body ->> 'by') IS NOT NULL AND (body ->> 'by') NOT IN ('system', 'seat', 'router', 'phone', 'caller')
  AND ($1::timestamptz IS NULL OR (at, fact_id) < ($1, $2::text))
  AND ($3::timestamptz IS NULL OR at >= $3)
  AND ($4::timestamptz IS NULL OR at < $4)
  AND ($5::text IS NULL OR body ->> 'by' = $5)
  AND ($6::text[] IS NULL OR type = ANY($6))
  AND ($7::text IS NULL OR body ->> 'agent_id' = $7)
  AND ($8::text IS NULL OR call_id = $8)
ORDER BY at DESC, fact_id DESC
LIMIT $9;
