/**
 * The only place that runs git. The program is found once, by absolute path; every call has an environment made here,
 * no system or user configuration, no hooks, no file system monitor, no network, an explicit repository, and limits of
 * time and output. What others named stands behind `--end-of-options` or on standard input, never where options go.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { AppError } from '../base/app-error.ts'
import { Semaphore } from '../base/semaphore.ts'

const TIMEOUT_MS = 120_000
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024
const STDERR_BYTES_MAX = 16 * 1024
/** Short-lived processes at a time; further calls wait their turn. */
const PROCESSES_MAX = 8
/** More calls than this never wait: whoever asks is told to come again. */
const WAITING_MAX = 1_000
/** From here on git flushes what it writes by `core.fsync`; before, by `core.fsyncObjectFiles`. */
const FSYNC_SETTING_SINCE = [2, 36] as const
const OLDEST = [2, 34] as const

const SETTINGS = [
  'core.fsmonitor=false',
  'core.hooksPath=/dev/null',
  'core.attributesFile=/dev/null',
  'core.excludesFile=/dev/null',
  'core.filesRefLockTimeout=5000',
  'core.logAllRefUpdates=always',
  'core.quotePath=false',
  'fastimport.unpackLimit=0',
  'gc.auto=0',
  'protocol.allow=never',
  'safe.bareRepository=explicit',
]

export type GitProcess = ChildProcessByStdio<Writable, Readable, Readable>

export interface GitCall {
  /** Absolute path of a bare repository; null only for `init` and `version`. */
  readonly gitDir: string | null
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly timeoutMs?: number
  readonly outputBytesMax?: number
  readonly signal?: AbortSignal
  /** Exit statuses that are answers, besides 0. */
  readonly answers?: readonly number[]
}

export interface GitOutput {
  readonly exit: number
  readonly stdout: Buffer
  readonly stderr: string
}

export class GitCommand {
  readonly program: string
  readonly version: readonly [number, number]
  readonly #settings: readonly string[]
  readonly #running = new Semaphore(PROCESSES_MAX)

  private constructor(program: string, version: readonly [number, number]) {
    this.program = program
    this.version = version
    const fsync = isAtLeast(version, FSYNC_SETTING_SINCE) ? 'core.fsync=all' : 'core.fsyncObjectFiles=true'
    this.#settings = [...SETTINGS, fsync].flatMap((setting) => ['-c', setting])
  }

  /** Looks along `path` (default: PATH) and asks the program its version. */
  static async find(path: string = process.env.PATH ?? ''): Promise<GitCommand> {
    for (const folder of path.split(':').filter(isAbsolute)) {
      const program = join(folder, 'git')
      if (!(await isProgram(program))) continue
      const { stdout } = await new GitCommand(program, OLDEST).run({ gitDir: null, args: ['version'] })
      const [, major, minor] = /^git version (\d+)\.(\d+)/.exec(stdout.toString()) ?? []
      const version = [Number(major), Number(minor)] as const
      if (major !== undefined && isAtLeast(version, OLDEST)) return new GitCommand(program, version)
    }
    throw new AppError('usage', 'GIT_NOT_FOUND', `No git ${OLDEST.join('.')} or newer in PATH: install git`)
  }

  /** Starts a process whose streams the caller serves and whose end it awaits. */
  start({ gitDir, args, env }: GitCall): GitProcess {
    const where = gitDir === null ? [] : [`--git-dir=${gitDir}`]
    const child = spawn(this.program, [...this.#settings, ...where, ...args], {
      env: { ...cleanEnvironment(), ...env },
      cwd: gitDir ?? '/',
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    return child
  }

  /** Runs to the end. Any exit status but 0 and `answers` throws. */
  async run(call: GitCall, options: RunOptions = {}): Promise<GitOutput> {
    const { signal } = options
    if (this.#running.waiting >= WAITING_MAX) {
      throw new AppError('busy', 'GIT_BUSY', `${WAITING_MAX} calls of git wait already: try again soon`)
    }
    return this.#running.run(() => this.#runNow(call, options), 1, signal)
  }

  #runNow(call: GitCall, options: RunOptions): Promise<GitOutput> {
    const { input, timeoutMs = TIMEOUT_MS, outputBytesMax = OUTPUT_BYTES_MAX, signal, answers = [] } = options
    return new Promise((resolve, reject) => {
      const child = this.start(call)
      const parts: Buffer[] = []
      let bytes = 0
      let failure: AppError | null = null
      const kill = (error: AppError) => {
        failure ??= error
        child.kill('SIGKILL')
      }
      const onAbort = () => kill(new AppError('cancelled', 'CANCELLED', 'Cancelled', { cause: signal?.reason }))
      const timer = setTimeout(() => kill(timedOut(call, timeoutMs)), timeoutMs)
      signal?.addEventListener('abort', onAbort, { once: true })
      const stderr = keepText(child.stderr)
      child.stdout.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes > outputBytesMax) kill(tooMuchOutput(call, outputBytesMax))
        else parts.push(part)
      })
      // A program that ends before it has read its input: its exit status tells more than EPIPE.
      child.stdin.on('error', (error) => stderr.push(error.message))
      child.once('error', (error) => kill(gitFailed(call, -1, error.message)))
      child.once('close', (exit) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        const output = { exit: exit ?? -1, stdout: Buffer.concat(parts, bytes), stderr: stderr.join('') }
        if (failure !== null) reject(failure)
        else if (output.exit === 0 || answers.includes(output.exit)) resolve(output)
        else reject(gitFailed(call, output.exit, output.stderr))
      })
      child.stdin.end(input)
    })
  }
}

/** Of some writes git says only that they failed. */
const NO_SPACE =
  /No space left on device|Disk quota exceeded|(couldn't|could not|unable to) (write|append)|write error/i

/** Collects the first kilobytes of a stream, reading all of it. */
export function keepText(stream: Readable): string[] {
  const parts: string[] = []
  let bytes = 0
  stream.on('data', (part: Buffer) => {
    if (bytes < STDERR_BYTES_MAX) parts.push(part.toString('utf8'))
    bytes += part.length
  })
  return parts
}

export function gitFailed({ args, gitDir }: GitCall, exit: number, stderr: string): AppError {
  const noSpace = NO_SPACE.test(stderr)
  const message = `git ${args[0]} failed in ${gitDir ?? 'no repository'} (${exit}): ${stderr.trim().slice(0, 500)}`
  return new AppError(noSpace ? 'no-space' : 'bug', 'GIT_FAILED', message, { data: { exit } })
}

function timedOut({ args, gitDir }: GitCall, ms: number): AppError {
  return new AppError('timeout', 'GIT_TIMEOUT', `git ${args[0]} took more than ${ms} ms in ${gitDir}`)
}

function tooMuchOutput({ args, gitDir }: GitCall, bytes: number): AppError {
  return new AppError('too-large', 'GIT_OUTPUT_TOO_LARGE', `git ${args[0]} gave more than ${bytes} bytes in ${gitDir}`)
}

function cleanEnvironment(): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
  }
}

function isAtLeast(
  [major, minor]: readonly [number, number],
  [wantMajor, wantMinor]: readonly [number, number],
): boolean {
  return major > wantMajor || (major === wantMajor && minor >= wantMinor)
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
