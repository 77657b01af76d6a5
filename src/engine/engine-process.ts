/**
 * A model in a process of its own. When that process dies, by an assertion of native code, for memory or by a signal,
 * every running request ends with ENGINE_DIED, the server goes on, and the model is loaded again: at once the first
 * time, then later and later. Until then requests are refused with ENGINE_RESTARTING and how long that will take.
 */
import { AppError } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { toAppError } from '../base/error-table.ts'
import { type Log, silentLog } from '../base/log.ts'
import { cancelled, type RetryPolicy, retryDelayMs } from '../base/retry.ts'
import { died, HostLink, type LinkTimes, revive } from './host-link.ts'
import type { EngineName, FromHost, HostCall, HostTask, HostValue } from './host-messages.ts'
import { EventStream } from './scheduling/event-stream.ts'
import type * as seam from './token-engine.ts'
import type { GenerateEvent, GenerateRequest, GeneratorStats, TokenGenerator } from './token-generator.ts'

export interface EngineProcessOptions {
  readonly engine?: EngineName
  readonly model?: seam.ModelOptions
  readonly queueMax?: number
  readonly isDeterministic?: boolean
  /** Bytes that the process may take; a model that needs more is refused. Null: no limit. */
  readonly memoryBytesMax?: number | null
  readonly times?: Partial<LinkTimes>
  readonly restarts?: RetryPolicy
  readonly clock?: Clock
  readonly log?: Log
}

const TIMES: LinkTimes = { loadMs: 1_800_000, pingMs: 500, missesMax: 5, busyMissesMax: 120, endMs: 5_000 }
/** `retries` and `retryAfterMsMax` mean nothing here: it is tried as long as the model is wanted. */
const RESTARTS: RetryPolicy = { retries: 0, firstMs: 100, factor: 4, capMs: 300_000, retryAfterMsMax: 0 }
/** Who lived that long did not die of being started. */
const HEALTHY_MS = 60_000

interface Waiting {
  onEvent?(event: GenerateEvent): void
  onValue?(value: HostValue): void
  onError(error: AppError): void
}

export class EngineProcess implements TokenGenerator {
  readonly #task: HostTask
  readonly #times: LinkTimes
  readonly #restarts: RetryPolicy
  readonly #clock: Clock
  readonly #log: Log
  readonly #closed = new AbortController()
  readonly #waiting = new Map<number, Waiting>()
  readonly #adapters = new Map<string, seam.AdapterOnDisk>()
  #link: HostLink | null = null
  /** Its adapters are attached. */
  #isReady = false
  #loaded: { readonly info: seam.ModelInfo; readonly caps: seam.EngineCaps } | null = null
  #stats = { running: 0, queued: 0 }
  #startedMs = 0
  #deaths = 0
  #nextStartMs = 0
  #ids = 0

  private constructor(weights: seam.WeightsOnDisk, options: EngineProcessOptions) {
    const { engine = 'llama', model = {}, queueMax = null, isDeterministic = false } = options
    const { memoryBytesMax = process.availableMemory() } = options
    const bounded = memoryBytesMax === null ? model : { memoryBytesMax, ...model }
    this.#task = { engine, weights, options: bounded, queueMax, isDeterministic, memoryBytesMax }
    this.#times = { ...TIMES, ...options.times }
    this.#restarts = options.restarts ?? RESTARTS
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silentLog
  }

