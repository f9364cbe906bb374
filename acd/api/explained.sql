-- Why offers were made, as the journal keeps it.

-- name: of_call
-- The explanations of the offers of call $1, oldest first.
SELECT version, body::text AS body
FROM journal
WHERE call_id = $1 AND type = 'OfferExplained'
ORDER BY at, seq
LIMIT $2;
