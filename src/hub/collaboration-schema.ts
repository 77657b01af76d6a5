/** The second migration of accounts.db: gating and access requests, moves and redirects, discussions, facts for listings. */
export const COLLABORATION_SCHEMA = `ALTER TABLE repos ADD COLUMN gated TEXT;
   CREATE TABLE redirects (
     key TEXT PRIMARY KEY,
     repo_id TEXT NOT NULL REFERENCES repos(id) ON DELETE CASCADE
   ) STRICT;
   CREATE TABLE moves (
     repo_id TEXT PRIMARY KEY REFERENCES repos(id) ON DELETE CASCADE,
     namespace TEXT NOT NULL,
     name TEXT NOT NULL
   ) STRICT;
   CREATE TABLE access_requests (
     id TEXT PRIMARY KEY,
     repo_id TEXT NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
     user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
     status TEXT NOT NULL,
     reason TEXT,
     created_ms INTEGER NOT NULL,
     UNIQUE (repo_id, user_id)
   ) STRICT;
   CREATE INDEX access_requests_by_user ON access_requests (user_id, status);
   CREATE TABLE discussions (
     repo_id TEXT NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
     num INTEGER NOT NULL,
     title TEXT NOT NULL,
     status TEXT NOT NULL,
     is_pull INTEGER NOT NULL,
     account TEXT NOT NULL,
     author TEXT NOT NULL,
     created_ms INTEGER NOT NULL,
     base_oid TEXT,
     merge_oid TEXT,
     PRIMARY KEY (repo_id, num)
   ) STRICT;
   CREATE TABLE discussion_events (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     repo_id TEXT NOT NULL,
     num INTEGER NOT NULL,
     type TEXT NOT NULL,
     account TEXT NOT NULL,
     author TEXT NOT NULL,
     created_ms INTEGER NOT NULL,
     data TEXT NOT NULL,
     FOREIGN KEY (repo_id, num) REFERENCES discussions (repo_id, num) ON DELETE CASCADE
   ) STRICT;
   CREATE INDEX discussion_events_by_discussion ON discussion_events (repo_id, num);
   CREATE TABLE repo_facts (
     repo_id TEXT PRIMARY KEY REFERENCES repos(id) ON DELETE CASCADE,
     commit_oid TEXT NOT NULL,
     modified_ms INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     parameters INTEGER,
     tags TEXT NOT NULL,
     summary TEXT NOT NULL
   ) STRICT;
   CREATE INDEX repo_facts_by_time ON repo_facts (modified_ms);
   INSERT INTO repo_facts (repo_id, commit_oid, modified_ms, bytes, tags, summary)
     SELECT id, '', created_ms, 0, '[]', '{}' FROM repos ORDER BY seq;
   CREATE TABLE repo_tags (
     tag TEXT NOT NULL,
     repo_id TEXT NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
     PRIMARY KEY (tag, repo_id)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX repo_tags_by_repo ON repo_tags (repo_id);`
