/**
 * Many requests on one model: every call of the driver serves all that can go forward together, and a request joins or
 * leaves between any two calls. Requests wait in order, their queue is bounded. A beginning that a slot holds already is
 * not computed again (slots.ts), a long prompt comes in pieces (batch-plan.ts), and when the context of all is used up,
 * the youngest goes back to the head of the queue and is computed again later.
 *
 * The driver has one user: between calls, one at a time, also adapters are attached, vectors made and so on (`#jobs`).
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '../../base/app-error.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { toAppError } from '../../base/error-table.ts'
import { Sampler } from '../sampling/sampler.ts'
import type * as seam from '../token-engine.ts'
import type { GenerateEvent, GenerateRequest, GeneratorStats, TokenGenerator } from '../token-generator.ts'
import { allLogits, type LogitsRoom } from './all-logits.ts'
import { type Part, planBatch } from './batch-plan.ts'
import { CallPace } from './call-pace.ts'
import { checkRequest, sequenceTokensMax } from './check-request.ts'
import { EventStream } from './event-stream.ts'
import { Sequence } from './sequence.ts'
import { type Slot, Slots } from './slots.ts'

export interface SchedulerOptions {
  /** Requests that wait; further ones are refused. */
  readonly queueMax?: number
  /** Results do not depend on what runs beside them, to the last bit: slower, and without the prefix cache. */
  readonly isDeterministic?: boolean
  /** How long a call should last at most while others wait. */
  readonly callMs?: number
  readonly clock?: Clock
}

interface JobNeeds {
  readonly isReady?: () => boolean
  /** Needs an idle slot: until it has one, nobody else takes one. */
  readonly needsSlot?: boolean
}

interface Job extends Required<JobNeeds> {
  run(): Promise<void>
}

const QUEUE_MAX = 64
const CALL_MS = 250
/** Who is alone may take longer calls: they can be aborted. */
const ALONE_FACTOR = 4
/** Room that a request should find for the beginning of its answer. */
const ANSWER_ROOM_TOKENS = 32
const RETRY_MS = { min: 1_000, max: 60_000, first: 5_000 }

export class Scheduler implements TokenGenerator {
  readonly info: seam.ModelInfo
  readonly #model: seam.TokenModel
  readonly #options: Required<SchedulerOptions>
  readonly #slots: Slots
  readonly #pace: CallPace
  readonly #queue: Sequence[] = []
  readonly #seated = new Set<Sequence>()
  readonly #jobs: Job[] = []
  readonly #adapters = new Set<string>()
  #working: Promise<void> | null = null
  #isWorking = false
  #isClosed = false
  #calls = 0
  #meanRequestMs: number = RETRY_MS.first

  constructor(model: seam.TokenModel, options: SchedulerOptions = {}) {
    const { queueMax = QUEUE_MAX, isDeterministic = false, callMs = CALL_MS, clock = systemClock } = options
    this.info = model.info
    this.#model = model
    this.#options = { queueMax, isDeterministic, callMs, clock }
    this.#slots = new Slots(model.info.slotCount)
    this.#pace = new CallPace(callMs)
  }

  caps(): seam.EngineCaps {
    return this.#model.caps()
  }

