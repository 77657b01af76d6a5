/**
 * Makes system calls of a running process fail, wait or kill it, with strace attached from outside: the process itself
 * is the real one and knows nothing of it. What is injected ends with `end`; the process runs on.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'

export interface Rule {
  /** Names of system calls. */
  readonly calls: readonly string[]
  /** As strace says it: `error=EIO`, `signal=SIGKILL:when=3`. */
  readonly effect: string
}

export interface InjectOptions {
  /** Only calls on these files. */
  readonly paths?: readonly string[]
  /** Where the calls that were seen are listed. */
  readonly log?: string
}

/** Calls that make what was written durable. */
export const SYNCS = ['fsync', 'fdatasync'] as const
export const WRITES = ['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2'] as const
/** Calls that change a disk; names that this machine's kernel does not have are passed over (`?`). */
export const CHANGES = [
  ...[...WRITES, ...SYNCS, 'ftruncate', 'fallocate', 'renameat', 'renameat2', 'linkat', 'unlinkat', 'mkdirat'],
  ...['?rename', '?link', '?unlink', '?mkdir', '?rmdir'],
] as const

const ATTACH_MS = 20_000

export class Injection {
  readonly #child: ChildProcess
  readonly #log: string | undefined

  private constructor(child: ChildProcess, log: string | undefined) {
    this.#child = child
    this.#log = log
  }

  /** Resolves when the rules hold for every thread of the process and for what it starts from now on. */
  static async begin(pid: number, rules: readonly Rule[], options: InjectOptions = {}): Promise<Injection> {
    const calls = [...new Set(rules.flatMap((rule) => rule.calls))].join(',')
    const injections = rules.flatMap((rule) =>
      rule.effect ? ['-e', `inject=${rule.calls.join(',')}:${rule.effect}`] : [],
    )
    const paths = (options.paths ?? []).flatMap((path) => ['-P', path])
    const log = ['-y', '-o', options.log ?? '/dev/null']
    const args = ['-f', ...log, '-e', `trace=${calls}`, ...paths, ...injections, '-p', String(pid)]
    const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), ATTACH_MS)
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.once('error', (error) => reject(new Error(`strace cannot be run: ${error.message}`)))
      child.once('exit', () => reject(new Error(`strace ended: ${said}`)))
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (/Process \d+ attached/.test(said)) resolve()
      })
    }).finally(() => clearTimeout(timer))
    return new Injection(child, options.log)
  }

  /** The process runs on without it. Returns the lines of the log. */
  async end(): Promise<string[]> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      await ended
    }
    return this.#log === undefined ? [] : (await readFile(this.#log, 'utf8')).split('\n')
  }

  /** The rules hold while `action` runs. */
  static async during<T>(
    pid: number,
    rules: readonly Rule[],
    action: () => Promise<T>,
    options: InjectOptions = {},
  ): Promise<T> {
    const injection = await Injection.begin(pid, rules, options)
    try {
      return await action()
    } finally {
      await injection.end()
    }
  }
}
