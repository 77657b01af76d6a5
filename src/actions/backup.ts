/**
 * A copy of a home while it is served. No sweep runs meanwhile, and what leads somewhere is copied before what it leads
 * to: rows of repositories, then each repository while nobody commits to it, then the catalog, then the blobs. So the
 * copy refers only to what it holds. `backup.json` comes last: without it a folder is no backup.
 */
import { readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { makeFolder, writeFileAtomically } from '../base/atomic-file.ts'
import { ifThere } from '../base/if-there.ts'
import { VERSION } from '../base/version.ts'
import { QUARANTINE_PREFIX } from '../git/object-writer.ts'
import { Accounts } from '../hub/accounts.ts'
import type { RepoRecord } from '../hub/repo-table.ts'
import { repositoryFolder } from '../hub/repositories.ts'
import { type CopyOptions, copyDatabase, copyDurably, copyFolder, syncFolders } from '../store/backup.ts'
import { sizeIfThere } from '../store/blob-file.ts'
import { BLOB_KINDS } from '../store/blob-store.ts'
import { LAYOUT_VERSION } from '../store/home.ts'
import type { Store } from './open-store.ts'

export interface BackupOptions {
  readonly folder: string
  readonly link: boolean
  readonly signal?: AbortSignal | undefined
}

/** What `backup.json` says. */
export interface BackupReport {
  readonly format: 1
  readonly version: string
  readonly createdSeconds: number
  readonly epoch: string
  readonly repositories: number
  readonly xorbs: number
  readonly shards: number
  readonly bytes: number
}

export const BACKUP_FILE = 'backup.json'
const PRIVATE = 0o700

/** Waits for a running sweep, and keeps the next one waiting. */
export function backupHome(store: Store, options: BackupOptions): Promise<BackupReport> {
  return store.care.run(() => copyHome(store, options), 1, options.signal)
}

async function copyHome(store: Store, options: BackupOptions): Promise<BackupReport> {
  const { home, accounts, clock } = store
  const folder = resolve(options.folder)
  await checkTarget(home, folder)
  await makeFolder(folder, PRIVATE)
  await copyDatabase(join(home, 'accounts.db'), join(folder, 'accounts.db'))
  const repositories = await copyRepositories(store, folder, options)
  await restoreWanted(store)
  await copyDatabase(join(home, 'catalog.db'), join(folder, 'catalog.db'))
  const blobs = await copyBlobs(store, folder, options)
  await writeFileAtomically(join(folder, 'layout-version'), `${LAYOUT_VERSION}\n`)
  const report: BackupReport = {
    ...{ format: 1, version: VERSION, createdSeconds: clock.nowSeconds(), epoch: accounts.epoch.current() },
    ...{ repositories, ...blobs },
  }
  await writeFileAtomically(join(folder, BACKUP_FILE), `${JSON.stringify(report, null, 2)}\n`)
  return report
}

async function checkTarget(home: string, folder: string): Promise<void> {
  if (`${folder}/`.startsWith(`${resolve(home)}/`)) {
    throw new AppError('usage', 'BACKUP_FOLDER_BAD', `${folder} lies in the home: a backup belongs elsewhere`)
  }
  const names = await ifThere(readdir(folder))
  if (names !== null && names.length > 0) {
    throw new AppError('usage', 'BACKUP_FOLDER_BAD', `${folder} is not empty: name a new folder for each backup`)
  }
}

async function copyRepositories(store: Store, folder: string, options: CopyOptions): Promise<number> {
  // The copied rows say what is in the backup; one whose repository went meanwhile goes too.
  const copied = Accounts.open(join(folder, 'accounts.db'), store.clock)
  let count = 0
  try {
    for (const record of listAll(copied)) {
      const live = store.accounts.repos.findById(record.id)
      if (live === null) {
        copied.repos.delete(record.id)
        continue
      }
      await copyRepository(store, live, join(folder, 'repos', repositoryFolder(record)), options)
      count++
    }
  } finally {
    copied.close()
  }
  return count
}

function listAll({ repos }: Accounts): RepoRecord[] {
  return repos.listIds().flatMap((id) => repos.findById(id) ?? [])
}

async function copyRepository(store: Store, record: RepoRecord, to: string, options: CopyOptions): Promise<void> {
  const repository = await store.repositories.open(record)
  const isFixed = (path: string) => path.startsWith('objects/')
  // Not what is being written.
  const wanted = (path: string) => !path.startsWith(QUARANTINE_PREFIX) && !/(^|\/)(tmp_|\.tmp-)|\.lock$/.test(path)
  await repository.queue.run(() => copyFolder(repository.gitDir, to, { ...options, isFixed, wanted }))
}

/** What is in the trash and yet in use belongs into the backup. */
async function restoreWanted({ blobs, catalog, clock }: Store): Promise<void> {
  for await (const key of blobs.listTrash()) {
    const name = `${key.kind}:${key.name}`
    const holders = await catalog.findHolders(name, 1)
    const leased = await catalog.findLeased([name], clock.nowSeconds())
    if (holders.length > 0 || leased.length > 0) await blobs.restore(key)
  }
}

async function copyBlobs({ home, blobs }: Store, folder: string, options: CopyOptions) {
  const counts = { xorb: 0, shard: 0 }
  let bytes = 0
  for (const kind of BLOB_KINDS) {
    await makeFolder(join(folder, 'blobs', `${kind}s`))
    for await (const name of blobs.list(kind)) {
      const path = join('blobs', `${kind}s`, name.slice(0, 2), name)
      await makeFolder(dirname(join(folder, path)))
      await copyDurably(join(home, path), join(folder, path), options)
      if ((await sizeIfThere(join(home, `${path}.bad`))) !== null) {
        await copyDurably(join(home, `${path}.bad`), join(folder, `${path}.bad`), { link: false })
      }
      bytes += (await stat(join(folder, path))).size
      counts[kind]++
    }
    await syncFolders(join(folder, 'blobs', `${kind}s`))
  }
  return { xorbs: counts.xorb, shards: counts.shard, bytes }
}
