/**
 * A Xet CAS over HTTP: plans of files, stored ranges, chunk queries, uploads. Xorb bytes are fetched without credentials,
 * because their address carries its own right. Everything else goes with the CAS token, renewed once when refused.
 */
import { randomUUID } from 'node:crypto'
import { AppError } from '../base/app-error.ts'
import type { ByteRange } from '../base/byte-range.ts'
import { readWhole } from '../base/http-body.ts'
import { type HttpClient, type HttpReply, type HttpRequest, pieces } from '../base/http-client.ts'
import { ChunkList } from '../xet/chunk-list.ts'
import { CHUNK_PLAIN_BYTES_MIN, SHARD_BODY_BYTES_MAX } from '../xet/constants.ts'
import type { ChunkHash, FileHash, XorbHash } from '../xet/hash.ts'
import { fileHashOfLists } from '../xet/merkle.ts'
import type { RangeLane } from './hedged-range.ts'
import type { XetToken } from './hub-client.ts'
import { type Plan, type PlanFetch, type PlanStart, parsePlan } from './reconstruction-plan.ts'
import { readShardReply } from './shard-reply.ts'
import type { XetSession } from './xet-session.ts'

/** Time a server may take to check an upload before it answers. */
const CHECKING_MS = 10 * 60_000
/** A chunk query spares bytes only when it is quick. */
const QUERY_MS = 5000
/** So many failures one after another, and the CAS is not asked again. */
const QUERY_FAILURES_MAX = 3
const LIST_PAIR_BYTES = 36
/** A range that takes longer than at 4 KiB/s is fetched over another connection. */
const RANGE_MS_MIN = 60_000
const RANGE_BYTES_PER_MS_MIN = 4.096
/** What a server takes in one shard: 72 MiB of list, whatever the file's size. */
const ODD_CHUNKS_MAX = 2 ** 21
/** How our own server names its CAS: only there is it worth asking for our extensions. */
const OWN_CAS = /\/cas\/[^/]+\/[^/]+$/

export interface RemoteCasOptions {
  readonly http: HttpClient
  readonly session: XetSession
  readonly signal?: AbortSignal | undefined
}

export class RemoteCas {
  readonly #http: HttpClient
  readonly #session: XetSession
  readonly #signal: AbortSignal | undefined
  readonly #sessionId = randomUUID()
  #planVersion: 1 | 2 = 2
  #hasV2Shards = true
  #queryFailures = 0

  constructor({ http, session, signal }: RemoteCasOptions) {
    this.#http = http
    this.#session = session
    this.#signal = signal
  }

