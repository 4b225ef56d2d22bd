-- What was published. Times are whole microseconds since the epoch, UTC.

-- The highest number each function ever had, so that none is given twice.
CREATE TABLE functions (
    name TEXT PRIMARY KEY,
    last_version INTEGER NOT NULL
) STRICT;

-- configuration, image, dependencies and layers are JSON; variables are sealed. A deleted version
-- stays for as long as its deletion can be undone.
CREATE TABLE versions (
    function TEXT NOT NULL,
    number INTEGER NOT NULL,
    description TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    revision_id TEXT NOT NULL,
    code_digest TEXT NOT NULL,
    code_sha256 TEXT NOT NULL,
    zip_bytes INTEGER NOT NULL,
    unzipped_bytes INTEGER NOT NULL,
    configuration TEXT NOT NULL,
    variables BLOB NOT NULL,
    image TEXT NOT NULL,
    dependencies TEXT,
    layers TEXT NOT NULL,
    opt_digest TEXT,
    deleted_at INTEGER,
    PRIMARY KEY (function, number)
) STRICT;

CREATE TABLE aliases (
    function TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    description TEXT NOT NULL,
    revision_id TEXT NOT NULL,
    additional TEXT,
    weight REAL NOT NULL,
    PRIMARY KEY (function, name)
) STRICT;

-- Provisioned concurrency: how many environments are asked for.
CREATE TABLE provisioned (
    function TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    requested INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (function, qualifier)
) STRICT;

-- The journal of changes. before and after are JSON of what the change is about.
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    summary TEXT NOT NULL,
    before TEXT,
    after TEXT,
    undone_at INTEGER
) STRICT;