  /** Loads the model, and fails if it cannot be. The signal ends the loading. */
  static async start(
    weights: seam.WeightsOnDisk,
    options: EngineProcessOptions = {},
    signal?: AbortSignal,
  ): Promise<EngineProcess> {
    const self = new EngineProcess(weights, options)
    if (signal?.aborted) throw cancelled(signal.reason)
    const cancel = () => self.#closed.abort()
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      await self.#startLink()
      return self
    } catch (error) {
      throw signal?.aborted ? cancelled(signal.reason) : error
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** Of the process that computes at the moment. */
  get pid(): number | undefined {
    return this.#link?.pid
  }

  get info(): seam.ModelInfo {
    return this.#known().info
  }

  caps(): seam.EngineCaps {
    return this.#known().caps
  }

  stats(): GeneratorStats {
    return { slotCount: this.info.slotCount, ...this.#stats }
  }

  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent> {
    const id = this.#ids++
    const cancel = () => this.#link?.send({ type: 'cancel', id })
    const stream = new EventStream<GenerateEvent>(() => {
      this.#forget(id)
      cancel()
    })
    const finish = () => {
      this.#forget(id)
      signal?.removeEventListener('abort', cancel)
    }
    this.#ask(
      id,
      (link) => link.send({ type: 'generate', id, request: { ...request, tokens: Array.from(request.tokens) } }),
      {
        onEvent(event) {
          stream.put(event)
          if (event.type !== 'done') return
          finish()
          stream.end()
        },
        onError(error) {
          finish()
          stream.fail(error)
        },
      },
    )
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted) cancel()
    return stream
  }

