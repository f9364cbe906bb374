-- The audit log: what people ordered, as the journal tells it. Facts name in `by` who did it; these names are no people's.

CREATE INDEX journal_by ON journal (at, fact_id)
    WHERE (body ->> 'by') IS NOT NULL AND (body ->> 'by') NOT IN ('system', 'seat', 'router', 'phone', 'caller');
