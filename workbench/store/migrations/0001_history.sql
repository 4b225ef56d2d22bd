-- The history. Times are whole microseconds since the epoch, UTC; durations are milliseconds.

-- One row per execution environment that ever wrote a log line, took an invocation or changed its
-- state. What follows `instance` is its latest state, as the workbench that owns it last told it;
-- all NULL until it does.
CREATE TABLE environments (
    id INTEGER PRIMARY KEY,
    environment_id TEXT NOT NULL UNIQUE,
    function TEXT NOT NULL,
    instance TEXT NOT NULL,
    version TEXT,
    state TEXT,
    container TEXT,
    created_at INTEGER,
    changed_at INTEGER,
    idle_until INTEGER,
    invocations INTEGER,
    invocation TEXT,
    init_ms REAL,
    memory_mb INTEGER,
    peak_bytes INTEGER,
    current_bytes INTEGER,
    cpu_ns INTEGER,
    oom_kills INTEGER,
    code_digest TEXT,
    retiring INTEGER
) STRICT;

CREATE INDEX environments_by_function ON environments (function);

-- kind is NULL while it runs, queued_ms until its figures are final.
CREATE TABLE invocations (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    instance TEXT NOT NULL,
    function TEXT NOT NULL,
    version TEXT NOT NULL,
    target_qualifier TEXT,
    target_region TEXT,
    target_account TEXT,
    origin TEXT NOT NULL,
    event TEXT,
    accepted_at INTEGER NOT NULL,
    code_digest TEXT NOT NULL,
    memory_mb INTEGER NOT NULL,
    timeout_s INTEGER NOT NULL,
    kind TEXT,
    error_type TEXT,
    error_message TEXT,
    ended_at INTEGER,
    environment INTEGER REFERENCES environments (id),
    cold INTEGER,
    queued_ms REAL,
    create_ms REAL,
    init_ms REAL,
    duration_ms REAL,
    billed_ms INTEGER,
    max_memory_bytes INTEGER,
    cpu_ms REAL,
    log_lines INTEGER NOT NULL DEFAULT 0,
    log_bytes_dropped INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX invocations_by_function ON invocations (function, accepted_at);
CREATE INDEX invocations_by_time ON invocations (accepted_at);
CREATE INDEX invocations_by_environment ON invocations (environment);
CREATE INDEX invocations_running ON invocations (instance) WHERE kind IS NULL;

-- Apart, so that lists never read them and an update never writes them again.
CREATE TABLE requests (
    invocation INTEGER PRIMARY KEY REFERENCES invocations (id) ON DELETE CASCADE,
    payload BLOB NOT NULL
) STRICT;

CREATE TABLE responses (
    invocation INTEGER PRIMARY KEY REFERENCES invocations (id) ON DELETE CASCADE,
    payload BLOB NOT NULL
) STRICT;

-- AUTOINCREMENT: an id is a position that `logs --follow` remembers; pruning must not make one
-- come again.
CREATE TABLE logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    environment INTEGER NOT NULL REFERENCES environments (id),
    invocation INTEGER REFERENCES invocations (id) ON DELETE CASCADE,
    stream TEXT NOT NULL,
    level TEXT,
    text TEXT NOT NULL
) STRICT;

CREATE INDEX logs_by_invocation ON logs (invocation);
CREATE INDEX logs_by_environment ON logs (environment);
CREATE INDEX logs_outside_invocations ON logs (at) WHERE invocation IS NULL;

-- How far each instance's journal is in here: in the same transaction as what it says, so that a
-- journal can be read again from any point and nothing comes twice.
CREATE TABLE journals (
    instance TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL
) STRICT;
