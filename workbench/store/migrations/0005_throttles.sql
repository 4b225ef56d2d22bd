-- Calls that were refused because too many ran: those of one moment together.
CREATE TABLE throttles (
    at INTEGER NOT NULL,
    function TEXT NOT NULL,
    version TEXT NOT NULL,
    target_qualifier TEXT,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL
) STRICT;

CREATE INDEX throttles_by_function ON throttles (function, at);
CREATE INDEX throttles_by_time ON throttles (at);
