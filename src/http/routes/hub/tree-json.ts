/** Entries of a tree as answers show them. */
import type { Clock } from '../../../base/clock.ts'
import { Pacer } from '../../../cas/pacer.ts'
import type { CommitInfo } from '../../../git/history.ts'
import type { FileEntry, RepoEntry } from '../../../hub/repo-listing.ts'
import type { Snapshot } from '../../../hub/repo-reader.ts'

const UNSCANNED = { status: 'unscanned', avScan: { status: 'unscanned' }, pickleImportScan: null }

/** As long as a hash, and none: clients leave it alone. */
const HASH_MASKED = '*'.repeat(64)

const TOGETHER = 100

export interface EntriesOptions {
  readonly expand: boolean
  /** Whether the asker may read the files, and so learn their hashes. */
  readonly open: boolean
  readonly clock: Clock
}

/** `sizes` of the file itself; `xetHash` only for what the CAS holds intact. */
export async function entriesJson(snapshot: Snapshot, entries: readonly RepoEntry[], options: EntriesOptions) {
  const { expand, open, clock } = options
  const last = expand ? await snapshot.findLastCommits(entries.map(({ path }) => path)) : null
  const pacer = new Pacer(clock)
  const shown: Record<string, unknown>[] = []
  // Some at a time: what is written for their large files shares a transaction, and others are answered in between.
  for (let start = 0; start < entries.length; start += TOGETHER) {
    const some = entries.slice(start, start + TOGETHER).map((entry) => entryJson(snapshot, entry, { last, open }))
    shown.push(...(await Promise.all(some)))
    if (pacer.isDue) await pacer.pause()
  }
  return shown
}

async function entryJson(
  snapshot: Snapshot,
  entry: RepoEntry,
  { last, open }: { last: ReadonlyMap<string, CommitInfo> | null; open: boolean },
): Promise<Record<string, unknown>> {
  const commit = last?.get(entry.path)
  const expanded = commit === undefined ? {} : { lastCommit: commitJson(commit) }
  const { type, oid, path } = entry
  if (entry.type === 'directory') return { type, oid, size: 0, path, ...expanded }
  const stored = await snapshot.findStored(entry)
  return {
    ...{ type, oid, size: entry.size, path },
    ...(entry.lfs === null ? {} : { lfs: lfsJson(entry, 'oid') }),
    ...(stored === null ? {} : { xetHash: open ? stored.hash : HASH_MASKED }),
    ...expanded,
    ...(last === null ? {} : { securityFileStatus: UNSCANNED }),
  }
}

/** Listings call the SHA-256 `oid`, repository information calls it `sha256`. */
export function lfsJson({ lfs, blobBytes }: FileEntry, name: 'oid' | 'sha256'): Record<string, unknown> {
  return { [name]: lfs?.sha256, size: lfs?.size, pointerSize: blobBytes }
}

function commitJson({ oid, title, seconds }: CommitInfo) {
  return { id: oid, title, date: new Date(seconds * 1000).toISOString() }
}
