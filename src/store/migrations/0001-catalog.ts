/** The catalog's first tables: records, references, leases, index. */
import type { Migration } from '../sqlite-database.ts'

export const CATALOG_0001: Migration = {
  version: 1,
  sql: `
CREATE TABLE records (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE refs (target TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (target, source)) WITHOUT ROWID;
CREATE INDEX refs_source ON refs (source);
CREATE TABLE leases (holder TEXT NOT NULL, target TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (holder, target)) WITHOUT ROWID;
CREATE INDEX leases_target ON leases (target);
CREATE TABLE entries (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key, value)) WITHOUT ROWID;
`,
}
