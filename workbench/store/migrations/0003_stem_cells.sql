-- Containers that stood ready: how long making one the function's took, and what environments came from.
ALTER TABLE invocations ADD COLUMN claim_ms REAL;

ALTER TABLE environments ADD COLUMN claim_ms REAL;
ALTER TABLE environments ADD COLUMN origin TEXT NOT NULL DEFAULT 'plain';
