/** Bytes that each repository's commits have brought, for quotas. */
export const REPO_USAGE = `
CREATE TABLE repo_usage (
  repo_id TEXT PRIMARY KEY REFERENCES repos(id) ON DELETE CASCADE,
  bytes INTEGER NOT NULL
) STRICT;`
