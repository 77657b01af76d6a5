/**
 * One file from a Xet CAS into an open temporary file, proved before this returns.
 *
 * plan (up to 16 GiB of the file) -> stored ranges, several at once -> chunks, each hashed -> their places in the file.
 * Where the CAS tells the file's chunks (they prove themselves by the file hash) each chunk is compared before it is
 * written; elsewhere the file hash is folded from all chunks in order. SHA-256 is taken from the written bytes in any
 * case. A range goes on after a break at the chunk it broke in, also in another process; an expired address is asked for anew
 * once for all.
 * Whatever does not fit has the whole file fetched once more, then it is the user's to know.
 */
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { toAppError } from '../base/error-table.ts'
import { cancelled, planRetry, RETRY_POLICY, type RetryPolicy } from '../base/retry.ts'
import type { Semaphore } from '../base/semaphore.ts'
import type { ChunkList } from '../xet/chunk-list.ts'
import { readXorbChunks } from '../xet/xorb-reader.ts'
import type { FetchJournal } from './fetch-journal.ts'
import { type FileClaim, OrderedCheck } from './ordered-check.ts'
import type { Plan, PlanFetch } from './reconstruction-plan.ts'
import type { RemoteCas } from './remote-cas.ts'
import { TermWriter } from './term-writer.ts'

const PLAN_BYTES_MAX = 16 * 1024 ** 3
const FETCHES_PER_FILE = 8

export interface XetDownload {
  readonly cas: RemoteCas
  readonly claim: FileClaim
  /** Open for reading and writing; what is in it counts as far as the journal tells and it proves right. */
  readonly file: FileHandle
  readonly journal: FetchJournal | null
  /** Shared by all files: how many ranges are fetched at once. */
  readonly streams: Semaphore
  /** Negative when written bytes were thrown away. */
  readonly onBytes: (bytes: number) => void
  readonly signal?: AbortSignal | undefined
  readonly retry?: RetryPolicy
  readonly clock?: Clock
}

/** Returns the file's SHA-256. */
export async function downloadXetFile(job: XetDownload): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    let written = 0
    const onBytes = (bytes: number) => {
      written += bytes
      job.onBytes(bytes)
    }
    try {
      return await new Attempt({ ...job, onBytes }).run()
    } catch (error) {
      if (attempt === 2 || !(error instanceof AppError) || error.kind !== 'integrity') throw error
      job.onBytes(-written)
      await job.file.truncate(0)
      await job.journal?.clear()
    }
  }
}

class Attempt {
  readonly #job: XetDownload
  readonly #check: OrderedCheck
  readonly #stop = new AbortController()

  constructor(job: XetDownload) {
    this.#job = job
    this.#check = new OrderedCheck(job.file)
  }

  async run(): Promise<string> {
    const { cas, claim, file, signal } = this.#job
    const onAbort = () => this.#stop.abort(cancelled(signal?.reason))
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    try {
      if ((await file.stat()).size > claim.size) await file.truncate(claim.size)
      const known = await cas.findChunkList(claim.hash, claim.size)
      let firstChunk = 0
      for (let offset = 0; offset < claim.size; ) {
        const range = { start: offset, end: Math.min(offset + PLAN_BYTES_MAX, claim.size) }
        const plan = await this.#getPlan(range, firstChunk)
        await this.#runPlan(new LivePlan(cas, claim, plan, range.end), known)
        offset += plan.plainLength
        firstChunk += plan.chunkCount
      }
      return this.#check.finish(claim)
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #getPlan(range: { start: number; end: number }, firstChunk: number): Promise<Plan> {
    const { cas, claim } = this.#job
    const plan = await cas.plan(claim.hash, range, firstChunk)
    const end = range.start + plan.plainLength
    if (end < range.end || end > claim.size) {
      const message = `The plan of file ${claim.hash} reaches byte ${end}, the Hub says it has ${claim.size}`
      throw new AppError('integrity', 'PLAN_SIZE_MISMATCH', message)
    }
    return plan
  }

  /** A few fetches at once, in file order; the first failure stops the others before it is thrown. */
  async #runPlan(plan: LivePlan, known: ChunkList | null): Promise<void> {
    let next = 0
    let failure: unknown = null
    const worker = async () => {
      while (next < plan.count && failure === null) {
        const index = next++
        try {
          await this.#job.streams.run(() => this.#fetch(plan, index, known), 1, this.#stop.signal)
        } catch (error) {
          failure ??= error
          this.#stop.abort(cancelled(error))
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(FETCHES_PER_FILE, plan.count) }, worker))
    if (failure !== null) throw failure
    this.#stop.signal.throwIfAborted()
  }

