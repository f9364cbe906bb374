-- Projections of the journal: they can be dropped and rebuilt at any time. The columns are described in crm/fold/rows.py.
-- They are updated a dozen times in the life of a call: room is left in their pages for updates in place.

CREATE TABLE call (
    call_id text COLLATE "C" PRIMARY KEY,
    node text NOT NULL,
    number text NOT NULL,
    caller_number text NOT NULL,
    caller_name text NOT NULL,
    customer_id text,
    customer_name text NOT NULL,
    origin text NOT NULL,
    arrived_at timestamptz NOT NULL,
    queued_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    queue_id text,
    agent_id text,
    wait_s double precision,
    ring_s double precision,
    talk_s double precision,
    outcome text NOT NULL,
    phase text NOT NULL,
    ended_by text NOT NULL,
    cause integer NOT NULL,
    language text NOT NULL,
    priority integer NOT NULL,
    flow text NOT NULL,
    recording_id text,
    fallback_reason text NOT NULL,
    adopted integer NOT NULL,
    reconciled boolean NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX call_newest ON call (arrived_at DESC, call_id DESC);
CREATE INDEX call_live ON call (node, call_id) WHERE ended_at IS NULL;
CREATE INDEX call_customer ON call (customer_id, arrived_at DESC) WHERE customer_id IS NOT NULL;
CREATE INDEX call_caller ON call (caller_number, arrived_at DESC);

CREATE TABLE segment (
    call_id text COLLATE "C" NOT NULL,
    n integer NOT NULL,
    kind text NOT NULL,
    queue_id text,
    agent_id text,
    offer_id text COLLATE "C",
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    duration_s double precision,
    outcome text NOT NULL,
    reason text NOT NULL,
    short boolean NOT NULL,
    while_ringing boolean NOT NULL,
    priority integer NOT NULL,
    language text NOT NULL,
    inferred boolean NOT NULL,
    PRIMARY KEY (call_id, n)
) WITH (fillfactor = 70);

CREATE INDEX segment_queue ON segment (queue_id, began_at) WHERE kind = 'queue';
CREATE INDEX segment_began ON segment (began_at);

CREATE TABLE offer (
    call_id text COLLATE "C" NOT NULL,
    offer_id text COLLATE "C" NOT NULL,
    agent_id text,
    extension text NOT NULL,
    queue_id text,
    made_at timestamptz NOT NULL,
    rang_at timestamptz,
    ended_at timestamptz,
    result text NOT NULL,
    reason text NOT NULL,
    ring_timeout_s double precision,
    ring_s double precision,
    talk_ended_at timestamptz,
    talk_s double precision,
    talk_ended_by text NOT NULL,
    screen_popped_at timestamptz,
    recording_id text,
    inferred boolean NOT NULL,
    PRIMARY KEY (call_id, offer_id)
) WITH (fillfactor = 70);

CREATE INDEX offer_newest ON offer (made_at DESC, offer_id DESC);
CREATE INDEX offer_agent ON offer (agent_id, made_at DESC);

CREATE TABLE recording (
    recording_id text COLLATE "C" NOT NULL,
    call_id text COLLATE "C" NOT NULL,
    offer_id text NOT NULL,
    agent_id text,
    queue_id text,
    started_at timestamptz,
    settled_at timestamptz,
    status text NOT NULL,
    detail text NOT NULL,
    file text NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    duration_s double precision NOT NULL,
    channels integer NOT NULL,
    rate_hz integer NOT NULL,
    PRIMARY KEY (recording_id, call_id)
) WITH (fillfactor = 70);

CREATE INDEX recording_newest ON recording ((COALESCE(started_at, settled_at)) DESC, recording_id DESC);
CREATE INDEX recording_call ON recording (call_id);

CREATE TABLE agent (
    agent_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    extension text NOT NULL,
    skills jsonb NOT NULL,
    queues jsonb NOT NULL,
    told_at timestamptz NOT NULL,
    fact_id text COLLATE "C" NOT NULL
);

CREATE TABLE agent_state (
    fact_id text COLLATE "C" PRIMARY KEY,
    agent_id text COLLATE "C" NOT NULL,
    began_at timestamptz NOT NULL,
    state text NOT NULL,
    previous text NOT NULL,
    reason text NOT NULL,
    changed_by text NOT NULL,
    until timestamptz,
    call_id text
);

CREATE INDEX agent_state_of ON agent_state (agent_id, began_at, fact_id);
CREATE INDEX agent_state_call ON agent_state (call_id) WHERE call_id IS NOT NULL;