  stats(): GeneratorStats {
    return { slotCount: this.info.slotCount, running: this.#seated.size, queued: this.#queue.length }
  }

  /** Waits from here on. What is wrong with it, and `rate-limited` QUEUE_FULL, is thrown by the first `next()`. */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterableIterator<GenerateEvent> {
    let sequence: Sequence | null = null
    const cancel = () => {
      if (sequence !== null) this.#cancel(sequence)
    }
    const stream = new EventStream<GenerateEvent>(cancel)
    try {
      if (this.#isClosed) throw closed()
      checkRequest(request, { info: this.info, caps: this.caps(), hasAdapter: (id) => this.#adapters.has(id) })
      if (this.#queue.length >= this.#options.queueMax) throw this.#queueFull()
    } catch (error) {
      stream.fail(error)
      return stream
    }
    const sampler = new Sampler(request.sampling, Array.from(request.tokens))
    const tokensMax = sequenceTokensMax(this.info)
    sequence = new Sequence({ request, sampler, stream, nowMs: this.#nowMs(), tokensMax })
    this.#queue.push(sequence)
    signal?.addEventListener('abort', cancel, { once: true, signal: sequence.stop.signal })
    if (signal?.aborted) cancel()
    this.#wake()
    return stream
  }

  logits(tokens: ArrayLike<number>, adapters: seam.AdapterSet, signal?: AbortSignal): Promise<Float32Array> {
    const room: LogitsRoom = {
      takeSlot: async () => {
        await this.#makeRoom(tokens.length)
        const slot = this.#slots.plan({ tokens: [], adapterKey: '', usesCache: false, canCopy: false })?.slot as Slot
        await this.#truncate(slot, 0)
        return slot.index
      },
      hasAdapter: (id) => this.#adapters.has(id),
    }
    const { contextTokens } = this.info
    const isReady = () => this.#slots.hasIdle() && (this.#fits(tokens.length) || tokens.length > contextTokens)
    return this.#exclusive(() => allLogits(this.#model, { tokens, adapters, signal, room }), {
      isReady,
      needsSlot: true,
    })
  }

  async attachAdapter(adapter: seam.AdapterOnDisk): Promise<void> {
    await this.#exclusive(() => this.#model.attachAdapter(adapter))
    this.#adapters.add(adapter.id)
  }

  /** Requests that use it finish first; new ones are refused at once. */
  async detachAdapter(id: string): Promise<void> {
    this.#adapters.delete(id)
    const uses = ({ request }: Sequence) => request.adapters.some((adapter) => adapter.id === id)
    const isReady = () => ![...this.#queue, ...this.#seated].some(uses)
    const detach = async () => {
      // Attached again meanwhile: it stays.
      if (!this.#adapters.has(id)) await this.#model.detachAdapter(id)
    }
    await this.#exclusive(detach, { isReady })
  }

  embed(sequences: readonly ArrayLike<number>[], pooling: seam.Pooling): Promise<Float32Array[]> {
    return this.#exclusive(() => this.#model.embed(sequences, pooling))
  }

  tokenize(text: string, options: { readonly special: boolean; readonly addBos: boolean }): Promise<Int32Array> {
    return this.#exclusive(() => this.#model.tokenize(text, options))
  }

  pieces(): Promise<Uint8Array[]> {
    return this.#exclusive(() => this.#model.pieces())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    for (const sequence of [...this.#queue, ...this.#seated]) {
      sequence.stream.fail(closed())
      sequence.stop.abort()
    }
    this.#queue.length = 0
    await this.#working
    await this.#model[Symbol.asyncDispose]()
  }

  #cancel(sequence: Sequence): void {
    if (!sequence.isOver) sequence.end('abort', this.#nowMs())
    const place = this.#queue.indexOf(sequence)
    if (place !== -1) this.#queue.splice(place, 1)
    sequence.stop.abort()
  }

  #exclusive<T>(task: () => Promise<T>, { isReady, needsSlot = false }: JobNeeds = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = () => task().then(resolve, reject)
      if (this.#isClosed) reject(closed())
      else this.#jobs.push({ isReady: () => isReady?.() !== false || this.#isClosed, needsSlot, run })
      this.#wake()
    })
  }

  #wake(): void {
    if (this.#isWorking) return
    this.#isWorking = true
    this.#working = this.#work()
  }

  async #work(): Promise<void> {
    try {
      while (this.#queue.length + this.#seated.size + this.#jobs.length > 0) await this.#turn()
    } catch (error) {
      this.#failAll(toAppError(error))
    } finally {
      this.#isWorking = false
    }
  }

  async #turn(): Promise<void> {
    // Signals, messages and other requests come in between two calls, also of a driver that never waits.
    await nextTurn()
    this.#releaseEnded()
    await this.#runJob()
    await this.#seatQueued()
    await this.#forward(await this.#makeRoomFor(this.#plan()))
    this.#releaseEnded()
  }

  /** The driver does not even move caches: nothing can go on, and what the slots hold is not known any more. */
  #failAll(error: AppError): void {
    for (const sequence of [...this.#queue.splice(0), ...this.#seated]) sequence.stream.fail(error)
    this.#releaseEnded()
    for (const slot of this.#slots.all) slot.held.length = 0
  }

  #releaseEnded(): void {
    for (const sequence of this.#seated) if (sequence.isOver) this.#unseat(sequence)
  }

  #unseat(sequence: Sequence): void {
    this.#seated.delete(sequence)
    if (sequence.slot !== null) this.#slots.release(sequence.slot)
    sequence.slot = null
    sequence.stop.abort()
  }

  async #runJob(): Promise<void> {
    const place = this.#jobs.findIndex((job) => job.isReady())
    const [job] = place === -1 ? [] : this.#jobs.splice(place, 1)
    await job?.run()
  }

  async #seatQueued(): Promise<void> {
    if (this.#jobs.some(({ needsSlot }) => needsSlot)) return
    for (let next = this.#queue[0]; next !== undefined && this.#slots.hasIdle(); next = this.#queue[0]) {
      const { isDeterministic } = this.#options
      const answer = isDeterministic ? next.request.tokenCountMax : ANSWER_ROOM_TOKENS
      if (this.#seated.size > 0 && !this.#fits(next.tokens.length + answer)) return
      this.#queue.shift()
      await this.#seat(next)
    }
  }

  /** Beside what those in slots have now; deterministic ones keep the room of their whole answer. */
  #fits(tokenCount: number): boolean {
    let taken = 0
    for (const { request, tokens, promptTokens } of this.#seated) {
      taken += this.#options.isDeterministic ? promptTokens + request.tokenCountMax : tokens.length
    }
    return taken + tokenCount <= this.info.contextTokens
  }

  async #seat(sequence: Sequence): Promise<void> {
    const { tokens, adapterKey } = sequence
    const canCopy = this.caps().slotCopy
    const plan = this.#slots.plan({ tokens, adapterKey, canCopy, usesCache: !this.#options.isDeterministic })
    if (plan === null) throw new Error('no idle slot')
    const { slot, donor, cachedTokens } = plan
    this.#slots.take(slot)
    this.#seated.add(sequence)
    sequence.slot = slot
    let kept = 0
    if (donor === null || donor === slot) kept = await this.#truncate(slot, cachedTokens)
    else {
      kept = await this.#model.copySlot({ from: donor.index, to: slot.index, tokenCount: cachedTokens })
      slot.held = donor.held.slice(0, kept)
    }
    slot.adapterKey = adapterKey
    sequence.seat(slot, Math.min(kept, sequence.promptTokens), this.#nowMs())
  }

  async #truncate(slot: Slot, tokenCount: number): Promise<number> {
    const kept = await this.#model.truncateSlot(slot.index, tokenCount)
    slot.held.length = kept
    return kept
  }

  #plan(): Part[] {
    const others = this.#queue.length + this.#seated.size
    const tokensMax = this.#pace.tokensMax * (others > 1 ? 1 : ALONE_FACTOR)
    const { batchTokensMax } = this.caps()
    const { isDeterministic } = this.#options
    return planBatch([...this.#seated], { batchTokensMax, promptTokensMax: tokensMax, isDeterministic })
  }

  /** Empties idle slots, then sends the youngest back into the queue, until the parts that are left fit. */
  async #makeRoomFor(parts: readonly Part[]): Promise<readonly Part[]> {
    let left = parts
    for (;;) {
      const wanted = left.reduce((sum, { tokenCount }) => sum + tokenCount, 0)
      if (await this.#makeRoom(wanted)) return left
      const youngest = [...this.#seated].at(-1)
      if (youngest?.slot == null) return left
      await this.#truncate(youngest.slot, 0)
      this.#slots.release(youngest.slot)
      youngest.slot = null
      this.#seated.delete(youngest)
      this.#queue.unshift(youngest)
      left = left.filter(({ sequence }) => sequence !== youngest)
    }
  }

  async #makeRoom(tokenCount: number): Promise<boolean> {
    while (this.#slots.heldTokens + tokenCount > this.info.contextTokens) {
      const oldest = this.#slots.oldestCache()
      if (oldest === null) return false
      await this.#truncate(oldest, 0)
    }
    return true
  }

  async #forward(parts: readonly Part[]): Promise<void> {
    const [first] = parts
    if (first === undefined) return
    const steps = parts.map(stepOf)
    const startedMs = this.#nowMs()
    let rows: readonly Float32Array[]
    try {
      rows = await this.#model.decode(steps, parts.length === 1 ? first.sequence.stop.signal : undefined)
    } catch (error) {
      // Whose fault it is shows when each goes alone; nobody else may suffer for it.
      if (parts.length > 1) for (const part of parts) await this.#forward([part])
      else if (!first.sequence.isOver) first.sequence.stream.fail(toAppError(error))
      return
    }
    const nowMs = this.#nowMs()
    this.#learn(parts, nowMs - startedMs)
    for (const [i, { sequence }] of parts.entries()) {
      const step = steps[i] as seam.DecodeStep
      for (const token of step.tokens as number[]) sequence.slot?.held.push(token)
      sequence.lastServed = ++this.#calls
      if (step.logits === 'last' && !sequence.isOver) this.#take(sequence, rows[i] as Float32Array, nowMs)
    }
  }

  #take(sequence: Sequence, logits: Float32Array, nowMs: number): void {
    try {
      sequence.take(logits, nowMs)
    } catch (error) {
      sequence.stream.fail(toAppError(error))
    }
    if (sequence.isOver) this.#meanRequestMs = this.#meanRequestMs * 0.8 + sequence.seatedMs(nowMs) * 0.2
  }

  #learn(parts: readonly Part[], ms: number): void {
    const tokenCount = parts.reduce((sum, part) => sum + part.tokenCount, 0)
    if (tokenCount > parts.length) this.#pace.learn(tokenCount, ms)
  }

  #queueFull(): AppError {
    const waitMs = (this.#meanRequestMs * this.#options.queueMax) / this.info.slotCount
    const retryAfterMs = Math.round(Math.min(Math.max(waitMs, RETRY_MS.min), RETRY_MS.max))
    const message = `${this.#queue.length} requests wait for this model already: try again in ${Math.ceil(retryAfterMs / 1000)} s`
    return new AppError('rate-limited', 'QUEUE_FULL', message, { data: { retryAfterMs } })
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs()
  }
}

function stepOf({ sequence, tokenCount }: Part): seam.DecodeStep {
  const slot = sequence.slot as Slot
  const from = slot.held.length
  const tokens = sequence.tokens.slice(from, from + tokenCount)
  const logits = from + tokenCount === sequence.tokens.length ? 'last' : 'none'
  return { slot: slot.index, tokens, adapters: sequence.request.adapters, logits }
}

function closed(): AppError {
  return new AppError('busy', 'ENGINE_CLOSED', 'The model is being unloaded: ask again')
}
