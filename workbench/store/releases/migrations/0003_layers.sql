-- The highest number each layer ever had, so that none is given twice.
CREATE TABLE layers (
    name TEXT PRIMARY KEY,
    last_version INTEGER NOT NULL
) STRICT;

-- runtimes and architectures are JSON. A deleted version stays for as long as its deletion can be
-- undone, or a function's folder goes on using it.
CREATE TABLE layer_versions (
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    code_digest TEXT NOT NULL,
    code_sha256 TEXT NOT NULL,
    zip_bytes INTEGER NOT NULL,
    unzipped_bytes INTEGER NOT NULL,
    runtimes TEXT NOT NULL,
    architectures TEXT NOT NULL,
    license TEXT NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (name, number)
) STRICT;

-- The layer versions that $LATEST of each function has: it keeps them when they are deleted.
CREATE TABLE layer_uses (
    function TEXT NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (function, name, number)
) STRICT;