  async logits(tokens: ArrayLike<number>, adapters: seam.AdapterSet, signal?: AbortSignal): Promise<Float32Array> {
    return (await this.#call({ verb: 'logits', tokens: Array.from(tokens), adapters }, signal)) as Float32Array
  }

  async attachAdapter(adapter: seam.AdapterOnDisk): Promise<void> {
    await this.#call({ verb: 'attach', adapter })
    this.#adapters.set(adapter.id, adapter)
  }

  async detachAdapter(adapterId: string): Promise<void> {
    this.#adapters.delete(adapterId)
    await this.#call({ verb: 'detach', adapterId })
  }

  async embed(sequences: readonly ArrayLike<number>[], pooling: seam.Pooling): Promise<Float32Array[]> {
    const copied = sequences.map((tokens) => Array.from(tokens))
    return (await this.#call({ verb: 'embed', sequences: copied, pooling })) as Float32Array[]
  }

  async tokenize(text: string, options: { readonly special: boolean; readonly addBos: boolean }): Promise<Int32Array> {
    return (await this.#call({ verb: 'tokenize', text, ...options })) as Int32Array
  }

  async pieces(): Promise<Uint8Array[]> {
    return (await this.#call({ verb: 'pieces' })) as Uint8Array[]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    this.#failAll(closed())
    await this.#link?.end()
  }

  #call(call: HostCall, signal?: AbortSignal, isBeforeReady = false): Promise<HostValue> {
    const id = this.#ids++
    const answered = Promise.withResolvers<HostValue>()
    const cancel = () => {
      this.#link?.send({ type: 'cancel', id })
      answered.reject(cancelled(signal?.reason))
    }
    if (signal?.aborted) return Promise.reject(cancelled(signal.reason))
    signal?.addEventListener('abort', cancel, { once: true })
    const waiting = { onValue: answered.resolve, onError: answered.reject }
    this.#ask(id, (link) => link.send({ type: 'call', id, call }), waiting, isBeforeReady)
    return answered.promise.finally(() => {
      this.#forget(id)
      signal?.removeEventListener('abort', cancel)
    })
  }

  #ask(id: number, send: (link: HostLink) => void, waiting: Waiting, isBeforeReady = false): void {
    const link = this.#link
    if (this.#closed.signal.aborted) waiting.onError(closed())
    else if (link === null || link.isOver || !(this.#isReady || isBeforeReady)) waiting.onError(this.#restarting())
    else {
      this.#waiting.set(id, waiting)
      send(link)
    }
  }

  #forget(id: number): void {
    this.#waiting.delete(id)
  }

  #take(message: FromHost): void {
    if (message.type === 'pong') this.#stats = { running: message.running, queued: message.queued }
    else if (message.type === 'event') this.#waiting.get(message.id)?.onEvent?.(message.event)
    else if (message.type === 'value') this.#waiting.get(message.id)?.onValue?.(message.value)
    else if (message.type === 'failed') this.#waiting.get(message.id)?.onError(revive(message.error))
  }

  #failAll(error: AppError): void {
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    this.#stats = { running: 0, queued: 0 }
    for (const { onError } of all) onError(error)
  }

  async #startLink(): Promise<void> {
    const events = {
      onMessage: (message: FromHost) => this.#take(message),
      // A call is done at once and whole; tokens are computed beside what the process says, but for the plain driver.
      isBusy: () => this.#task.engine === 'reference' || [...this.#waiting.values()].some(({ onValue }) => onValue),
      onEnd: (reason: string) => this.#onEnd(reason),
    }
    const link = new HostLink(events, this.#times, this.#clock)
    // Whoever waits for a model that is not wanted any more waits no longer.
    const unwanted = () => link.kill('it is not wanted any more')
    this.#closed.signal.addEventListener('abort', unwanted, { once: true })
    try {
      this.#loaded = await link.load(this.#task)
    } catch (error) {
      await link.end()
      throw error
    } finally {
      this.#closed.signal.removeEventListener('abort', unwanted)
    }
    this.#startedMs = this.#clock.monotonicMs()
    this.#link = link
    for (const warning of this.info.warnings ?? []) this.#log.warn({ path: this.#task.weights.path }, warning)
    // Ended meanwhile, or not wanted any more.
    if (this.#closed.signal.aborted) await link.end()
    for (const adapter of this.#adapters.values()) await this.#attachAgain(adapter)
    this.#isReady = !link.isOver
  }

  async #attachAgain(adapter: seam.AdapterOnDisk): Promise<void> {
    try {
      await this.#call({ verb: 'attach', adapter }, undefined, true)
    } catch (thrown) {
      const error = toAppError(thrown)
      // Died again meanwhile: the next start attaches it.
      if (error.kind === 'busy') return
      this.#adapters.delete(adapter.id)
      this.#log.warn({ adapter: adapter.id, code: error.code }, 'an adapter is not attached again')
    }
  }

  #onEnd(reason: string): void {
    this.#isReady = false
    if (this.#closed.signal.aborted) return
    const livedMs = this.#clock.monotonicMs() - this.#startedMs
    this.#deaths = livedMs > HEALTHY_MS ? 1 : this.#deaths + 1
    const error = died(reason, 'during the request')
    this.#log.error({ path: this.#task.weights.path, reason, deaths: this.#deaths }, "the engine's process ended")
    void this.#restart()
    this.#failAll(new AppError(error.kind, error.code, error.message, { data: { retryAfterMs: this.#retryAfterMs() } }))
  }

  async #restart(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      const delayMs = retryDelayMs(this.#restarts, this.#deaths - 1)
      this.#nextStartMs = this.#clock.monotonicMs() + delayMs
      try {
        await this.#clock.sleep(delayMs, this.#closed.signal)
        await this.#startLink()
        this.#log.info({ path: this.#task.weights.path }, 'the model is loaded again')
        return
      } catch (error) {
        if (this.#closed.signal.aborted) return
        this.#deaths++
        this.#log.error(
          { path: this.#task.weights.path, message: toAppError(error).message },
          'the model is not loaded again',
        )
      }
    }
  }

  #restarting(): AppError {
    const message = "The engine's process ended and the model is being loaded again: try again soon"
    return new AppError('busy', 'ENGINE_RESTARTING', message, { data: { retryAfterMs: this.#retryAfterMs() } })
  }

  #retryAfterMs(): number {
    return Math.max(1_000, this.#nextStartMs - this.#clock.monotonicMs())
  }

  #known(): { readonly info: seam.ModelInfo; readonly caps: seam.EngineCaps } {
    if (this.#loaded === null)
      throw new AppError('bug', 'ENGINE_MISUSED', 'The engine was asked before its model was loaded')
    return this.#loaded
  }
}

function closed(): AppError {
  return new AppError('busy', 'ENGINE_CLOSED', 'The model is being unloaded')
}
