/**
 * A Hub and its CAS in memory, right in all but one thing: the name of the repository names the fault. Each repository
 * `f/FAULT` holds the same three files: `config.json` (small), `weights.bin` (Xet) and `large.bin` (LFS without Xet).
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Chunker } from '../../src/xet/chunker.ts'
import { type ChunkHash, chunkHash, type XorbHash } from '../../src/xet/hash.ts'
import { fileHash } from '../../src/xet/merkle.ts'
import { type BuiltXorb, XorbBuilder } from '../../src/xet/xorb-writer.ts'
import { closeServer, listen } from './fake-origin.ts'

export interface PlanTermJson {
  hash: string
  unpacked_length: number
  range: { start: number; end: number }
}

export interface PlanJson {
  offset_into_first_range: number
  terms: PlanTermJson[]
  xorbs: Record<
    string,
    { url: string; ranges: { chunks: { start: number; end: number }; bytes: { start: number; end: number } }[] }[]
  >
}

interface TreeJson {
  type: string
  path: string
  oid: string
  size: number
  lfs?: { oid: string; size: number }
  xetHash?: string
}

/** What a fault changes. `hit` counts earlier requests of the same kind in the same repository. */
export interface HubFault {
  readonly plan?: (plan: PlanJson, hub: FakeHub, hit: number) => void
  /** Returns true when it answered itself. */
  readonly xorb?: (answer: XorbAnswer, hit: number) => boolean
  readonly tree?: (entries: TreeJson[]) => void
  /** Changes the bytes of a plain file. */
  readonly file?: (content: Buffer, path: string, hit: number) => Buffer
  /** Status of the token call; 200 otherwise. */
  readonly token?: number
  /** A CAS that refuses a token after so many calls. */
  readonly refuseCasAt?: number
  readonly onlyV1?: boolean
  /** The CAS tells chunk lists as our own server does; changed by this. */
  readonly list?: (packed: Buffer) => void
}

export interface XorbAnswer {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Buffer
  readonly range: { start: number; end: number }
}

export interface FakeFile {
  readonly path: string
  readonly content: Buffer
  readonly sha256: string
  readonly oid: string
  readonly kind: 'small' | 'lfs' | 'xet'
}

const COMMIT = '0123456789abcdef0123456789abcdef01234567'
const WEIGHT_BYTES = 3_000_000

export class FakeHub {
  readonly files: readonly FakeFile[]
  readonly xorbs: ReadonlyMap<XorbHash, BuiltXorb>
  readonly terms: readonly PlanTermJson[]
  readonly weightsHash: string
  /** `METHOD path` of every request, with its Range. */
  readonly seen: string[] = []
  url = ''
  readonly #server: Server
  readonly #faults: Readonly<Record<string, HubFault>>

  private constructor(faults: Readonly<Record<string, HubFault>>, weightBytes: number) {
    this.#faults = faults
    const weights = noise(weightBytes)
    const packed = pack(weights)
    this.xorbs = packed.xorbs
    this.terms = packed.terms
    this.weightsHash = packed.hash
    this.files = [
      fakeFile('config.json', Buffer.from('{"model_type":"fake"}\n'), 'small'),
      fakeFile('large.bin', noise(200_000, 7), 'lfs'),
      fakeFile('weights.bin', weights, 'xet'),
    ]
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  static async start(faults: Readonly<Record<string, HubFault>>, weightBytes = WEIGHT_BYTES): Promise<FakeHub> {
    const hub = new FakeHub(faults, weightBytes)
    hub.url = await listen(hub.#server)
    return hub
  }

  close(): Promise<void> {
    return closeServer(this.#server)
  }

  /** Earlier requests whose line matches. */
  count(pattern: RegExp): number {
    return this.seen.filter((line) => pattern.test(line)).length
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '')
    const name = /\/f\/([a-z0-9-]+)/.exec(path)?.[1] ?? ''
    const fault = this.#faults[name] ?? {}
    const call = path.includes('/xorbs/')
      ? 'xorb'
      : (/reconstructions|resolve|-token\/|tree/.exec(path)?.[0].replace(/[-/]/g, '') ?? '')
    const before = call === 'resolve' ? `${path}/ ` : `/[^ ]*f/${name}/`
    const hit = this.count(new RegExp(`^${call} ${before}`))
    this.seen.push(`${call} ${path}/ ${request.headers.range ?? ''} ${request.headers.authorization ?? '-'}`)
    if (call === 'xorb') this.#xorb(request, response, fault, path, hit)
    else if (path.startsWith('/api/')) this.#api(response, fault, path, name)
    else if (call === 'resolve') this.#file(response, fault, path, hit)
    else this.#cas(response, fault, path, hit)
  }

  #api(response: ServerResponse, fault: HubFault, path: string, name: string): unknown {
    if (path.includes('/revision/')) return json(response, { sha: COMMIT })
    if (path.includes('-token/')) {
      const exp = 4_000_000_000
      if (fault.token !== undefined) return json(response, { error: 'no' }, fault.token)
      const accessToken = `xet_token_${this.count(/^token /)}`
      const place = fault.list === undefined ? 'elsewhere' : 'cas'
      return json(response, { casUrl: `${this.url}/${place}/f/${name}`, exp, accessToken })
    }
    const entries = this.files.map(
      ({ path: file, content, sha256, oid, kind }): TreeJson => ({
        type: 'file',
        path: file,
        oid,
        size: content.length,
        ...(kind === 'small' ? {} : { lfs: { oid: sha256, size: content.length } }),
        ...(kind === 'xet' ? { xetHash: this.weightsHash } : {}),
      }),
    )
    fault.tree?.(entries)
    json(response, entries)
  }

  #file(response: ServerResponse, fault: HubFault, path: string, hit: number): unknown {
    const file = this.files.find((one) => path.endsWith(`/resolve/${COMMIT}/${one.path}`))
    if (file === undefined) return json(response, { error: 'Entry not found' }, 404)
    response.end(fault.file?.(Buffer.from(file.content), file.path, hit) ?? file.content)
  }

