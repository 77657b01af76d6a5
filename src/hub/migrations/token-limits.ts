/**
 * Tokens that end, and tokens for some repositories only. `restricted` stands apart from the list: a token whose last
 * repository was deleted is for none, not for all.
 */
export const TOKEN_LIMITS = `
ALTER TABLE tokens ADD COLUMN expires_ms INTEGER;
ALTER TABLE tokens ADD COLUMN restricted INTEGER NOT NULL DEFAULT 0;
CREATE TABLE token_repos (
  token_id TEXT NOT NULL REFERENCES tokens(id) ON DELETE CASCADE,
  repo_id TEXT NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
  PRIMARY KEY (token_id, repo_id)
) STRICT;
CREATE INDEX token_repos_by_repo ON token_repos (repo_id);`
