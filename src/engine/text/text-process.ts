/**
 * A model's text in a process of its own: its template and its tokenizer come from strangers, may run for ever or eat
 * memory, and neither a thread nor a check before holds them. One task at a time, each with a deadline; a process that
 * misses it, or dies of its memory, is ended and the next task starts another.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { AppError, systemCode } from '../../base/app-error.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { cancelled } from '../../base/retry.ts'
import { Semaphore } from '../../base/semaphore.ts'
import type { FromTextHost, ModelTextInfo, TextSource, TextTask, TextValue, ToTextHost } from './text-messages.ts'
import { TOKENIZER_BYTES_MAX } from './tokenizer-limits.ts'

export interface TextLimits {
  readonly loadMs: number
  readonly renderMs: number
  readonly encodeMs: number
  readonly textCharsMax: number
  /** Tasks that may wait; further ones are refused. */
  readonly waitingMax: number
  /** Beside what the tokenizer's size asks for. */
  readonly heapMiB: number
}

export const TEXT_LIMITS: TextLimits = {
  loadMs: 60_000,
  renderMs: 1_000,
  encodeMs: 10_000,
  textCharsMax: 16 * 1024 * 1024,
  waitingMax: 64,
  heapMiB: 192,
}

export interface TextProcessOptions {
  readonly limits?: Partial<TextLimits>
  readonly clock?: Clock
}

/** JSON, vocabulary and merges as objects, in relation to the file. */
const HEAP_PER_TOKENIZER_BYTE = 12
const MIB = 1024 * 1024
/** A checkout runs sources, the package compiled code. */
const ENTRY = new URL(`./text-host${extname(import.meta.filename)}`, import.meta.url)

export class TextProcess implements AsyncDisposable {
  readonly #source: TextSource
  readonly #limits: TextLimits
  readonly #clock: Clock
  readonly #turns = new Semaphore(1)
  #host: TextHost | null = null
  #ids = 0
  #isClosed = false
  #info: ModelTextInfo | null = null

  private constructor(source: TextSource, { limits, clock = systemClock }: TextProcessOptions) {
    this.#source = source
    this.#limits = { ...TEXT_LIMITS, ...limits }
    this.#clock = clock
  }

  /** Reads the model's files, and fails if they cannot be used. */
  static async start(source: TextSource, options: TextProcessOptions = {}): Promise<TextProcess> {
    const self = new TextProcess(source, options)
    try {
      self.#host = await self.#startHost()
      return self
    } catch (error) {
      await self[Symbol.asyncDispose]()
      throw error
    }
  }

