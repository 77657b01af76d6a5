/** The least a Xet client does, over fetch: packs files into xorbs and a shard, sends them, reads them back verified. */
import { createHash } from 'node:crypto'
import { chunksOf } from '../../src/xet/file-chunker.ts'
import { FileVerifier } from '../../src/xet/file-verifier.ts'
import { type ChunkHash, chunkHash, type FileHash, verificationHash, type XorbHash } from '../../src/xet/hash.ts'
import { fileHash } from '../../src/xet/merkle.ts'
import type { ShardFile, Term } from '../../src/xet/shard-reader.ts'
import { writeUploadShard } from '../../src/xet/shard-writer.ts'
import { readXorbChunks } from '../../src/xet/xorb-reader.ts'
import { type BuiltXorb, XorbBuilder, type XorbWriterOptions } from '../../src/xet/xorb-writer.ts'

export interface Packed {
  readonly xorbs: readonly BuiltXorb[]
  readonly files: readonly ShardFile[]
  readonly shard: Uint8Array
}

export interface PackOptions extends XorbWriterOptions {
  /** Begins a new xorb after so many chunks. */
  readonly chunksMax?: number
}

interface Placed {
  readonly hash: ChunkHash
  readonly length: number
  readonly xorb: number
  readonly index: number
}

export async function pack(contents: readonly Uint8Array[], options: PackOptions = {}): Promise<Packed> {
  const builders = [new XorbBuilder(options)]
  const placed: Placed[][] = []
  for (const content of contents) {
    const chunks: Placed[] = []
    for await (const plain of chunksOf(once(content))) {
      let builder = builders.at(-1) as XorbBuilder
      if (!builder.fits(plain.length) || builder.count >= (options.chunksMax ?? Number.POSITIVE_INFINITY)) {
        builder = new XorbBuilder(options)
        builders.push(builder)
      }
      const hash = chunkHash(plain)
      chunks.push({ hash, length: plain.length, xorb: builders.length - 1, index: builder.add(hash, plain) })
    }
    placed.push(chunks)
  }
  const xorbs = builders.filter((builder) => builder.count > 0).map((builder) => builder.finish())
  const files = contents.map((content, i) => shardFile(content, placed[i] ?? [], xorbs))
  return { xorbs, files, shard: writeUploadShard({ files, xorbs }) }
}

function shardFile(content: Uint8Array, chunks: readonly Placed[], xorbs: readonly BuiltXorb[]): ShardFile {
  const runs: Placed[][] = []
  for (const chunk of chunks) {
    const last = runs.at(-1)
    if (last?.at(-1)?.xorb === chunk.xorb && last.at(-1)?.index === chunk.index - 1) last.push(chunk)
    else runs.push([chunk])
  }
  const terms: Term[] = runs.map((run) => {
    const [first] = run as [Placed]
    const plainLength = run.reduce((sum, { length }) => sum + length, 0)
    return { xorb: xorbs[first.xorb]?.hash as XorbHash, start: first.index, end: first.index + run.length, plainLength }
  })
  const ranges = runs.map((run) => verificationHash(run.map(({ hash }) => hash)))
  const sha256 = content.length === 0 ? '0'.repeat(64) : createHash('sha256').update(content).digest('hex')
  return { hash: fileHash(chunks), terms, ranges, sha256 }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

export interface Plan {
  readonly offset_into_first_range: number
  readonly terms: { hash: string; unpacked_length: number; range: { start: number; end: number } }[]
  readonly xorbs: Record<string, { url: string; ranges: PlanRange[] }[]>
}

interface PlanRange {
  readonly chunks: { readonly start: number; readonly end: number }
  readonly bytes: { readonly start: number; readonly end: number }
}

export class SmallClient {
  readonly url: string
  readonly #token: string

  constructor(url: string, token: string) {
    this.url = url
    this.#token = token
  }

  send(
    method: string,
    path: string,
    options: { body?: Uint8Array<ArrayBuffer> | string; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#token}`, ...options.headers }
    return fetch(`${this.url}${path}`, {
      method,
      headers,
      ...(options.body === undefined ? {} : { body: options.body }),
    })
  }

  postXorb(hash: string, body: Uint8Array): Promise<Response> {
    return this.send('POST', `/v1/xorbs/default/${hash}`, { body: new Uint8Array(body) })
  }

  postShard(shard: Uint8Array, version = 1): Promise<Response> {
    return this.send('POST', `/v${version}/shards`, { body: new Uint8Array(shard) })
  }

  /** All of it, in the order of the protocol. Throws on the first answer that is not 200. */
  async upload({ xorbs, shard }: Packed): Promise<void> {
    for (const { hash, body } of xorbs) await expectOk(this.postXorb(hash, body))
    await expectOk(this.postShard(shard))
  }

  reconstruct(hash: string, range?: string, version = 2): Promise<Response> {
    const headers = range === undefined ? {} : { range: `bytes=${range}` }
    return this.send('GET', `/v${version}/reconstructions/${hash}`, { headers })
  }

  async download(hash: FileHash): Promise<Buffer> {
    const plan = (await (await expectOk(this.reconstruct(hash))).json()) as Plan
    const verifier = new FileVerifier()
    const parts: Uint8Array[] = []
    for (const term of plan.terms) {
      const fetches = plan.xorbs[term.hash] ?? []
      const at = fetches.find(({ ranges: [range] }) => isInside(term.range, (range as PlanRange).chunks))
      const range = at?.ranges[0] as PlanRange
      const bytes = await getBytes(at?.url as string, `${range.bytes.start}-${range.bytes.end}`)
      for await (const { hash: chunk, plain, index } of readXorbChunks(once(bytes), {
        firstIndex: range.chunks.start,
      })) {
        if (index < term.range.start || index >= term.range.end) continue
        verifier.add(chunk, plain.length)
        parts.push(plain)
      }
    }
    verifier.verify(hash)
    return Buffer.concat(parts)
  }
}

export async function getBytes(url: string, range: string): Promise<Uint8Array> {
  const response = await expectOk(fetch(url, { headers: { range: `bytes=${range}` } }))
  return new Uint8Array(await response.arrayBuffer())
}

export async function expectOk(pending: Promise<Response>): Promise<Response> {
  const response = await pending
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return response
}

function isInside(inner: { start: number; end: number }, outer: { start: number; end: number }): boolean {
  return outer.start <= inner.start && inner.end <= outer.end
}
