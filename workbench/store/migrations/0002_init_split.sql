-- The parts of a cold start. `create_ms`, which stays, is the container as a whole: the first two.
-- NULL: not measured, or from before it was.
ALTER TABLE invocations ADD COLUMN engine_create_ms REAL;
ALTER TABLE invocations ADD COLUMN engine_start_ms REAL;
ALTER TABLE invocations ADD COLUMN boot_ms REAL;
ALTER TABLE invocations ADD COLUMN import_ms REAL;

ALTER TABLE environments ADD COLUMN engine_create_ms REAL;
ALTER TABLE environments ADD COLUMN engine_start_ms REAL;
ALTER TABLE environments ADD COLUMN boot_ms REAL;
ALTER TABLE environments ADD COLUMN import_ms REAL;
