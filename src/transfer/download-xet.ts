/**
 * One file from a Xet CAS into an open temporary file, proved before this returns.
 *
 * plan (up to 16 GiB of the file) -> stored ranges, several at once -> chunks, each hashed -> their places in the file.
 * Where the CAS tells the file's chunks (they prove themselves by the file hash) each chunk is compared before it is
 * written; elsewhere, and for a file of which nothing is kept before it is whole, the file hash is folded from all chunks
 * in order. SHA-256 is taken from the written bytes in any
 * case. A range goes on after a break at the chunk it broke in, also in another process; an expired address is asked for anew
 * once for all.
 * Ranges that another file has brought are not fetched again. Whatever does not fit has the whole file fetched once
 * more, all over the network, then it is the user's to know.
 */
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { toAppError } from '../base/error-table.ts'
import { cancelled, planRetry, RETRY_POLICY, type RetryPolicy } from '../base/retry.ts'
import type { ChunkList } from '../xet/chunk-list.ts'
import { RecordDecoder } from '../xet/record-decoder.ts'
import type { FetchJournal } from './fetch-journal.ts'
import { type RangeLane, readHedged } from './hedged-range.ts'
import { type FileClaim, OrderedCheck } from './ordered-check.ts'
import type { TransferWait } from './progress.ts'
import type { RangeCache, RangeCollector } from './range-cache.ts'
import type { Plan, PlanFetch } from './reconstruction-plan.ts'
import type { RemoteCas } from './remote-cas.ts'
import type { StreamPool } from './stream-pool.ts'
import { TermWriter } from './term-writer.ts'

const PLAN_BYTES_MAX = 16 * 1024 ** 3

export interface XetDownload {
  readonly cas: RemoteCas
  readonly claim: FileClaim
  /** Open for reading and writing; what is in it counts as far as the journal tells and it proves right. */
  readonly file: FileHandle
  readonly journal: FetchJournal | null
  /** Shared by all files: how many ranges are fetched at once. */
  readonly streams: StreamPool
  /** Shared by all files: what they have in common. */
  readonly ranges?: RangeCache | undefined
  /** Negative when written bytes were thrown away. */
  readonly onBytes: (bytes: number) => void
  /** Is told before a pause that a failure, or the server's wish, makes. */
  readonly onWait?: ((wait: TransferWait) => void) | undefined
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
      if (attempt === 1) return await new Attempt({ ...job, onBytes }, job.journal !== null).run()
      // Chunk by chunk, so that it can be said what is wrong.
      return await new Attempt({ ...job, onBytes, ranges: undefined }, true).run()
    } catch (error) {
      if (attempt === 2 || !(error instanceof AppError) || error.kind !== 'integrity') throw error
      job.onBytes(-written)
      await job.file.truncate(0)
      await job.journal?.clear()
    }
  }
}

/** What the chunks of one attempt are held against. */
interface Proof {
  readonly known: ChunkList | null
  readonly check: OrderedCheck
}

interface Memory {
  readonly waiting: Buffer
}

class Attempt {
  readonly #job: XetDownload
  readonly #asksList: boolean
  readonly #stop = new AbortController()
  /** Of ranges that other files may want. */
  readonly #collectors: RangeCollector[] = []

  constructor(job: XetDownload, asksList: boolean) {
    this.#job = job
    this.#asksList = asksList
  }

