-- Deployments: traffic of an alias on its way from one version to another. document is JSON of all of it;
-- what is looked for stands beside it.
CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    function TEXT NOT NULL,
    alias TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    document TEXT NOT NULL
) STRICT;

-- An alias has one at a time.
CREATE UNIQUE INDEX deployments_open ON deployments (function, alias) WHERE ended_at IS NULL;
CREATE INDEX deployments_by_time ON deployments (created_at);

-- What each one did, and why. weight is the new version's share after it.
CREATE TABLE deployment_moves (
    deployment TEXT NOT NULL REFERENCES deployments (id),
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    weight REAL NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (deployment, number)
) STRICT;
