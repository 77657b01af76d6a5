/**
 * The xorbs that an unfinished push has sent, so that the next one, after a kill, need not send them again: the server keeps
 * for weeks what it acknowledged. One file a repository and CAS address, whose epoch changes when a server loses data;
 * gone when a push succeeds, and when the server does not know one of them after all.
 *
 * A record (record-log.ts) is the time in seconds (f64), the xorb's hash, and the hashes of its chunks.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder } from '../base/atomic-file.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { frameRecord, readRecords } from '../base/record-log.ts'
import { HASH_BYTES } from '../xet/constants.ts'
import { type ChunkHash, formatHash, hashBytes, type XorbHash } from '../xet/hash.ts'

/** Servers keep for 22 days what they acknowledged. */
const KEPT_SECONDS = 20 * 24 * 3600
const TIME_BYTES = 8
const FILE_BYTES_MAX = 128 * 1024 * 1024

export interface SentXorb {
  readonly hash: XorbHash
  readonly chunks: readonly ChunkHash[]
}

export class SentXorbs {
  readonly #path: string
  readonly #file: FileHandle
  readonly #clock: Clock
  readonly earlier: readonly SentXorb[]
  #end: number

  private constructor(path: string, file: FileHandle, clock: Clock, bytes: Uint8Array) {
    this.#path = path
    this.#file = file
    this.#clock = clock
    const { payloads, end } = readRecords(bytes)
    this.#end = end
    const oldest = clock.nowSeconds() - KEPT_SECONDS
    this.earlier = payloads.flatMap((payload) => readXorb(payload, oldest) ?? [])
  }

  /** `key`: repository and CAS address. */
  static async open(folder: string, key: string, clock: Clock = systemClock): Promise<SentXorbs> {
    const path = join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.sent`)
    await makeFolder(dirname(path))
    const file = await open(path, 'a+', 0o600)
    const { size } = await file.stat()
    const bytes = new Uint8Array(size > FILE_BYTES_MAX ? 0 : size)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    const sent = new SentXorbs(path, file, clock, bytes.subarray(0, bytesRead))
    // Appending goes to the end: a torn record must not stand before what comes.
    if (sent.#end < size) await file.truncate(sent.#end)
    return sent
  }

  /** The server has acknowledged it. */
  async add({ hash, chunks }: SentXorb): Promise<void> {
    const payload = new Uint8Array(TIME_BYTES + HASH_BYTES * (1 + chunks.length))
    new DataView(payload.buffer).setFloat64(0, this.#clock.nowSeconds(), true)
    for (const [i, one] of [hash, ...chunks].entries()) payload.set(hashBytes(one), TIME_BYTES + HASH_BYTES * i)
    await this.#file.appendFile(frameRecord(payload))
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** Nothing of it is needed any more, or it is wrong. */
  async remove(): Promise<void> {
    await rm(this.#path, { force: true })
    await this.close()
  }
}

function readXorb(payload: Uint8Array, oldestSeconds: number): SentXorb | null {
  const count = (payload.length - TIME_BYTES) / HASH_BYTES - 1
  if (!Number.isInteger(count) || count < 1) return null
  const seconds = new DataView(payload.buffer, payload.byteOffset).getFloat64(0, true)
  if (!(seconds >= oldestSeconds)) return null
  const at = (i: number) => payload.subarray(TIME_BYTES + HASH_BYTES * i, TIME_BYTES + HASH_BYTES * (i + 1))
  const chunks = Array.from({ length: count }, (_, i) => formatHash<'chunk'>(at(i + 1)))
  return { hash: formatHash<'xorb'>(at(0)), chunks }
}
