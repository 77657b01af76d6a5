/**
 * The stored parts of one home, opened together: accounts, catalog, blobs, repositories. The server builds its routes
 * over them; the care of a stopped home works on the same. The caller holds the lock of the home.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import { ifThere } from '../base/if-there.ts'
import type { Log } from '../base/log.ts'
import { Semaphore } from '../base/semaphore.ts'
import { Holdings } from '../cas/holdings.ts'
import { LocalCasFiles } from '../cas/local-cas-files.ts'
import { inlineRecordWork, type RecordWork } from '../cas/record-work.ts'
import { GitCommand } from '../git/git-command.ts'
import { ownStarter, type ProcessStarter } from '../git/git-process.ts'
import { Accounts } from '../hub/accounts.ts'
import { recoverMoves } from '../hub/recover-moves.ts'
import { Repositories } from '../hub/repositories.ts'
import { GitRoots } from '../hub/roots.ts'
import { sizeIfThere } from '../store/blob-file.ts'
import type { CommitterApart } from '../store/catalog-change.ts'
import { FsBlobStore } from '../store/fs-blob-store.ts'
import { keepReserve } from '../store/space.ts'
import { SqliteCatalog } from '../store/sqlite-catalog.ts'
import { SteadyClock } from '../store/steady-clock.ts'

export interface Store {
  readonly home: string
  readonly clock: Clock
  readonly log: Log
  readonly accounts: Accounts
  readonly catalog: SqliteCatalog
  readonly blobs: FsBlobStore
  readonly holdings: Holdings
  readonly files: LocalCasFiles
  readonly repositories: Repositories
  readonly roots: GitRoots
  /** Sweeps, backups and scrubs take turns: a backup is the sweep's pause. */
  readonly care: Semaphore
  readonly steady: SteadyClock
  close(): Promise<void>
}

export interface OpenStoreOptions {
  readonly home: string
  readonly clock: Clock
  readonly log: Log
  /** Who touches every byte; this thread unless given. Closed with the store. */
  readonly work?: RecordWork | undefined
  /** Who starts git; this process unless given. Closed with the store. */
  readonly starter?: ProcessStarter | undefined
  /** Who commits what is written to the catalog; this thread unless given. Closed with the store. */
  readonly committer?: CommitterApart | undefined
}

export async function openStore({
  home,
  clock,
  log,
  work = inlineRecordWork,
  starter = ownStarter,
  committer,
}: OpenStoreOptions): Promise<Store> {
  await checkCatalogThere(home)
  const accounts = Accounts.open(join(home, 'accounts.db'), clock)
  try {
    const catalog = openCatalog(home, committer)
    const blobs = await FsBlobStore.create(join(home, 'blobs'), {
      onDamage: async ({ kind, name }, segments) => {
        log.error({ kind, name, segments }, 'stored bytes are damaged: quarantined, push the file again to repair them')
        await accounts.epoch.advance(`damage in ${kind} ${name}`)
      },
    })
    const holdings = new Holdings({ blobs, catalog, access: accounts, clock, work })
    const git = await GitCommand.find(process.env.PATH, starter)
    const repositories = new Repositories(git, join(home, 'repos'))
    await repositories.recover()
    await recoverMoves(accounts, repositories)
    const roots = new GitRoots({ accounts, repositories, git })
    if (!(await keepReserve(home))) log.warn({ home }, 'the disk is too full for the reserve that cleaning needs')
    const files = new LocalCasFiles(holdings)
    const care = new Semaphore(1)
    const close = async () => {
      await repositories.close()
      await catalog.close()
      accounts.close()
      await work.close()
      await starter.close()
    }
    // What cares for the store ends first.
    return {
      ...{ home, clock, log, accounts, catalog, blobs, holdings, files, repositories, roots, care },
      steady: new SteadyClock(clock),
      close: () => care.run(close),
    }
  } catch (error) {
    accounts.close()
    throw error
  }
}

/** A new catalog beside stored blobs would forget them all. */
async function checkCatalogThere(home: string): Promise<void> {
  if ((await sizeIfThere(join(home, 'catalog.db'))) !== null) return
  const prefixes = (await ifThere(readdir(join(home, 'blobs', 'xorbs')))) ?? []
  if (prefixes.length === 0) return
  const message = `${home} holds data but catalog.db is missing: run xorbit rebuild --home ${home}`
  throw new AppError('damaged', 'CATALOG_MISSING', message)
}

function openCatalog(home: string, committer: CommitterApart | undefined): SqliteCatalog {
  try {
    return new SqliteCatalog(join(home, 'catalog.db'), committer)
  } catch (cause) {
    if (!(cause instanceof AppError) || cause.code !== 'DATABASE_DAMAGED') throw cause
    const message = `catalog.db of ${home} is damaged: run xorbit rebuild --home ${home}`
    throw new AppError('damaged', 'CATALOG_DAMAGED', message, { cause })
  }
}