  async #fetch(plan: LivePlan, index: number, known: ChunkList | null): Promise<void> {
    const { file, journal, onBytes, clock = systemClock, retry = RETRY_POLICY } = this.#job
    let fetch = plan.get(index)
    const writer = await TermWriter.open({ file, fetch, check: this.#check, known, journal, onWritten: onBytes })
    let refusals = 0
    for (let failures = 0; ; ) {
      try {
        if (writer.nextChunk < fetch.end) {
          const body = this.#job.cas.openXorb(fetch, writer.position, this.#stop.signal)
          for await (const chunk of readXorbChunks(body, { firstIndex: writer.nextChunk })) {
            if (chunk.index >= fetch.end) throw wrongRange(fetch)
            await writer.put(chunk)
            failures = 0
            refusals = 0
          }
        }
        if (writer.nextChunk !== fetch.end || writer.position !== fetch.bytes.end) throw wrongRange(fetch)
        await writer.flush()
        return
      } catch (thrown) {
        if (this.#stop.signal.aborted) throw this.#stop.signal.reason
        const error = toAppError(thrown)
        if (error.kind === 'forbidden' && refusals++ === 0) {
          fetch = await plan.renew(fetch, index)
          continue
        }
        const delayMs = planRetry(retry, failures++, error, Math.random())
        if (delayMs === null) throw thrown
        await clock.sleep(delayMs, this.#stop.signal)
      }
    }
  }
}

/** A plan whose addresses may expire. All fetches that find out share one new plan, which must be the same but for them. */
class LivePlan {
  readonly #cas: RemoteCas
  readonly #claim: FileClaim
  readonly #range: { start: number; end: number }
  readonly #firstChunk: number
  #fetches: readonly PlanFetch[]
  #renewing: Promise<void> | null = null

  constructor(cas: RemoteCas, claim: FileClaim, plan: Plan, end: number) {
    this.#cas = cas
    this.#claim = claim
    this.#fetches = plan.fetches
    this.#range = { start: plan.terms[0]?.offset ?? 0, end }
    this.#firstChunk = plan.terms[0]?.firstChunk ?? 0
  }

  get count(): number {
    return this.#fetches.length
  }

  get(index: number): PlanFetch {
    return this.#fetches[index] as PlanFetch
  }

  /** The same range under a fresh address, after `stale` was refused. */
  async renew(stale: PlanFetch, index: number): Promise<PlanFetch> {
    if (this.get(index).url === stale.url) {
      this.#renewing ??= this.#replan()
      await this.#renewing
    }
    return this.get(index)
  }

  async #replan(): Promise<void> {
    const { fetches } = await this.#cas.plan(this.#claim.hash, this.#range, this.#firstChunk)
    this.#renewing = null
    const same = (fresh: PlanFetch, i: number) => sameRange(fresh, this.#fetches[i])
    if (fetches.length !== this.#fetches.length || !fetches.every(same)) {
      throw new AppError('integrity', 'PLAN_CHANGED', 'The plan of the file changed while it was fetched')
    }
    this.#fetches = fetches
  }
}

function sameRange(a: PlanFetch, b: PlanFetch | undefined): boolean {
  const sameChunks = a.xorb === b?.xorb && a.start === b.start && a.end === b.end
  return sameChunks && a.bytes.start === b.bytes.start && a.bytes.end === b.bytes.end
}

function wrongRange({ xorb, start, end }: PlanFetch): AppError {
  const message = `The range of xorb ${xorb} that came is not chunks ${start} to ${end}`
  return new AppError('integrity', 'XORB_RANGE_MISMATCH', message)
}
