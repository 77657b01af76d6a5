/**
 * A server from start to stop: lock the home, open the parts, make the first user where nobody runs the server, listen, tell commands
 * on the same machine where it is; on stop finish what runs, close, unlock.
 */
import { lstat, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { writeFileAtomically } from '../base/atomic-file.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { runFiles } from '../base/config.ts'
import { ifThere } from '../base/if-there.ts'
import type { Log } from '../base/log.ts'
import { VERSION } from '../base/version.ts'
import { HelperStarter } from '../git/helper-starter.ts'
import { DRAIN_MS } from '../http/limits.ts'
import { parsePublicUrl, setPublicUrl } from '../http/origin.ts'
import type { Accounts } from '../hub/accounts.ts'
import { LOCAL_ACTOR } from '../hub/audit-log.ts'
import { type Home, openHome } from '../store/home.ts'
import { HomeWatch } from '../store/home-watch.ts'
import { lowSpace } from '../store/space.ts'
import { WriteProbe } from '../store/write-probe.ts'
import { collectEarly, collectWhenIdle, SERVER_HEAP } from './collect-early.ts'
import { type Composition, compose, type ServerLimits } from './compose.ts'
import { connectionsMax } from './connection-limit.ts'
import { sweepDaily } from './daily-sweep.ts'
import { startCatalogThread } from './start-catalog-thread.ts'
import { startRecordThreads } from './start-record-threads.ts'

const PRIVATE = 0o600
const FIRST_TOKEN_NAME = 'first'
const IDLE_LOOK_MS = 100

export interface ServeOptions {
  readonly home: string
  /** What clients reach through a proxy: URLs in answers to it begin so. */
  readonly publicUrl?: string | undefined
  readonly host: string
  readonly port: number
  readonly allowedHosts: readonly string[]
  readonly firstUser: string
  readonly limits?: ServerLimits | undefined
  /** Folders and GGUF files of models that are loaded before it is ready. */
  readonly models?: readonly string[]
  readonly log: Log
  /** Ends a start that takes long. */
  readonly signal?: AbortSignal
}

export interface RunningServer {
  readonly url: string
  /** The first user's, of scope admin; null when it was removed. */
  readonly token: string | null
  readonly tokenFile: string
  readonly home: string
  /** By their names. */
  readonly models: readonly string[]
  stop(): Promise<void>
}

export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { home: path, log } = options
  const clock = systemClock
  const home = await openHome(path, clock)
  tellUnended(home, log)
  const reasons: string[] = ['starting']
  const probe = new WriteProbe(join(runFiles(path).folder, 'probe'), clock)
  const notReady = async () => [...reasons, ...lowSpace(path), ...(await probe.failure())]
  const apart = {
    work: startRecordThreads(log),
    starter: new HelperStarter(),
    committer: startCatalogThread(clock, log),
  }
  let parts: Composition | null = null
  try {
    const watch = new HomeWatch(path)
    const health = { version: VERSION, notReady, checkStored: () => watch.check() }
    const allowedHosts = [...options.allowedHosts, options.host].map((name) => name.toLowerCase())
    parts = await compose({ home: path, allowedHosts, health, limits: options.limits, clock, log, ...apart })
    const token = await firstToken(path, parts.accounts, options.firstUser)
    checkExposure(options.host, parts.accounts)
    if (options.publicUrl !== undefined) setPublicUrl(parts.server, parsePublicUrl(options.publicUrl))
    for (const model of options.models ?? []) await parts.models.load(model, { clock, log }, options.signal)
    const url = await listen(parts, options)
    await tellWhere(path, url)
    reasons.length = 0
    const sweeping = startSweeping(parts, () => watch.check())
    const collecting = [collectEarly(SERVER_HEAP), collectWhenIdle()]
    const stopAll = (running: Composition) =>
      sweeping
        .stop()
        .then(() => stop(running))
        .finally(() => {
          for (const end of collecting) end()
        })
    const models = parts.models.list().map(({ name }) => name)
    const tokenFile = runFiles(path).token
    return { url, token, tokenFile, home: path, models, stop: () => stopAll(parts as Composition) }
  } catch (error) {
    await (parts?.close() ?? Promise.all(Object.values(apart).map((each) => each.close())))
    home.lock.release()
    throw error
  }

  async function stop(running: Composition): Promise<void> {
    reasons.push('stopping')
    await rm(runFiles(path).url, { force: true })
    await drain(running, clock, log)
    home.lock.release()
  }
}

