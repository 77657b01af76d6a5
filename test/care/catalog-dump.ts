/** What a catalog says, in comparable form; leases apart, since they depend on when. */
import { DatabaseSync } from 'node:sqlite'

export interface CatalogDump {
  readonly records: unknown[]
  readonly references: unknown[]
  readonly entries: unknown[]
}

export function dumpCatalog(path: string): CatalogDump {
  const db = new DatabaseSync(path, { readOnly: true })
  const all = (sql: string) => db.prepare(sql).all()
  const dump = {
    records: all(
      "SELECT kind, key, hex(value) AS value FROM records WHERE kind IN ('file', 'sha256', 'xorb') ORDER BY 1, 2",
    ),
    references: all('SELECT source, target FROM refs ORDER BY 1, 2'),
    entries: all('SELECT kind, key, value FROM entries ORDER BY 1, 2, 3'),
  }
  db.close()
  return dump
}
