/** The administration of the server of a home: on its files while no process holds them, else through its API. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { systemClock } from '../base/clock.ts'
import { runFiles } from '../base/config.ts'
import { HttpClient } from '../base/http-client.ts'
import { Accounts } from '../hub/accounts.ts'
import { LOCAL_ACTOR } from '../hub/audit-log.ts'
import { type Home, openHome } from '../store/home.ts'
import { AccountsAdmin, type Admin } from './admin.ts'
import { RemoteAdmin } from './remote-admin.ts'

export async function withAdmin<T>(path: string, action: (admin: Admin) => Promise<T>): Promise<T> {
  const home = await openUnlessServed(path)
  if (home === null) return withServer(path, action)
  const accounts = Accounts.open(join(path, 'accounts.db'), systemClock)
  try {
    return await action(new AccountsAdmin({ accounts, clock: systemClock, actor: LOCAL_ACTOR }))
  } finally {
    accounts.close()
    home.lock.release()
  }
}

async function openUnlessServed(path: string): Promise<Home | null> {
  try {
    return await openHome(path, systemClock)
  } catch (error) {
    if (error instanceof AppError && error.code === 'FOLDER_IN_USE') return null
    throw error
  }
}

async function withServer<T>(path: string, action: (admin: Admin) => Promise<T>): Promise<T> {
  const { url, token } = runFiles(path)
  const http = new HttpClient({ env: process.env })
  try {
    return await action(
      new RemoteAdmin(http, (await readFile(url, 'utf8')).trim(), (await readFile(token, 'utf8')).trim()),
    )
  } finally {
    await http.close()
  }
}
