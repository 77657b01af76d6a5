/**
 * A real `xorbit serve` in its own process and home, for tests that stand outside: they speak HTTP to it, look at its
 * files, and kill it. Every process that is started here is ended here, by its own pid.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, type Dirent, readFileSync } from 'node:fs'
import { access, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { systemCode } from '../../src/base/app-error.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const LAUNCHER = join(ROOT, 'bin', 'xorbit.cjs')
const READY_MS = 30_000

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly timeoutMs?: number
  readonly cwd?: string
}

/** What the machine's own settings must not reach: caches, tokens and endpoints of whoever runs the tests. */
export function cleanEnvironment(folder: string, extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(HF_|XORBIT_|HUGGING|TRANSFORMERS_|npm_)/.test(name))
  return {
    ...Object.fromEntries(kept),
    HOME: folder,
    HF_HOME: join(folder, 'hf'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_DATA_HOME: join(folder, 'data'),
    HF_HUB_DISABLE_UPDATE_CHECK: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    ...extra,
  }
}

/** Runs a program to its end; one that outlives its time is killed and ends with code null. */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Finished> {
  const child = spawn(file, args, {
    cwd: options.cwd ?? ROOT,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 120_000)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code, stdout, stderr }
}

/** The real command of this checkout. */
export function xorbit(folder: string, args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  return runProgram(process.execPath, [LAUNCHER, ...args], { ...options, env: cleanEnvironment(folder, options.env) })
}

/** How a server is started, where not as usual. */
export interface HubSettings {
  /** Words before `node`: a program that becomes ours by exec. */
  readonly before?: readonly string[]
  /** More words for `serve`. */
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Names to leave out of the environment. */
  readonly without?: readonly string[]
  /** Mount options of a tmpfs of its own, which the home lies on and only the server sees. */
  readonly disk?: string
  /** Called with the place of the home before the first start. */
  readonly prepare?: (home: string) => Promise<void>
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Words that run what follows them with a tmpfs of its own at `folder`. */
function ownDisk(folder: string, options: string): string[] {
  const script = 'mount -t tmpfs -o "$1" none "$0" && shift && exec "$@"'
  return ['unshare', '--map-root-user', '--mount', 'sh', '-c', script, folder, options]
}

/** Runs a program in the mounts that process `pid` sees, as who it is there. */
export function runInside(pid: number, words: readonly string[]): Promise<Finished> {
  const namespaces = ['--target', String(pid), '--user', '--mount', '--preserve-credentials']
  return runProgram('nsenter', [...namespaces, ...words])
}

export class HubProcess {
  readonly folder: string
  readonly settings: HubSettings
  readonly #home: string
  url = ''
  /** Of the first user, with every scope. */
  adminToken = ''
  #port = 0
  #child: ChildProcess | null = null

  constructor(folder: string, settings: HubSettings = {}) {
    this.folder = folder
    this.settings = settings
    this.#home = join(folder, 'home')
  }

  static async start(folder: string, settings: HubSettings = {}): Promise<HubProcess> {
    const hub = new HubProcess(folder, settings)
    await hub.start()
    return hub
  }

  /** Where the home's files are for us: on a disk that only the server sees, as long as it runs. */
  get home(): string {
    return this.settings.disk === undefined ? this.#home : `/proc/${this.pid}/root${this.#home}`
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error('The server does not run')
    return pid
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Starts, or starts again on the same home and port. */
  async start(): Promise<void> {
    await mkdir(this.folder, { recursive: true })
    const { before = [], args: more = [], disk, env: extra, without = [] } = this.settings
    const serve = [LAUNCHER, 'serve', '--port', String(this.#port), '--home', this.#home, '--json', ...more]
    if (disk !== undefined) await mkdir(this.#home, { recursive: true })
    const words = [...(disk === undefined ? [] : ownDisk(this.#home, disk)), ...before, process.execPath, ...serve]
    const env = cleanEnvironment(this.folder, extra)
    for (const name of without) delete env[name]
    const child = spawn(words[0] as string, words.slice(1), { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    child.stderr.pipe(createWriteStream(join(this.folder, 'serve.log'), { flags: 'a' }))
    const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS)
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const event = JSON.parse(line) as { event: string; url: string; token: string; message?: string }
        if (event.event === 'error') throw new Error(`serve: ${event.message}`)
        if (event.event !== 'ready') continue
        this.url = event.url
        this.#port = Number(new URL(event.url).port)
        if (event.token) this.adminToken = event.token
        child.stdout.resume()
        return
      }
      throw new Error(`serve ended before it was ready: ${await this.logTail()}`)
    } finally {
      clearTimeout(timer)
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === null || !this.isRunning) return
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
    child.kill(signal)
    await this.ended()
    clearTimeout(timer)
  }

  /** How the server ended, once it has. */
  async ended(): Promise<Ended> {
    const child = this.#child
    if (child === null) throw new Error('The server never ran')
    if (this.isRunning) await once(child, 'exit')
    return { code: child.exitCode, signal: child.signalCode }
  }

  /** A new user's token. */
  async createUser(name: string, scope: 'read' | 'write' | 'admin'): Promise<string> {
    const args = ['user', 'create', name, '--scope', scope, '--home', this.home, '--json']
    const env = { HF_ENDPOINT: this.url, HF_TOKEN: this.adminToken }
    const { stdout, stderr, code } = await xorbit(this.folder, args, { env })
    const line = stdout.split('\n').find((text) => text.includes('"event":"user"'))
    if (code !== 0 || line === undefined) throw new Error(`user create ended with ${code}: ${stdout}${stderr}`)
    return (JSON.parse(line) as { token: string }).token
  }

  /** The end of what the server has written on standard error. */
  async logTail(): Promise<string> {
    const text = await readFile(join(this.folder, 'serve.log'), 'utf8')
    return text.slice(-1500)
  }

  /** Resident memory now and at its highest, in bytes; and what of it no file gives back. */
  memory(): { now: number; peak: number; own: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
    return { now: read('VmRSS'), peak: read('VmHWM'), own: read('RssAnon') }
  }

  /** Every file below the store and the repositories' refs: what must not change when something is refused. */
  async storedFiles(): Promise<string[]> {
    const files: string[] = []
    for (const top of ['blobs', 'repos']) {
      const names = await listBelow(join(this.home, top))
      for (const entry of names) {
        const path = join(entry.parentPath, entry.name).slice(this.home.length + 1)
        if (entry.isFile() && !/\/(hooks|info|logs)\//.test(path)) files.push(path)
      }
    }
    return files.sort()
  }
}

/** Anew when a folder goes while it is listed: git makes some for a moment. */
async function listBelow(folder: string): Promise<Dirent[]> {
  for (;;) {
    try {
      return await readdir(folder, { recursive: true, withFileTypes: true })
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      // The folder itself is not there.
      await access(folder)
    }
  }
}
