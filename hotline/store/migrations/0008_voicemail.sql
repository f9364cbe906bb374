-- Messages that callers left, or were asked for: a projection of the journal like the recordings. Columns: crm/fold/rows.py.

CREATE TABLE voicemail (
    message_id text COLLATE "C" NOT NULL,
    call_id text COLLATE "C" NOT NULL,
    queue_id text,
    began_at timestamptz,
    settled_at timestamptz,
    status text NOT NULL,
    detail text NOT NULL,
    file text NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    duration_s double precision NOT NULL,
    PRIMARY KEY (message_id, call_id)
) WITH (fillfactor = 70);

CREATE INDEX voicemail_newest ON voicemail ((COALESCE(began_at, settled_at)) DESC, message_id DESC);
CREATE INDEX voicemail_call ON voicemail (call_id);

CREATE VIEW v_voicemail AS
SELECT message_id, call_id, queue_id, began_at, settled_at, status, detail, file, sha256, size_bytes, duration_s
FROM voicemail;
