-- Rosters may have several weeks, or a month, and a newer one may have some of the days of an older one: for each day the one that was published
-- last counts. Of rosters with the same days only one is published.

DROP INDEX roster_published;
CREATE UNIQUE INDEX roster_published ON roster (first_day, days) WHERE status = 'published';
