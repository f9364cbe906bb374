-- Whether somebody has dealt with a message, and who said so. Columns: crm/fold/rows.py.

ALTER TABLE voicemail ADD COLUMN handled_at timestamptz;
ALTER TABLE voicemail ADD COLUMN handled_by text NOT NULL DEFAULT '';

CREATE OR REPLACE VIEW v_voicemail AS
SELECT message_id, call_id, queue_id, began_at, settled_at, status, detail, file, sha256, size_bytes, duration_s, handled_at,
       handled_by
FROM voicemail;
