/** The care of a home's store: on its files while no process holds them, else through its server. */
import { resolve } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { systemClock } from '../base/clock.ts'
import { runFiles } from '../base/config.ts'
import { HttpClient } from '../base/http-client.ts'
import { textIfThere } from '../base/if-there.ts'
import type { Log } from '../base/log.ts'
import { LOCAL_ACTOR } from '../hub/audit-log.ts'
import { sizeIfThere } from '../store/blob-file.ts'
import { type Home, openHome } from '../store/home.ts'
import { type Care, LocalCare } from './care.ts'
import { openStore, type Store } from './open-store.ts'
import { RemoteCare } from './remote-care.ts'
import { checkServerVersion } from './server-version.ts'

export async function withCare<T>(path: string, log: Log, action: (care: Care) => Promise<T>): Promise<T> {
  await checkHome(path)
  const home = await openUnlessServed(path)
  if (home === null) return withServer(path, action)
  try {
    const store = await openStore({ home: path, clock: systemClock, log })
    try {
      return await action(noted(store, new LocalCare(store)))
    } finally {
      await store.close()
    }
  } finally {
    home.lock.release()
  }
}

/** A line of the audit log before each thing that changes or copies what is stored. */
function noted({ accounts }: Store, care: Care): Care {
  const note = (action: string, details: Record<string, unknown>) =>
    accounts.audit.append(LOCAL_ACTOR, { action, what: '-', details })
  return {
    gc: (options) => care.gc({ ...options, onBegin: () => note('store.gc', { now: options.now }) }),
    async scrub(options) {
      note('store.scrub', { restart: options.restart })
      return care.scrub(options)
    },
    async backup(options) {
      note('store.backup', { folder: options.folder })
      return care.backup(options)
    },
    async repair(options) {
      note('store.repair', { from: options.endpoint })
      return care.repair(options)
    },
    doctor: () => care.doctor(),
  }
}

/** For what no server may be up for; FOLDER_IN_USE while one is. */
export async function withStoppedHome<T>(path: string, action: () => Promise<T>): Promise<T> {
  await checkHome(path)
  const home = await openHome(path, systemClock)
  try {
    return await action()
  } finally {
    home.lock.release()
  }
}

/** Care never makes a home where there was none. */
async function checkHome(path: string): Promise<void> {
  if ((await sizeIfThere(resolve(path, 'layout-version'))) !== null) return
  if ((await sizeIfThere(resolve(path, 'restore-unfinished'))) !== null) return
  throw new AppError('usage', 'HOME_MISSING', `There is no home of a server at ${path}: give --home`)
}

async function openUnlessServed(path: string): Promise<Home | null> {
  try {
    return await openHome(path, systemClock)
  } catch (error) {
    if (error instanceof AppError && error.code === 'FOLDER_IN_USE') return null
    throw error
  }
}

async function withServer<T>(path: string, action: (care: Care) => Promise<T>): Promise<T> {
  const { url, token } = runFiles(path)
  const http = new HttpClient({ env: process.env })
  try {
    const [address, key] = [await readLine(url), await readLine(token)]
    await checkServerVersion(http, address)
    return await action(new RemoteCare(http, address, key))
  } finally {
    await http.close()
  }
}

async function readLine(file: string): Promise<string> {
  const text = await textIfThere(file)
  if (text !== null) return text.trim()
  const message = `A server holds this home and ${file} is missing: stop the server, or put an admin token there`
  throw new AppError('usage', 'SERVER_UNREACHABLE', message)
}
