/** Organisations are rows of `users` of another kind, so that no name is taken twice; people are members in a role. */
export const ORGANISATIONS = `
ALTER TABLE users ADD COLUMN kind TEXT NOT NULL DEFAULT 'user';
CREATE TABLE members (
  org_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  PRIMARY KEY (org_id, user_id)
) STRICT;
CREATE INDEX members_by_user ON members (user_id);`