/** Whoever runs the server learns that it was killed, by the kernel for its memory perhaps. */
function tellUnended({ path, lock }: Home, log: Log): void {
  if (lock.unended === null) return
  log.warn(
    { home: path, last: lock.unended },
    'the last process of this home did not end by itself: killed, or a crash',
  )
}

function startSweeping({ store }: Composition, checkStored: () => void): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const sweeping = sweepDaily(store, stopping.signal, checkStored)
  return {
    stop() {
      stopping.abort()
      return sweeping
    },
  }
}

/** The token of `run/token`; on a new home the first user is made. Throws when others may read it. */
async function firstToken(home: string, accounts: Accounts, user: string): Promise<string | null> {
  const file = runFiles(home).token
  const found = await ifThere(lstat(file))
  if (found !== null && !found.isFile()) {
    throw new AppError('usage', 'TOKEN_FILE_EXPOSED', `${file} is no file of ours but a link or a folder: remove it`)
  }
  const mode = found === null ? null : found.mode & 0o777
  if (mode !== null && (mode & 0o077) !== 0) {
    throw new AppError('usage', 'TOKEN_FILE_EXPOSED', `Others may read ${file}: chmod 600 it, or revoke the token`)
  }
  if (mode !== null) return (await readFile(file, 'utf8')).trim()
  const name = takeFirstUser(accounts, user)
  if (name === null) return null
  const { token } = accounts.createToken(name, { scope: 'admin', name: FIRST_TOKEN_NAME })
  accounts.audit.append(LOCAL_ACTOR, { action: 'user.create', what: name, details: { scope: 'admin' } })
  await writeFileAtomically(file, `${token}\n`, PRIVATE)
  return token
}

/**
 * Whom the first token is for; null when there is somebody who runs the server. A token that nobody ever used and whose
 * file is not there was lost by a crash before the file was written: it is replaced.
 */
function takeFirstUser(accounts: Accounts, wanted: string): string | null {
  const admin = accounts.listUsers().find((user) => user.admin)
  if (admin === undefined) {
    if (accounts.findUser(wanted) === null) accounts.createUser(wanted, { admin: true })
    return wanted
  }
  const tokens = accounts.listTokens()
  const lost = tokens.find(({ name, scope, usedMs }) => name === FIRST_TOKEN_NAME && scope === 'admin' && !usedMs)
  if (lost === undefined) return tokens.length === 0 ? admin.name : null
  accounts.revokeToken({ token: lost.id })
  return lost.user
}

/** A server that others can reach has tokens that somebody chose. */
function checkExposure(host: string, accounts: Accounts): void {
  if (/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host)) return
  const tokens = accounts.listTokens()
  if (tokens.some(({ name }) => name !== FIRST_TOKEN_NAME)) return
  throw new AppError(
    'usage',
    'BIND_EXPOSED',
    `${host} is reachable by others and the automatic first token is the only one: run xorbit user create NAME first`,
  )
}

async function listen({ server }: Composition, { host, port }: ServeOptions): Promise<string> {
  server.server.maxConnections = (await connectionsMax()) ?? server.server.maxConnections
  try {
    await server.listen({ host, port })
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL' && code !== 'EACCES') throw error
    throw new AppError('usage', 'PORT_TAKEN', `Cannot listen on ${host}:${port} (${code}): choose another --port`)
  }
  const address = server.server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${name}:${address.port}`
}

async function tellWhere(home: string, url: string): Promise<void> {
  const files = runFiles(home)
  await writeFileAtomically(files.url, `${url}\n`, PRIVATE)
  await writeFileAtomically(files.pid, `${process.pid}\n`, PRIVATE)
}

async function drain(parts: Composition, clock: Clock, log: Log): Promise<void> {
  const cancel = new AbortController()
  const { server } = parts.server
  // A connection whose request has ended would else be waited for.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS)
  const late = clock.sleep(DRAIN_MS, cancel.signal).then(
    () => {
      log.warn({}, 'requests still ran when the server stopped')
      server.closeAllConnections()
      // Who waits for an engine that hangs hears of its end.
      return parts.models[Symbol.asyncDispose]()
    },
    (reason: unknown) => reason,
  )
  await parts.close()
  clearInterval(idle)
  cancel.abort()
  await late
}
