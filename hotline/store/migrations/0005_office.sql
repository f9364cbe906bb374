-- Terms of office: who was the one active holder of an office (the router's), and since when. The office itself is an advisory
-- lock; this table gives every term its epoch. Rows are only ever added, one for each change of the holder: an epoch that only
-- grows is what nodes tell an old router from the new one by, so no row may be changed or deleted. (A single row that is counted up
-- would do for that; rows show besides who routed when, and the primary key refuses an epoch given twice whatever goes wrong.)

CREATE TABLE office_term (
    office text NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    holder text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (office, epoch)
);
