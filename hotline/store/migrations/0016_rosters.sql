-- Rosters of people: what they were made from, who has which shift, and what people ask for. They are entered, not folded from facts, so a
-- rebuild of the projections leaves them as they are; RosterPublished and ShiftSwapped tell the journal what changed and who did it.

CREATE TABLE roster (
    roster_id text PRIMARY KEY,
    first_day date NOT NULL,
    days integer NOT NULL,
    zone text NOT NULL,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'replaced')),
    version integer NOT NULL DEFAULT 1,   -- grows with every change
    plan jsonb NOT NULL,                  -- people, contracts, shift types, need, rules: what changes are judged by
    note text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL,
    published_at timestamptz
);

-- One roster counts for each week.
CREATE UNIQUE INDEX roster_published ON roster (first_day) WHERE status = 'published';

CREATE TABLE roster_shift (
    roster_id text NOT NULL REFERENCES roster ON DELETE CASCADE,
    person_id text NOT NULL,
    day date NOT NULL,
    shift text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    breaks integer[] NOT NULL,            -- when each begins, in minutes after the beginning of the shift
    PRIMARY KEY (roster_id, person_id, day)
);

CREATE INDEX roster_shift_at ON roster_shift (starts_at);

CREATE TABLE roster_request (
    request_id text PRIMARY KEY,
    roster_id text NOT NULL REFERENCES roster ON DELETE CASCADE,
    kind text NOT NULL,                   -- swap, give, off, shift
    person_id text NOT NULL,
    day date NOT NULL,
    other_id text NOT NULL DEFAULT '',
    other_day date,
    shift text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'accepted', 'refused')),
    reasons text[] NOT NULL DEFAULT '{}', -- why it was, or would be, refused
    asked_at timestamptz NOT NULL DEFAULT now(),
    asked_by text NOT NULL,
    decided_at timestamptz,
    decided_by text NOT NULL DEFAULT ''
);

CREATE INDEX roster_request_open ON roster_request (roster_id, asked_at) WHERE status = 'open';
