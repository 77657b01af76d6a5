/**
 * Joins two sides that began at one commit, file by file: what only one side changed is taken from it, what both
 * changed alike stays, what both changed differently is a conflict. Pure: knows listings, no repository.
 */
import { AppError } from '../base/app-error.ts'
import type { TreeChange } from '../git/object-writer.ts'
import type { Oid } from '../git/oid.ts'
import { TreeDraft } from './commit-plan.ts'
import type { RepoListing } from './repo-listing.ts'

export interface MergePlan {
  /** To be made to `ours`. */
  readonly changes: readonly TreeChange[]
  /** Paths that both sides changed in different ways. */
  readonly conflicts: readonly string[]
}

/** `base` null: the two sides share nothing. */
export function planMerge(base: RepoListing | null, ours: RepoListing, theirs: RepoListing): MergePlan {
  const [from, here, there] = [filesOf(base), filesOf(ours), filesOf(theirs)]
  const conflicts: string[] = []
  const wanted: TreeChange[] = []
  for (const path of new Set([...from.keys(), ...there.keys()])) {
    const [before, mine, other] = [from.get(path) ?? null, here.get(path) ?? null, there.get(path) ?? null]
    if (other === before || other === mine) continue
    if (mine === before) wanted.push({ path, oid: other })
    else conflicts.push(path)
  }
  const draft = new TreeDraft(ours)
  const removals = wanted.filter(({ oid }) => oid === null)
  for (const { path } of removals) draft.apply({ kind: 'delete-file', path })
  for (const { path, oid } of wanted) if (oid !== null) put(draft, path, oid, conflicts)
  return { changes: draft.changes(), conflicts: conflicts.sort() }
}

/** A file where the other side has a folder, or the other way round, is a conflict too. */
function put(draft: TreeDraft, path: string, oid: Oid, conflicts: string[]): void {
  try {
    draft.apply({ kind: 'put', path, oid })
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'usage') throw error
    conflicts.push(path)
  }
}

function filesOf(listing: RepoListing | null): Map<string, Oid> {
  const files = (listing?.entries ?? []).filter(({ type }) => type === 'file')
  return new Map(files.map(({ path, oid }) => [path, oid]))
}
