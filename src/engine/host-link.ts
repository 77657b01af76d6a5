/** One life of an engine's process, seen from the server: its messages, its end, and what to do when it hangs. */
import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { finished } from 'node:stream/promises'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { FromHost, HostError, HostTask, ToHost } from './host-messages.ts'
import type { EngineCaps, ModelInfo } from './token-engine.ts'

export interface LinkEvents {
  onMessage(message: FromHost): void
  /** What it was asked may keep it from answering pings. */
  isBusy(): boolean
  /** Once, however it ended. */
  onEnd(reason: string): void
}

export interface LinkTimes {
  readonly loadMs: number
  readonly pingMs: number
  /** Pings without a word, after which it hangs. */
  readonly missesMax: number
  /** The same while it does what it cannot do beside answering, such as attaching an adapter. */
  readonly busyMissesMax: number
  readonly endMs: number
}

/** Of the server's environment the engine sees only what libraries and devices ask for. */
const ENVIRONMENT = /^(PATH|HOME|TMPDIR|LANG|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|SystemRoot|TEMP|CUDA_.*|GGML_.*|HIP_.*)$/
const LAST_WORDS_CHARS = 2_000
/** A checkout runs sources, the package compiled code. */
const ENTRY = new URL(`./engine-host${extname(import.meta.filename)}`, import.meta.url)

export class HostLink {
  readonly #child: ChildProcess
  #events: LinkEvents
  readonly #clock: Clock
  readonly #times: LinkTimes
  readonly #ended = Promise.withResolvers<void>()
  readonly #over = new AbortController()
  #hasSpoken = false
  #lastWords = ''
  #killedFor: string | null = null

  constructor(events: LinkEvents, times: LinkTimes, clock: Clock) {
    this.#events = events
    this.#times = times
    this.#clock = clock
    const kept = Object.entries(process.env).filter(([name]) => ENVIRONMENT.test(name))
    this.#child = fork(ENTRY, [], {
      serialization: 'advanced',
      // Its objects are few and live shortly: more room for them would only be taken, never used.
      execArgv: ['--max-semi-space-size=2'],
      env: Object.fromEntries(kept),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS_CHARS)
    })
    this.#child.on('message', (message: FromHost) => {
      this.#hasSpoken = true
      if (!this.isOver) this.#events.onMessage(message)
    })
    // The last words may come after the end.
    this.#child.once('exit', async (code, signal) => {
      if (this.#child.stderr !== null) await finished(this.#child.stderr).catch((reason: unknown) => reason)
      this.#end(String(signal ?? `exit code ${code}`))
    })
    this.#child.once('error', (error) => this.#end(error.message))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isOver(): boolean {
    return this.#over.signal.aborted
  }

  /** Resolves when the model is loaded. */
  async load(task: HostTask): Promise<{ info: ModelInfo; caps: EngineCaps }> {
    const later = this.#events
    const answered = Promise.withResolvers<{ info: ModelInfo; caps: EngineCaps }>()
    this.#events = {
      onMessage(message) {
        if (message.type === 'loaded') answered.resolve(message)
        else if (message.type === 'not-loaded') answered.reject(revive(message.error))
      },
      isBusy: () => true,
      onEnd: (reason) => answered.reject(died(reason, 'while it loaded the model')),
    }
    const gaveUp = new AbortController()
    void this.#clock.sleep(this.#times.loadMs, gaveUp.signal).then(
      () => this.kill(`it did not load the model within ${this.#times.loadMs} ms`),
      (reason: unknown) => reason,
    )
    try {
      this.send({ type: 'load', task })
      const loaded = await answered.promise
      this.#events = later
      void this.#watch()
      return loaded
    } finally {
      gaveUp.abort()
    }
  }

  send(message: ToHost): void {
    // What cannot be sent was said to a process that has ended, of which `exit` tells.
    if (!this.isOver && this.#child.connected) this.#child.send(message, () => undefined)
  }

  kill(why: string): void {
    this.#killedFor ??= why
    this.#child.kill('SIGKILL')
  }

  /** Ends it and waits for that. */
  async end(): Promise<void> {
    if (this.isOver) return
    if (this.#child.connected) this.#child.disconnect()
    const patience = new AbortController()
    void this.#clock.sleep(this.#times.endMs, patience.signal).then(
      () => this.kill('it did not end'),
      (reason: unknown) => reason,
    )
    await this.#ended.promise
    patience.abort()
  }

  /**
   * A process that answers nothing any more, stopped or stuck, is ended. What counts are pings, not time: a server that
   * was itself held up, with the machine perhaps, has heard nothing because it did not listen.
   */
  async #watch(): Promise<void> {
    const { pingMs, missesMax, busyMissesMax } = this.#times
    let misses = 0
    while (!this.isOver) {
      this.#hasSpoken = false
      this.send({ type: 'ping' })
      await this.#clock.sleep(pingMs, this.#over.signal).catch((reason: unknown) => reason)
      misses = this.#hasSpoken ? 0 : misses + 1
      const most = this.#events.isBusy() ? busyMissesMax : missesMax
      if (!this.isOver && misses >= most) this.kill(`it answered nothing for ${misses * pingMs} ms`)
    }
  }

  #end(how: string): void {
    if (this.isOver) return
    this.#over.abort()
    this.#ended.resolve()
    const words = this.#lastWords.trim().split('\n').slice(-3).join(' ').slice(-500)
    this.#events.onEnd([this.#killedFor ?? how, words].filter((text) => text !== '').join(': '))
  }
}

export function died(reason: string, when: string): AppError {
  return new AppError('busy', 'ENGINE_DIED', `The engine's process ended ${when}: ${reason}`)
}

export function revive({ kind, code, message, data }: HostError): AppError {
  return new AppError(kind, code, message, { data })
}
