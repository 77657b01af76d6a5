/** A client of one server that says what it was told: each change is doubted before it is sent and a fact afterwards. */
import { createHash } from 'node:crypto'
import { type Reply, type SendOptions, send } from '../farm/http-send.ts'
import { forgeShard, forgeXorb, listOf, seededChunks, wholeFile } from '../faults/forge.ts'
import type { Say } from './facts.ts'

export const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')

/** As a commit names a large file. */
export interface LargeLine {
  readonly key: 'lfsFile'
  readonly value: { readonly path: string; readonly algo: 'sha256'; readonly oid: string; readonly size: number }
}

export class Client {
  readonly #origin: string
  readonly #token: string
  readonly #say: Say

  constructor(origin: string, token: string, say: Say) {
    this.#origin = origin
    this.#token = token
    this.#say = say
  }

  send(path: string, options: SendOptions = {}): Promise<Reply> {
    return send(this.#origin, path, { token: this.#token, ...options })
  }

  /** Any of `statuses`, else an error. */
  async ask(path: string, options: SendOptions, statuses: readonly number[] = [200]): Promise<Reply> {
    const headers = typeof options.body === 'object' ? { 'content-type': 'application/json' } : {}
    const reply = await this.send(path, { ...options, headers: { ...headers, ...options.headers } })
    if (statuses.includes(reply.status)) return reply
    throw new Error(`${options.method ?? 'GET'} ${path} gave ${reply.status}: ${reply.body.subarray(0, 400)}`)
  }

  async createRepo(repo: string): Promise<void> {
    const [organization, name] = repo.split('/')
    this.#say.doubt(`/api/models/${repo}`)
    await this.ask('/api/repos/create', { method: 'POST', body: { name, organization, type: 'model' } }, [200, 409])
    this.#say.fact({ is: 'ref', repo, name: 'main' })
  }

  /** Every file of it that is known to the caller is named, to be doubted. */
  async deleteRepo(repo: string, paths: readonly string[], refs: readonly string[] = ['main']): Promise<void> {
    const urls = paths.map((path) => urlOf(repo, path))
    this.#say.doubt(...urls, ...refs.map((name) => `ref ${repo} ${name}`))
    const [organization, name] = repo.split('/')
    await this.ask('/api/repos/delete', { method: 'DELETE', body: { name, organization, type: 'model' } }, [200, 404])
    this.#say.fact(...urls.map((url) => ({ is: 'gone', url }) as const), { is: 'gone', url: `/api/models/${repo}` })
  }

  /** Sends a large file by LFS; the line that a commit names it by. */
  async upload(repo: string, path: string, content: Uint8Array): Promise<LargeLine> {
    const oid = sha256(content)
    const body = {
      operation: 'upload',
      transfers: ['basic'],
      objects: [{ oid, size: content.length }],
      hash_algo: 'sha256',
    }
    const reply = await this.ask(`/${repo}.git/info/lfs/objects/batch`, { method: 'POST', body })
    const { objects } = reply.json() as { objects: [{ actions?: { upload: { href: string } } }] }
    const href = objects[0].actions?.upload.href
    if (href !== undefined) {
      const { pathname, search } = new URL(href)
      await this.ask(pathname + search, { method: 'PUT', token: null, body: content })
    }
    this.#say.fact({ is: 'stored', sha256: oid })
    return { key: 'lfsFile', value: { path, algo: 'sha256', oid, size: content.length } }
  }

  /** Sends chunks as hf_xet does: a xorb, a shard; the line that a commit names the file by. */
  async publish(repo: string, path: string, seed: number, lengths: readonly number[]): Promise<LargeLine> {
    const chunks = seededChunks(seed, lengths)
    const xorb = forgeXorb(chunks)
    const content = Buffer.concat(chunks)
    const oid = sha256(content)
    const reply = await this.ask(`/api/models/${repo}/xet-write-token/main`, {})
    const { casUrl, accessToken: token } = reply.json() as { casUrl: string; accessToken: string }
    const cas = new URL(casUrl).pathname
    const binary = { 'content-type': 'application/octet-stream' }
    await this.ask(`${cas}/v1/xorbs/default/${xorb.hash}`, { method: 'POST', token, body: xorb.body, headers: binary })
    this.#say.fact({ is: 'xorb', hash: xorb.hash, sha256: sha256(xorb.body) })
    const shard = forgeShard({ files: [{ ...wholeFile(xorb), sha256: oid }], xorbs: [listOf(xorb)] })
    await this.ask(`${cas}/v1/shards`, { method: 'POST', token, body: shard, headers: binary })
    this.#say.fact({ is: 'stored', sha256: oid })
    return { key: 'lfsFile', value: { path, algo: 'sha256', oid, size: content.length } }
  }

  /** `files`: what the commit makes of each path; null where it removes it. */
  async commit(
    repo: string,
    lines: readonly object[],
    files: Readonly<Record<string, string | null>>,
    revision = 'main',
  ): Promise<void> {
    const urls = Object.keys(files).map((path) => urlOf(repo, path, revision))
    this.#say.doubt(...urls)
    const all = [{ key: 'header', value: { summary: 'a change', description: '' } }, ...lines]
    const body = all.map((line) => `${JSON.stringify(line)}\n`).join('')
    const headers = { 'content-type': 'application/x-ndjson' }
    const reply = await this.ask(`/api/models/${repo}/commit/${revision}`, { method: 'POST', body, headers })
    const { commitOid: oid } = reply.json() as { commitOid: string }
    this.#say.fact({ is: 'commit', repo, revision, oid })
    for (const [path, digest] of Object.entries(files)) {
      const url = urlOf(repo, path, revision)
      this.#say.fact(digest === null ? { is: 'gone', url } : { is: 'file', url, sha256: digest })
    }
  }

  /** Makes a branch or a tag; one that is there already is fine. */
  async createRef(repo: string, kind: 'branch' | 'tag', name: string): Promise<void> {
    const path = kind === 'branch' ? `branch/${name}` : 'tag/main'
    const body = kind === 'branch' ? {} : { tag: name, message: 'a tag of its own object' }
    await this.ask(`/api/models/${repo}/${path}`, { method: 'POST', body }, [200, 409])
    this.#say.fact({ is: 'ref', repo, name })
  }
}

export function urlOf(repo: string, path: string, revision = 'main'): string {
  return `/${repo}/resolve/${revision}/${path}`
}

export function text(path: string, content: string): object {
  return { key: 'file', value: { path, content: Buffer.from(content).toString('base64'), encoding: 'base64' } }
}
