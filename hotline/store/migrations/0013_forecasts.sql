-- Forecasts, the staff that they ask for, and what they were worth afterwards. They follow from history and models, not from facts alone, so a
-- rebuild of the projections leaves them as they are; `[forecast] keep_days` says how long they are kept.

CREATE TABLE forecast_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue_id text NOT NULL,
    horizon text NOT NULL,            -- today, half_hour, day, month
    made_at timestamptz NOT NULL,
    model text NOT NULL,
    reason text NOT NULL,             -- why it was made: start, interval, nightly, chosen, asked, imported
    history_until timestamptz,        -- what was known when it was made
    step_min integer NOT NULL,
    levels real[] NOT NULL,           -- of the quantiles
    UNIQUE (queue_id, horizon, made_at)
);

CREATE TABLE forecast_value (
    run_id bigint NOT NULL REFERENCES forecast_run ON DELETE CASCADE,
    period date NOT NULL,             -- the local day, or the first day of the month
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    mean real NOT NULL,
    quantiles real[] NOT NULL,
    PRIMARY KEY (run_id, starts_at)
);

CREATE INDEX forecast_value_at ON forecast_value (starts_at, run_id);

-- Every forecast of every interval; `latest` marks the one that counts now. For reporting tools, stays compatible.
CREATE VIEW v_forecast AS
SELECT r.queue_id, r.horizon, v.period, v.starts_at, v.ends_at, r.made_at, r.model, v.mean::double precision AS mean,
       v.quantiles, r.levels, r.step_min, r.reason,
       r.made_at = max(r.made_at) OVER (PARTITION BY r.queue_id, r.horizon, v.starts_at) AS latest
FROM forecast_run AS r JOIN forecast_value AS v USING (run_id);

-- Which model serves, and why; one row for each queue and horizon.
CREATE TABLE forecast_choice (
    queue_id text NOT NULL,
    horizon text NOT NULL,
    model text NOT NULL,
    chosen_at timestamptz NOT NULL,
    reason text NOT NULL,
    wape double precision,
    state jsonb NOT NULL DEFAULT '{}', -- what the comparison needs to know of the last one
    PRIMARY KEY (queue_id, horizon)
);

-- What forecasts were worth: one row for each queue, horizon, lead and period that is over.
CREATE TABLE forecast_score (
    queue_id text NOT NULL,
    horizon text NOT NULL,
    lead integer NOT NULL,            -- how far ahead it was said: hours for today, days for half_hour and day, months for month
    period date NOT NULL,
    model text NOT NULL,              -- of the last of its forecasts
    intervals integer NOT NULL,
    calls double precision NOT NULL,  -- that came
    error double precision NOT NULL,  -- sum of (said - came)
    absolute double precision NOT NULL, -- sum of |said - came|
    inside80 integer NOT NULL,        -- intervals whose count lay between the quantiles 0.1 and 0.9
    inside95 integer NOT NULL,        -- between 0.025 and 0.975
    PRIMARY KEY (queue_id, horizon, lead, period)
);

CREATE VIEW v_forecast_accuracy AS
SELECT queue_id, horizon, lead, period, model, intervals, calls, error, absolute,
       CASE WHEN calls > 0 THEN absolute / calls END AS wape,
       CASE WHEN calls > 0 THEN error / calls END AS bias,
       inside80::double precision / intervals AS coverage80, inside95::double precision / intervals AS coverage95
FROM forecast_score;

-- Agents for each interval: as the last forecast before it asked for them, and who was there.
CREATE TABLE staffing (
    queue_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    calls double precision NOT NULL,
    handling_s double precision NOT NULL,
    required integer NOT NULL,        -- on the predictive distribution
    low integer NOT NULL,             -- if few call (quantile 0.1)
    high integer NOT NULL,            -- if many call (quantile 0.9)
    to_schedule integer NOT NULL,     -- with the shrinkage
    service_level double precision,   -- expected with `required` agents
    scheduled integer,                -- by the roster, when the interval was over; empty: not over, or there was none
    present integer,                  -- on duty in it, on average; empty: not over, or nobody knew
    PRIMARY KEY (queue_id, starts_at)
);

CREATE VIEW v_staffing AS
SELECT queue_id, starts_at, ends_at, made_at, calls, handling_s, required, low, high, to_schedule, service_level, scheduled, present
FROM staffing;
