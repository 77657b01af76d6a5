/**
 * catalog.db made anew from blobs and repositories, under the lock of a stopped home. The new one is made beside the old
 * one and takes its name when it is whole; in between the home has none and refuses to be served.
 */
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../base/atomic-file.ts'
import type { Clock } from '../base/clock.ts'
import { ifThere } from '../base/if-there.ts'
import type { Log } from '../base/log.ts'
import { Holdings } from '../cas/holdings.ts'
import { CatalogRebuild, type RebuildReport } from '../cas/rebuild-catalog.ts'
import { GitCommand } from '../git/git-command.ts'
import { Accounts } from '../hub/accounts.ts'
import { LOCAL_ACTOR } from '../hub/audit-log.ts'
import { recoverMoves } from '../hub/recover-moves.ts'
import { Repositories } from '../hub/repositories.ts'
import { GitRoots } from '../hub/roots.ts'
import { FsBlobStore } from '../store/fs-blob-store.ts'
import { SqliteCatalog } from '../store/sqlite-catalog.ts'

const WITH_LOGS = ['', '-wal', '-shm'] as const

export async function rebuildCatalog(options: {
  home: string
  clock: Clock
  log: Log
}): Promise<RebuildReport & { epoch: string }> {
  const { home, clock, log } = options
  const path = join(home, 'catalog.db')
  const fresh = `${path}.new`
  await removeDatabase(fresh)
  const accounts = Accounts.open(join(home, 'accounts.db'), clock)
  const git = await GitCommand.find()
  const repositories = new Repositories(git, join(home, 'repos'))
  try {
    // Whatever clients were told is known no more.
    const epoch = await accounts.epoch.advance('the catalog is rebuilt')
    accounts.audit.append(LOCAL_ACTOR, { action: 'store.rebuild', what: '-' })
    const blobs = await FsBlobStore.create(join(home, 'blobs'), {
      onDamage: async ({ kind, name }, segments) => log.error({ kind, name, segments }, 'stored bytes are damaged'),
    })
    const catalog = new SqliteCatalog(fresh)
    const holdings = new Holdings({ blobs, catalog, access: accounts, clock })
    await repositories.recover()
    await recoverMoves(accounts, repositories)
    const report = await new CatalogRebuild(holdings, new GitRoots({ accounts, repositories, git })).run()
    await catalog.close()
    await ifThere(rename(path, `${path}.old`))
    await syncFolder(home)
    await rm(`${path}-wal`, { force: true })
    await rm(`${path}-shm`, { force: true })
    await rename(fresh, path)
    await syncFolder(home)
    await removeDatabase(`${path}.old`)
    return { ...report, epoch }
  } finally {
    await repositories.close()
    accounts.close()
  }
}

async function removeDatabase(path: string): Promise<void> {
  for (const end of WITH_LOGS) await rm(path + end, { force: true })
}
