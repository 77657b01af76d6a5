/** Changes of a catalog as data: what is asked for, what comes of it, and who commits it. */
import type { Batch, Removal, Takeback } from './catalog.ts'

export type Change =
  | { readonly verb: 'write'; readonly batch: Batch }
  | { readonly verb: 'remove'; readonly what: Takeback }
  | { readonly verb: 'removeFree'; readonly removals: readonly Removal[] }

/** Changes that are there together or not at all. */
export type Unit = readonly Change[]

/** What `removeFree` removed, or why nothing of the unit is there. */
export type Outcome = { readonly removed: readonly string[] } | { readonly error: unknown }

export interface Committer {
  /** Rows that share a transaction; a change that has more is committed alone. */
  readonly rowsAtOnce: number
  /** Throws, kind `busy`, while no further change is let in. */
  admit(): void
  /**
   * In this order, in one transaction or in several; durable when it resolves. Rejects when nobody can say what came of
   * them.
   */
  commit(changes: readonly Change[]): Promise<readonly Outcome[]>
  close(): Promise<void>
}

/** One with a connection of its own. */
export interface CommitterApart extends Committer {
  /** Before the first commit; the file is there, with its tables. */
  open(path: string): void
}

export function rowsOf(change: Change): number {
  if (change.verb === 'removeFree') return change.removals.reduce((rows, removal) => rows + rowsOfRemoval(removal), 0)
  const { records = [], references = [], leases = [], index = [] }: Batch = change.verb === 'write' ? change.batch : {}
  const taken: Takeback = change.verb === 'remove' ? change.what : {}
  const written = records.length + references.length + leases.length + index.length
  return written + (taken.records?.length ?? 0) + (taken.references?.length ?? 0)
}

function rowsOfRemoval({ records = [], index = [], put = [] }: Removal): number {
  return 1 + records.length + index.length + put.length
}