  /** Terms and addresses for `range` of a file. The range begins where a chunk does. */
  async plan(file: FileHash, range: ByteRange, firstChunk: number): Promise<Plan> {
    const from: PlanStart = { offset: range.start, firstChunk }
    const headers = { range: `bytes=${range.start}-${range.end - 1}` }
    if (this.#planVersion === 2) {
      try {
        return parsePlan(await this.#json(`/v2/reconstructions/${file}`, { headers }), 2, from)
      } catch (error) {
        if (!isMissing(error)) throw error
      }
    }
    const value = await this.#json(`/v1/reconstructions/${file}`, { headers })
    this.#planVersion = 1
    return parsePlan(value, 1, from)
  }

  /** The file's chunks, proved by the file hash; null where a CAS does not offer them. */
  async findChunkList(file: FileHash, size: number): Promise<ChunkList | null> {
    const { casUrl } = await this.#session.get()
    if (!OWN_CAS.test(casUrl)) return null
    // Clients may cut shorter chunks than the least length, so a small file may have many; none is empty.
    const usualMax = Math.floor(size / CHUNK_PLAIN_BYTES_MIN) + 2
    const bytesMax = LIST_PAIR_BYTES * Math.min(size, Math.max(usualMax, ODD_CHUNKS_MAX))
    const packed = await this.#call(`/x/chunk-lists/${file}`, { accept: [404, 405, 501] }, (reply) =>
      reply.status === 200 ? readWhole(reply.where, reply.body, bytesMax) : Promise.resolve(null),
    )
    if (packed === null || packed.length % LIST_PAIR_BYTES !== 0) return null
    const chunks = new ChunkList(new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength))
    if (fileHashOfLists([{ chunks, start: 0, end: chunks.count }]) !== file) {
      throw new AppError('integrity', 'CHUNK_LIST_MISMATCH', `The chunk list that came is not that of file ${file}`)
    }
    return chunks
  }

  /** The stored bytes of a fetch from a lane's start on. One attempt. */
  openXorb({ url, bytes }: PlanFetch, { start, signal, fresh, onBytes }: RangeLane): AsyncIterable<Uint8Array> {
    const headers = { 'x-xet-session-id': this.#sessionId }
    const totalMs = RANGE_MS_MIN + (bytes.end - start) / RANGE_BYTES_PER_MS_MIN
    return this.#http.range(
      { url, headers, signal, fresh, onBytes, totalMs, unnamedRange: true },
      { start, end: bytes.end },
    )
  }

  /** The shard that tells where this chunk already is; null when unknown, or when the CAS cannot say. */
  async findDedupShard(hash: ChunkHash): Promise<Uint8Array | null> {
    if (this.#queryFailures >= QUERY_FAILURES_MAX) return null
    try {
      const request = { idempotent: false, totalMs: QUERY_MS, accept: [404] }
      const shard = await this.#call(`/v1/chunks/default/${hash}`, request, (reply) =>
        reply.status === 200 ? readWhole(reply.where, reply.body, SHARD_BODY_BYTES_MAX) : Promise.resolve(null),
      )
      this.#queryFailures = 0
      return shard
    } catch (error) {
      // Not knowing costs bytes, nothing else; only the user's own wish to stop counts.
      if (!(error instanceof AppError) || error.kind === 'cancelled' || error.kind === 'bug') throw error
      this.#queryFailures++
      return null
    }
  }

  async putXorb(hash: XorbHash, body: Uint8Array, signal = this.#signal): Promise<void> {
    const request = { method: 'POST', body: pieces(body), bodyLength: body.length, idempotent: true } as const
    await sendAgainOnce(`xorb ${hash}`, () =>
      this.#json(`/v1/xorbs/default/${hash}`, { ...request, signal, idleMs: CHECKING_MS }),
    )
  }

  async putShard(body: Uint8Array): Promise<void> {
    await sendAgainOnce('shard', () => this.#putShard(body))
  }

  async #putShard(body: Uint8Array): Promise<void> {
    const request = { method: 'POST', body: pieces(body), bodyLength: body.length, idempotent: true } as const
    if (this.#hasV2Shards) {
      const options = { ...request, accept: [404, 501] }
      if (await this.#call('/v2/shards', options, (reply) => readShardReply(reply))) return
      this.#hasV2Shards = false
    }
    await this.#json('/v1/shards', { ...request, idleMs: CHECKING_MS })
  }

  async #json(path: string, request: Partial<HttpRequest>): Promise<unknown> {
    return this.#authorized((token) => this.#http.json(this.#request(path, request, token)).then(({ value }) => value))
  }

  async #call<T>(path: string, request: Partial<HttpRequest>, read: (reply: HttpReply) => Promise<T>): Promise<T> {
    return this.#authorized((token) => this.#http.exchange(this.#request(path, request, token), read))
  }

  #request(path: string, request: Partial<HttpRequest>, { casUrl, token }: XetToken): HttpRequest {
    const headers = { ...request.headers, authorization: `Bearer ${token}`, 'x-xet-session-id': this.#sessionId }
    return { signal: this.#signal, ...request, headers, url: casUrl + path }
  }

  async #authorized<T>(call: (token: XetToken) => Promise<T>): Promise<T> {
    const token = await this.#session.get()
    try {
      return await call(token)
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'unauthorized') throw error
      return call(await this.#session.renew(token))
    }
  }
}

/** What we send is right, so a server that finds it wrong (400) got something else: it is sent once more. */
async function sendAgainOnce(what: string, send: () => Promise<unknown>): Promise<void> {
  for (let isAgain = false; ; isAgain = true) {
    try {
      await send()
      return
    } catch (error) {
      if (!(error instanceof AppError) || error.data.status !== 400) throw error
      if (!isAgain) continue
      const message = `The server twice found the ${what} wrong; it may change on its way: ${error.message}`
      throw new AppError('integrity', 'UPLOAD_REFUSED', message, { cause: error })
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'NOT_FOUND' || error.code === 'NOT_IMPLEMENTED')
}
