-- Whether environments were provisioned, and which kind an invocation had. NULL: from before it was kept.
ALTER TABLE invocations ADD COLUMN initialization_type TEXT;

ALTER TABLE environments ADD COLUMN initialization_type TEXT NOT NULL DEFAULT 'on-demand';