  get info(): ModelTextInfo {
    if (this.#info === null) throw new Error('not started')
    return this.#info
  }

  /** The id of the process that does the work at the moment. */
  get pid(): number | undefined {
    return this.#host?.pid
  }

  /** The conversation as the model's template writes it. `variables` has `messages` and what else the template knows. */
  async render(variables: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<string> {
    const task: TextTask = { verb: 'render', variables, nowMs: this.#clock.nowMs() }
    return (await this.#run(task, this.#limits.renderMs, signal)) as string
  }

  /** Text as tokens; `addSpecial` adds what the model wants around any text. */
  async encode(text: string, { addSpecial }: { addSpecial: boolean }, signal?: AbortSignal): Promise<number[]> {
    if (text.length > this.#limits.textCharsMax) {
      const message = `The text has ${text.length} characters; at most ${this.#limits.textCharsMax} are taken`
      throw new AppError('too-large', 'TEXT_TOO_LONG', message)
    }
    return (await this.#run({ verb: 'encode', text, addSpecial }, this.#limits.encodeMs, signal)) as number[]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#host?.end()
    this.#host = null
  }

  async #run(task: TextTask, deadlineMs: number, signal?: AbortSignal): Promise<TextValue> {
    if (this.#turns.waiting >= this.#limits.waitingMax) {
      throw new AppError('rate-limited', 'TEXT_BUSY', 'Too many texts wait for this model: try again soon', {
        data: { retryAfterMs: 1000 },
      })
    }
    let release: () => void
    try {
      release = await this.#turns.acquire(1, signal)
    } catch (reason) {
      throw cancelled(reason)
    }
    try {
      const host = this.#host === null || this.#host.isOver ? await this.#startHost() : this.#host
      return await this.#ask(host, task, deadlineMs)
    } finally {
      release()
    }
  }

  async #startHost(): Promise<TextHost> {
    if (this.#isClosed) throw new AppError('busy', 'TEXT_CLOSED', 'The model is being unloaded')
    const host = new TextHost(await this.#heapMiB())
    this.#host = host
    try {
      const info = await this.#ask(host, { verb: 'load', source: this.#source }, this.#limits.loadMs)
      this.#info ??= info as ModelTextInfo
      return host
    } catch (error) {
      await host.end()
      throw error
    }
  }

  async #ask(host: TextHost, task: TextTask, deadlineMs: number): Promise<TextValue> {
    const answered = new AbortController()
    void this.#clock.sleep(deadlineMs, answered.signal).then(
      () => host.kill(costly(task, `it takes longer than ${deadlineMs} ms`)),
      (reason: unknown) => reason,
    )
    try {
      return await host.ask({ id: this.#ids++, task, deadlineMs })
    } catch (error) {
      throw error instanceof HostEnded ? explainEnd(task, error) : error
    } finally {
      answered.abort()
    }
  }

  async #heapMiB(): Promise<number> {
    const { kind, path } = this.#source
    // Of a GGUF file only the header is read, up to the size that a tokenizer.json may have.
    const bytes = Math.min(
      await sizeIfThere(kind === 'gguf' ? path : join(path, 'tokenizer.json')),
      TOKENIZER_BYTES_MAX,
    )
    return this.#limits.heapMiB + Math.ceil((bytes * HEAP_PER_TOKENIZER_BYTE) / MIB)
  }
}

async function sizeIfThere(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    // The process that reads it says so.
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
}

function costly(task: TextTask, why: string): AppError {
  const what = { load: 'tokenizer', render: 'chat template', encode: 'tokenizer' }[task.verb]
  return new AppError('malformed', 'TEXT_TOO_COSTLY', `The model's ${what} was stopped: ${why}`)
}

/** The process ended without being told to. */
class HostEnded extends Error {
  readonly by: string

  constructor(by: string) {
    super(`ended by ${by}`)
    this.by = by
  }
}

function explainEnd(task: TextTask, { by }: HostEnded): AppError {
  // So V8 ends a process whose heap is full; Node passes it on as exit code 134 where it can.
  if (by === 'SIGABRT' || by === '134') return costly(task, 'it needs more memory than it may')
  const message = `The process that does the model's text ended (${by}): try again`
  return new AppError('busy', 'TEXT_PROCESS_DIED', message)
}

interface Waiting {
  readonly id: number
  resolve(value: TextValue): void
  reject(error: Error): void
}

class TextHost {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #waiting: Waiting | null = null
  #killedFor: Error | null = null
  #isOver = false

  constructor(heapMiB: number) {
    this.#child = fork(ENTRY, [], {
      serialization: 'advanced',
      // Reading is all it may do, and of the environment it sees nothing.
      execArgv: [`--max-old-space-size=${heapMiB}`, '--permission', '--allow-fs-read=*'],
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#child.on('message', (answer: FromTextHost) => this.#take(answer))
    this.#ended = new Promise((resolve) => {
      const onEnd = (why: Error) => {
        this.#isOver = true
        this.#waiting?.reject(this.#killedFor ?? why)
        this.#waiting = null
        resolve()
      }
      this.#child.once('exit', (code, signal) => onEnd(new HostEnded(String(signal ?? code))))
      this.#child.once('error', onEnd)
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  ask(message: ToTextHost): Promise<TextValue> {
    return new Promise((resolve, reject) => {
      this.#waiting = { id: message.id, resolve, reject }
      // What cannot be sent was said to a process that has ended, of which `exit` tells.
      this.#child.send(message, () => undefined)
    })
  }

  /** Fails what it is doing with `why`. */
  kill(why: Error): void {
    this.#killedFor = why
    this.#isOver = true
    this.#waiting?.reject(why)
    this.#waiting = null
    this.#child.kill('SIGKILL')
  }

  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #take({ id, value, error }: FromTextHost): void {
    const waiting = this.#waiting
    if (waiting?.id !== id) return
    this.#waiting = null
    if (error === undefined) waiting.resolve(value as TextValue)
    else waiting.reject(new AppError(error.kind, error.code, error.message))
  }
}
