-- Customers and their numbers.

-- name: by_number
-- The customer that a number (in its comparable form) belongs to.
SELECT c.customer_id, c.name, c.tier, c.language
FROM customer_number AS n JOIN customer AS c USING (customer_id)
WHERE n.key = $1;

-- name: page
-- Customers by id after $1; $2 limits to a name that contains it, $3 to a number (comparable form), $4 rows.
SELECT c.customer_id, c.name, c.tier, c.language, c.notes, c.created_at, c.updated_at,
       ARRAY(SELECT n.number FROM customer_number AS n WHERE n.customer_id = c.customer_id ORDER BY n.position) AS numbers
FROM customer AS c
WHERE c.customer_id > $1
  AND ($2 = '' OR position(lower($2) IN lower(c.name)) > 0)
  AND ($3 = '' OR EXISTS (SELECT FROM customer_number AS n WHERE n.customer_id = c.customer_id AND n.key = $3))
ORDER BY c.customer_id
LIMIT $4;

-- name: one
-- One customer.
SELECT c.customer_id, c.name, c.tier, c.language, c.notes, c.created_at, c.updated_at,
       ARRAY(SELECT n.number FROM customer_number AS n WHERE n.customer_id = c.customer_id ORDER BY n.position) AS numbers
FROM customer AS c
WHERE c.customer_id = $1;

-- name: owners
-- Which customers the numbers $1 (comparable form) belong to.
SELECT key, customer_id FROM customer_number WHERE key = ANY($1::text[]);

-- name: known_ids
-- Which of the customer ids $1 exist.
SELECT customer_id FROM customer WHERE customer_id = ANY($1::text[]);

-- name: put
-- Create a customer or replace what is known about one.
INSERT INTO customer (customer_id, name, tier, language, notes)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (customer_id) DO UPDATE
SET name = excluded.name, tier = excluded.tier, language = excluded.language, notes = excluded.notes, updated_at = now();

-- name: drop_numbers
-- Take their numbers from the customers $1.
DELETE FROM customer_number WHERE customer_id = ANY($1::text[]);

-- name: add_number
-- Give a number to a customer; refused when it belongs to another one.
INSERT INTO customer_number (key, number, customer_id, position) VALUES ($1, $2, $3, $4);

-- name: put_queue
-- Remember what the settings say about a queue.
INSERT INTO queue (queue_id, name, threshold_s, short_abandon_s) VALUES ($1, $2, $3, $4)
ON CONFLICT (queue_id) DO UPDATE
SET name = excluded.name, threshold_s = excluded.threshold_s, short_abandon_s = excluded.short_abandon_s;
