-- Customers are kept by people, not told by facts: these tables are the truth themselves.

CREATE TABLE customer (
    customer_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    tier text NOT NULL DEFAULT '',
    language text NOT NULL DEFAULT '',
    notes text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE customer_number (
    key text COLLATE "C" PRIMARY KEY,  -- the number in its one comparable form (crm/customers/numbers.py): belongs to one customer only
    number text NOT NULL,              -- as it was entered
    customer_id text COLLATE "C" NOT NULL REFERENCES customer ON DELETE CASCADE,
    position integer NOT NULL
);

CREATE INDEX customer_number_of ON customer_number (customer_id, position);

-- What the settings say about a queue and reports need; written at each start.
CREATE TABLE queue (
    queue_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    threshold_s double precision NOT NULL,
    short_abandon_s double precision NOT NULL
);