  async run(): Promise<string> {
    const { cas, claim, file, signal } = this.#job
    const onAbort = () => this.#stop.abort(cancelled(signal?.reason))
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    try {
      if ((await file.stat()).size > claim.size) await file.truncate(claim.size)
      const sha256 = await this.#fetchAll(this.#asksList ? await cas.findChunkList(claim.hash, claim.size) : null)
      for (const collector of this.#collectors) collector.keep()
      return sha256
    } finally {
      for (const collector of this.#collectors) collector.drop()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #fetchAll(known: ChunkList | null): Promise<string> {
    const { cas, claim, file } = this.#job
    const check = new OrderedCheck(file, claim, known)
    try {
      let firstChunk = 0
      for (let offset = 0; offset < claim.size; ) {
        const range = { start: offset, end: Math.min(offset + PLAN_BYTES_MAX, claim.size) }
        const plan = await this.#getPlan(range, firstChunk)
        await this.#runPlan(new LivePlan(cas, claim, plan, range.end), { known, check })
        offset += plan.plainLength
        firstChunk += plan.chunkCount
      }
      return await check.finish()
    } finally {
      await check.close()
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

  /** Several fetches at once, in file order; the first failure stops the others before it is thrown. */
  async #runPlan(plan: LivePlan, proof: Proof): Promise<void> {
    const { streams } = this.#job
    let next = 0
    let failure: unknown = null
    const worker = async () => {
      while (next < plan.count && failure === null) {
        const index = next++
        try {
          await streams.runWith((waiting) => this.#fetch(plan, index, { ...proof, waiting }), this.#stop.signal)
        } catch (error) {
          failure ??= error
          this.#stop.abort(cancelled(error))
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(streams.max, plan.count) }, worker))
    if (failure !== null) throw failure
    this.#stop.signal.throwIfAborted()
  }

  async #fetch(plan: LivePlan, index: number, { known, check, waiting }: Proof & Memory): Promise<void> {
    const { file, journal, onBytes, onWait, streams, clock = systemClock, retry = RETRY_POLICY } = this.#job
    let fetch = plan.get(index)
    const writer = await TermWriter.open({ file, fetch, check, known, journal, waiting, onWritten: onBytes })
    const { cached, collector } = this.#lookUp(fetch)
    if (cached !== null) return this.#receive(fetch, writer, [cached.subarray(writer.position - fetch.bytes.start)])
    let refusals = 0
    for (let failures = 0; ; ) {
      const begun = writer.nextChunk
      try {
        await this.#receive(fetch, writer, this.#open(fetch, writer.position, failures > 0), collector)
        return
      } catch (thrown) {
        if (this.#stop.signal.aborted) {
          // What came until now need not come again; the reason to stop is what counts.
          await writer.flush().catch((late: unknown) => late)
          throw this.#stop.signal.reason
        }
        // Only what no attempt had before is progress.
        if (writer.nextChunk > begun) {
          failures = 0
          refusals = 0
        }
        const error = toAppError(thrown)
        if (error.kind === 'forbidden' && refusals++ === 0) {
          fetch = await plan.renew(fetch, index)
          continue
        }
        const delayMs = planRetry(retry, failures++, error, Math.random())
        if (delayMs === null) throw thrown
        if (error.kind === 'rate-limited' || error.kind === 'busy') streams.backOff()
        onWait?.({ error, ms: delayMs })
        await clock.sleep(delayMs, this.#stop.signal)
      }
    }
  }

  #lookUp(fetch: PlanFetch) {
    const { ranges } = this.#job
    const cached = ranges?.find(fetch) ?? null
    const collector = cached === null ? (ranges?.collect(fetch) ?? null) : null
    if (collector !== null) this.#collectors.push(collector)
    return { cached, collector }
  }

  #open(fetch: PlanFetch, start: number, fresh: boolean): AsyncIterable<Uint8Array> {
    const { cas, streams, clock = systemClock } = this.#job
    const open = (lane: RangeLane) => cas.openXorb(fetch, lane)
    const signal = this.#stop.signal
    return readHedged({ open, start, end: fetch.bytes.end, fresh, rates: streams.rates, signal, clock })
  }

  /** The rest of a fetch, from where its writer is. */
  async #receive(
    fetch: PlanFetch,
    writer: TermWriter,
    pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    collector: RangeCollector | null = null,
  ): Promise<void> {
    if (writer.nextChunk < fetch.end) {
      collector?.seek(writer.position - fetch.bytes.start)
      const decoder = new RecordDecoder(writer.nextChunk)
      for await (const piece of pieces) {
        collector?.add(piece)
        decoder.feed(piece)
        for (let chunk = decoder.next(); chunk !== null; chunk = decoder.next()) {
          if (chunk.index >= fetch.end) throw wrongRange(fetch)
          const writing = writer.put(chunk)
          if (writing !== null) await writing
        }
      }
      decoder.finish()
    }
    if (writer.nextChunk !== fetch.end || writer.position !== fetch.bytes.end) throw wrongRange(fetch)
    await writer.flush()
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
