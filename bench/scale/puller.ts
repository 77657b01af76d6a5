/**
 * One puller: takes repository after repository and does what hf_xet does for its file (metadata, token,
 * reconstruction, xorb ranges), compares every byte with what was stored, and now and then reads plain HTTP or a listing.
 */
import { pack } from '../../test/cas/small-client.ts'
import { type Answer, type Caller, jsonOf } from './caller.ts'
import { contentOf } from './content.ts'
import type { Latencies } from './latencies.ts'
import { type LoadPlan, NAMESPACES, type RealRepo } from './plan.ts'

/** Every so many pulls. */
const PLAIN_EVERY = 8
const LIST_EVERY = 8
const CHUNK_QUERY_EVERY = 16
const PLAIN_BYTES = 1 << 20

interface Known {
  readonly repo: RealRepo
  readonly content: Buffer
  readonly fileHash: string
  /** Bodies of its xorbs, by hash. */
  readonly bodies: ReadonlyMap<string, Uint8Array>
}

interface Reconstruction {
  readonly terms: readonly { readonly hash: string }[]
  readonly xorbs: Readonly<
    Record<string, readonly { url: string; ranges: readonly { bytes: { start: number; end: number } }[] }[]>
  >
}

/** What must come, packed once as the stored files were. */
export async function knowRepos(repos: readonly RealRepo[]): Promise<Known[]> {
  const known: Known[] = []
  for (const repo of repos) {
    const content = contentOf(repo.seed, repo.bytes)
    const { xorbs, files } = await pack([content])
    const bodies = new Map(xorbs.map(({ hash, body }) => [hash as string, body as Uint8Array]))
    known.push({ repo, content, fileHash: files[0]?.hash as string, bodies })
  }
  return known
}

export class Puller {
  readonly #plan: LoadPlan
  readonly #caller: Caller
  readonly #latencies: Latencies
  readonly #known: readonly Known[]
  #turn: number
  pulledBytes = 0

  constructor(plan: LoadPlan, parts: { caller: Caller; latencies: Latencies; known: readonly Known[] }, turn: number) {
    this.#plan = plan
    this.#caller = parts.caller
    this.#latencies = parts.latencies
    this.#known = parts.known
    this.#turn = turn
  }

  async pull(): Promise<void> {
    const turn = this.#turn++
    const known = this.#known[turn % this.#known.length] as Known
    await this.#pullByXet(known)
    if (turn % PLAIN_EVERY === 0) await this.#readPlain(known, turn)
    if (turn % LIST_EVERY === 1) await this.#list(turn)
    if (turn % CHUNK_QUERY_EVERY === 2) await this.#askChunk(known, turn)
  }

  async #pullByXet({ repo, fileHash, bodies }: Known): Promise<void> {
    const { url } = this.#plan
    const { id, token } = repo
    const head = await this.#time('HEAD resolve', `${url}/${id}/resolve/main/model.bin`, { method: 'HEAD', token })
    expect(head.headers['x-xet-hash'] === fileHash, `${id}: x-xet-hash ${head.headers['x-xet-hash']}`)
    const key = await this.#time('xet token', `${url}/api/models/${id}/xet-read-token/main`, { token })
    const { casUrl, accessToken } = jsonOf<{ casUrl: string; accessToken: string }>(key)
    const path = `${casUrl}/v2/reconstructions/${fileHash}`
    const { xorbs } = jsonOf<Reconstruction>(await this.#time('reconstruction', path, { token: accessToken }))
    for (const [hash, fetches] of Object.entries(xorbs)) {
      for (const { url: at, ranges } of fetches) {
        const { start, end } = (ranges[0] as { bytes: { start: number; end: number } }).bytes
        const headers = { range: `bytes=${start}-${end}` }
        const { body } = await this.#time('xorb range', at, { headers, status: 206 })
        const expected = bodies.get(hash)?.subarray(start, end + 1)
        expect(expected !== undefined && body.equals(expected), `${id}: other bytes of xorb ${hash}`)
        this.pulledBytes += body.length
      }
    }
  }

  async #readPlain({ repo: { id, token }, content }: Known, turn: number): Promise<void> {
    const at = `${this.#plan.url}/${id}/resolve/main`
    const config = await this.#time('GET small file', `${at}/config.json`, { token })
    expect(config.body.toString().includes('"model_type": "scale"'), `${id}: another config.json`)
    const start = (turn * PLAIN_BYTES) % (content.length - PLAIN_BYTES + 1)
    const headers = { range: `bytes=${start}-${start + PLAIN_BYTES - 1}` }
    const { body } = await this.#time('GET plain 1 MiB', `${at}/model.bin`, { token, headers, status: 206 })
    expect(body.equals(content.subarray(start, start + PLAIN_BYTES)), `${id}: other plain bytes`)
    this.pulledBytes += body.length
  }

  async #list(turn: number): Promise<void> {
    const { url, large } = this.#plan
    const { token } = (this.#known[turn % this.#known.length] as Known).repo
    const query = turn % 16 === 1 ? 'limit=100' : `author=org${turn % NAMESPACES}&limit=100`
    const page = jsonOf<unknown[]>(await this.#time('list page', `${url}/api/models?${query}`, { token }))
    expect(page.length > 0, `an empty page of ${query}`)
    const folder = `part-${String(turn % Math.ceil(large.files / 1000)).padStart(3, '0')}`
    const tree = await this.#time('tree page', `${url}/api/models/${large.id}/tree/main/${folder}`, { token })
    expect(jsonOf<unknown[]>(tree).length > 0, `an empty page of ${folder}`)
  }

  /** Of the index's chunks nothing may be told, as nobody here may read them. */
  async #askChunk({ repo: { id, token } }: Known, turn: number): Promise<void> {
    const key = await this.#caller.call(`${this.#plan.url}/api/models/${id}/xet-read-token/main`, { token })
    const { casUrl, accessToken } = jsonOf<{ casUrl: string; accessToken: string }>(key)
    const chunk = this.#plan.chunks[turn % this.#plan.chunks.length]
    const path = `${casUrl}/v1/chunks/default/${chunk}`
    await this.#time('chunk query', path, { token: accessToken, status: 404 })
  }

  #time(call: string, url: string, options: Parameters<Caller['call']>[1]): Promise<Answer> {
    return this.#latencies.time(call, () => this.#caller.call(url, options))
  }
}

function expect(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise)
}
