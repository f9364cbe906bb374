-- The bookkeeping of migrations.

-- name: create_table
-- Make the table that remembers applied files.
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: has_table
-- Whether that table is there.
SELECT to_regclass('schema_migration') IS NOT NULL;

-- name: applied
-- All applied files in order.
SELECT number, name, sha256 FROM schema_migration ORDER BY number;

-- name: try_lock
-- Become the one migrator of this database, or not.
SELECT pg_try_advisory_lock($1);

-- name: record
-- Remember an applied file; formatted into the script of its migration.
INSERT INTO schema_migration (number, name, sha256) VALUES ({number}, '{name}', '{sha256}');