  #cas(response: ServerResponse, fault: HubFault, path: string, hit: number): unknown {
    if (fault.refuseCasAt !== undefined && hit === fault.refuseCasAt) return json(response, {}, 401)
    if (fault.list !== undefined && path.includes('/x/chunk-lists/')) {
      const packed = Buffer.concat([...this.xorbs.values()].map(({ chunks }) => chunks.packed))
      fault.list(packed)
      return response.end(packed)
    }
    const isV1 = path.includes('/v1/')
    if (!path.includes('/reconstructions/') || (fault.onlyV1 && !isV1)) return json(response, {}, 404)
    const base = `${this.url}${/^(.*)\/v[12]\//.exec(path)?.[1]}`
    const plan = this.#plan(base)
    fault.plan?.(plan, this, hit)
    if (!isV1) return json(response, plan)
    const { xorbs, ...head } = plan
    const v1 = ([hash, entries]: [string, PlanJson['xorbs'][string]]) => [
      hash,
      entries.map(({ url, ranges: [one] }) => ({ url, range: one?.chunks, url_range: one?.bytes })),
    ]
    json(response, { ...head, fetch_info: Object.fromEntries(Object.entries(xorbs).map(v1)) })
  }

  #plan(base: string): PlanJson {
    const entry = (xorb: BuiltXorb) => {
      const ranges = [{ chunks: { start: 0, end: xorb.chunks.count }, bytes: { start: 0, end: xorb.body.length - 1 } }]
      return { url: `${base}/v1/xorbs/default/${xorb.hash}?sig=${this.seen.length}`, ranges }
    }
    const xorbs = Object.fromEntries([...this.xorbs.values()].map((xorb) => [xorb.hash, [entry(xorb)]]))
    return { offset_into_first_range: 0, terms: structuredClone([...this.terms]), xorbs }
  }

  #xorb(request: IncomingMessage, response: ServerResponse, fault: HubFault, path: string, hit: number): unknown {
    const hash = /xorbs\/default\/([0-9a-f]+)/.exec(path)?.[1] as XorbHash
    const xorb = this.xorbs.get(hash)
    const [start, end] = (/bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '')?.slice(1) ?? []).map(Number)
    if (xorb === undefined || start === undefined || end === undefined) return json(response, {}, 404)
    const range = { start, end: end + 1 }
    const body = Buffer.from(xorb.body.subarray(start, end + 1))
    if (fault.xorb?.({ request, response, body, range }, hit)) return
    sendRange(response, body, range)
  }
}

export function sendRange(
  response: ServerResponse,
  body: Buffer,
  { start, end }: { start: number; end: number },
): void {
  response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/*`, 'content-length': body.length })
  response.end(body)
}

function json(response: ServerResponse, value: unknown, status = 200): unknown {
  return response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

/** Bytes that do not compress, always the same. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

function fakeFile(path: string, content: Buffer, kind: FakeFile['kind']): FakeFile {
  const sha256 = createHash('sha256').update(content).digest('hex')
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
  return { path, content, sha256, oid, kind }
}

/** In xorbs of about a megabyte, so that a file has several. */
function pack(content: Buffer) {
  const chunker = new Chunker()
  const nodes: { hash: ChunkHash; length: number }[] = []
  const xorbs = new Map<XorbHash, BuiltXorb>()
  const terms: PlanTermJson[] = []
  let builder = new XorbBuilder()
  const cut = () => {
    if (builder.count === 0) return
    const xorb = builder.finish()
    xorbs.set(xorb.hash, xorb)
    terms.push({ hash: xorb.hash, unpacked_length: builder.plainBytes, range: { start: 0, end: builder.count } })
    builder = new XorbBuilder()
  }
  const put = (plain: Uint8Array) => {
    const hash = chunkHash(plain)
    nodes.push({ hash, length: plain.length })
    builder.add(hash, plain)
    if (builder.plainBytes > 1_000_000) cut()
  }
  let start = 0
  for (let end = chunker.findCut(content); end >= 0; end = chunker.findCut(content, end)) {
    put(content.subarray(start, end))
    start = end
  }
  if (chunker.finish() > 0) put(content.subarray(start))
  cut()
  return { xorbs, terms, hash: fileHash(nodes) }
}
