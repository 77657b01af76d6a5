/** The administration of the server of a home: on its files while no process holds them, else through its API. */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { systemClock } from '../base/clock.ts'
import { runFiles } from '../base/config.ts'
import { HttpClient } from '../base/http-client.ts'
import { ifThere, textIfThere } from '../base/if-there.ts'
import { Accounts } from '../hub/accounts.ts'
import { LOCAL_ACTOR } from '../hub/audit-log.ts'
import { type Home, openHome } from '../store/home.ts'
import { AccountsAdmin, type Admin } from './admin.ts'
import { RemoteAdmin } from './remote-admin.ts'
import { checkServerVersion } from './server-version.ts'

export interface WithAdminOptions {
  /** The home must be there: reading makes none. */
  readonly isReading?: boolean
}

/** Another command holds a stopped home for about as long as it takes to write a row. */
const PATIENCE_MS = 5_000
const AGAIN_MS = 100

export async function withAdmin<T>(
  path: string,
  action: (admin: Admin) => Promise<T>,
  options: WithAdminOptions = {},
): Promise<T> {
  if (options.isReading === true && (await ifThere(stat(join(path, 'layout-version')))) === null) {
    throw new AppError('not-found', 'HOME_MISSING', `There is no server's home at ${path}: see --home`)
  }
  const home = await openUnlessServed(path)
  if (home === null) return withServer(path, action)
  try {
    // A server that was killed left its address: nobody serves this home now.
    await rm(runFiles(path).url, { force: true })
    const accounts = Accounts.open(join(path, 'accounts.db'), systemClock)
    try {
      return await action(new AccountsAdmin({ accounts, clock: systemClock, actor: LOCAL_ACTOR }))
    } finally {
      accounts.close()
    }
  } finally {
    home.lock.release()
  }
}

/** Null when a server holds the home: one that listens says where. */
async function openUnlessServed(path: string): Promise<Home | null> {
  const untilMs = systemClock.monotonicMs() + PATIENCE_MS
  for (;;) {
    try {
      return await openHome(path, systemClock)
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'FOLDER_IN_USE')) throw error
      if ((await ifThere(stat(runFiles(path).url))) !== null) return null
      if (systemClock.monotonicMs() > untilMs) throw error
    }
    await systemClock.sleep(AGAIN_MS)
  }
}

async function withServer<T>(path: string, action: (admin: Admin) => Promise<T>): Promise<T> {
  const files = runFiles(path)
  const url = (await textIfThere(files.url))?.trim() ?? null
  if (url === null) throw new AppError('busy', 'FOLDER_IN_USE', `The server of ${path} is just ending: try again`)
  const token = (await textIfThere(files.token))?.trim() ?? null
  if (token === null) {
    const message = `There is no admin token in this home (${files.token}): stop the server to work on it`
    throw new AppError('usage', 'ADMIN_TOKEN_MISSING', message)
  }
  const http = new HttpClient({ env: process.env })
  try {
    await checkServerVersion(http, url)
    return await action(new RemoteAdmin(http, url, token))
  } finally {
    await http.close()
  }
}
