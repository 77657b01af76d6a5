/** Takes away what nothing refers to and nobody was promised: references first, then rows, then blobs, then the trash. */
import { findGarbage, sweepParts } from '../cas/liveness.ts'
import { keepReserve, spaceOf, spendReserve } from '../store/space.ts'
import { emptyTrash, sweepMarks, writeMarks } from '../store/sweep.ts'
import type { Store } from './open-store.ts'

export interface GcOptions {
  /** Says what would go. */
  readonly dryRun: boolean
  /** Skips the waits, to free a full disk; clients that rely on what they were told ask anew. */
  readonly now: boolean
  /** Before anything is changed, when a full disk has got room again. Not in a dry run. */
  readonly onBegin?: (() => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface GcReport {
  readonly dryRun: boolean
  readonly repositories: number
  /** Repositories that could not be read; what they hold stays. */
  readonly unreadable: readonly string[]
  /** References of repositories that no commit backs any more. */
  readonly detached: number
  /** Files forgotten, xorbs and shards moved to the trash; in a dry run what would be. */
  readonly files: number
  readonly xorbs: number
  readonly shards: number
  readonly trashedBytes: number
  readonly deleted: number
  readonly freedBytes: number
  readonly restored: number
  readonly free: number
  /** The new one, when clients must forget what they were told. */
  readonly epoch: string | null
}

/** One at a time, and none during a backup. */
export function collectGarbage(store: Store, options: GcOptions): Promise<GcReport> {
  return store.care.run(() => collect(store, options), 1, options.signal)
}

async function collect(store: Store, { dryRun, now: skipWaits, onBegin, signal }: GcOptions): Promise<GcReport> {
  const { home, holdings, roots, catalog, accounts } = store
  if (!dryRun && !skipWaits) store.steady.check()
  if (!dryRun) {
    await spendReserve(home)
    onBegin?.()
  }
  const { marks, repositories, unreadable, detached } = await findGarbage(holdings, roots, { skipWaits, dryRun })
  const found = { dryRun, repositories, unreadable, detached }
  const countOf = (kind: string) => marks.filter(({ name }) => name.startsWith(`${kind}:`)).length
  if (dryRun) {
    const counts = { files: countOf('file'), xorbs: countOf('xorb'), shards: countOf('shard') }
    const nothing = { trashedBytes: 0, deleted: 0, freedBytes: 0, restored: 0, epoch: null }
    return { ...found, ...counts, ...nothing, free: (await spaceOf(home)).free }
  }
  await writeMarks(catalog, marks)
  // Before anything goes: a crash must not leave clients with an address under which data is missing.
  const epoch = skipWaits && marks.length > 0 ? await accounts.epoch.advance('gc without waits') : null
  const parts = sweepParts(holdings, signal)
  const { counts, bytes: trashedBytes } = await sweepMarks(parts)
  const { deleted, bytes: freedBytes, restored } = await emptyTrash(parts, { skipWaits })
  await holdings.forgetDeletedRepos()
  await keepReserve(home)
  const swept = { files: counts.file ?? 0, xorbs: counts.xorb ?? 0, shards: counts.shard ?? 0 }
  const { free } = await spaceOf(home)
  return { ...found, ...swept, trashedBytes, deleted, freedBytes, restored, free, epoch }
}
