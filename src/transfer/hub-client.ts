/**
 * A Hub's API as a client sees it: revisions, trees, tokens, commits, files. Answers are checked before they are used.
 * Addresses that a Hub puts in its answers are followed only at the endpoint itself, so a token never goes elsewhere.
 */

import { AppError } from '../base/app-error.ts'
import { eachAtOnce } from '../base/at-once.ts'
import type { HttpClient, HttpReply, HttpRequest } from '../base/http-client.ts'
import type { RepoType } from '../hub/repo-id.ts'
import { apiPath, encodePath, formatRepo, type HubRepo, webPath } from './hub-repo.ts'
import * as shapes from './hub-shapes.ts'

const PAGES_MAX = 100_000
const PREUPLOAD_FILES_MAX = 256
const SAMPLES_AT_ONCE = 32
/** A server may reassemble and check much before it answers. */
const SLOW_ANSWER_MS = 10 * 60_000

export interface TreeFile {
  readonly path: string
  readonly size: number
  /** Git blob id: of the content, or of the pointer when the content is large. */
  readonly oid: string
  readonly sha256: string | null
  readonly xetHash: string | null
}

export interface XetToken {
  readonly casUrl: string
  readonly token: string
  readonly expirySeconds: number
}

export type XetScope = 'read' | 'write'

export interface PreuploadFile {
  readonly path: string
  readonly size: number
  /** Reads the first 512 bytes or fewer. */
  readonly sample: () => Promise<Uint8Array>
}

export interface PreuploadAnswer {
  readonly mode: 'regular' | 'lfs'
  readonly ignore: boolean
  /** What the revision holds at this path: git blob id (regular) or SHA-256 (lfs). */
  readonly oid: string | null
}

export interface RepoSettings {
  readonly isPrivate?: boolean | undefined
  readonly gated?: false | 'auto' | 'manual' | undefined
}

export interface CommitReply {
  readonly commit: string
  readonly url: string
}

export interface HubClientOptions {
  readonly http: HttpClient
  /** With a path when the Hub lives under one; no slash at the end. */
  readonly endpoint: string
  readonly token: string | null
}

export class HubClient {
  readonly http: HttpClient
  readonly endpoint: string
  readonly #token: string | null

  constructor({ http, endpoint, token }: HubClientOptions) {
    this.http = http
    this.endpoint = endpoint.replace(/\/+$/, '')
    this.#token = token
  }

  get hasToken(): boolean {
    return this.#token !== null
  }

  async whoami(signal?: AbortSignal) {
    return this.#get('/api/whoami-v2', shapes.WhoAmIShape, signal)
  }

  /** Repositories of one owner, or all. */
  async *listRepos(type: RepoType, author: string | null, signal?: AbortSignal): AsyncGenerator<{ id: string }> {
    const query = author === null ? '' : `?author=${encodeURIComponent(author)}`
    for await (const page of this.#pages(`/api/${type}s${query}`, shapes.RepoListShape, signal)) yield* page
  }

  /** The commit that `revision` names now. */
  async getCommit(repo: HubRepo, revision: string, signal?: AbortSignal): Promise<string> {
    const path = `${apiPath(repo)}/revision/${encodeURIComponent(revision)}`
    return (await this.#get(path, shapes.RevisionShape, signal)).sha
  }

  /** All files of a commit, in the Hub's order. */
  async *listFiles(repo: HubRepo, revision: string, signal?: AbortSignal): AsyncGenerator<TreeFile> {
    const path = `${apiPath(repo)}/tree/${encodeURIComponent(revision)}?recursive=true&expand=false`
    for await (const page of this.#pages(path, shapes.TreeShape, signal)) {
      for (const entry of page) if (entry.type === 'file') yield treeFile(entry)
    }
  }

  /** One file of a commit; null when there is none of this name. */
  async findFile(repo: HubRepo, revision: string, path: string, signal?: AbortSignal): Promise<TreeFile | null> {
    const url = `${apiPath(repo)}/paths-info/${encodeURIComponent(revision)}`
    const body = JSON.stringify({ paths: [path], expand: false })
    const { value, reply } = await this.#post(url, body, 'application/json', { signal, idempotent: true })
    const found = shapes.shaped(shapes.TreeShape, value, reply.where).find((entry) => entry.path === path)
    return found?.type === 'file' ? treeFile(found) : null
  }

  /** Where the bytes of a file are. */
  fileUrl(repo: HubRepo, revision: string, path: string): string {
    return `${this.endpoint}${webPath(repo)}/resolve/${encodeURIComponent(revision)}/${encodePath(path)}`
  }

  /** What `GET` of a file needs; give it to the HTTP client. */
  fileRequest(repo: HubRepo, revision: string, path: string, signal?: AbortSignal): HttpRequest {
    return { url: this.fileUrl(repo, revision, path), headers: this.headers(), signal }
  }

  /** Makes the repository unless it exists; false when it did. Who wants it private never gets a public one. */
  async createRepo(repo: HubRepo, options: { readonly isPrivate?: boolean }, signal?: AbortSignal): Promise<boolean> {
    const [organization, name] = repo.id.split('/')
    const body = JSON.stringify({
      name,
      organization,
      type: repo.type,
      private: options.isPrivate === true,
      visibility: options.isPrivate === true ? 'private' : 'public',
      ...(repo.type === 'space' ? { sdk: 'static' } : {}),
    })
    const url = `${this.endpoint}/api/repos/create`
    const headers = this.headers({ 'content-type': 'application/json' })
    const reply = await this.http.send({ url, method: 'POST', headers, body, signal, accept: [403, 409] })
    await reply.close()
    // Who may not create may still write to what exists; the next call tells.
    if (reply.status === 403) await this.getCommit(repo, 'main', signal)
    if (reply.status < 400) return true
    if (options.isPrivate === true && !(await this.#get(apiPath(repo), shapes.RepoShape, signal)).private) {
      const message = `${formatRepo(repo)} exists and is public: make it private first, or push without --private`
      throw new AppError('conflict', 'REPO_PUBLIC', message)
    }
    return false
  }

  /** A new branch at the tip of main. */
  async createBranch(repo: HubRepo, branch: string, signal?: AbortSignal): Promise<void> {
    const url = `${this.endpoint}${apiPath(repo)}/branch/${encodeURIComponent(branch)}`
    const headers = this.headers({ 'content-type': 'application/json' })
    await (await this.http.send({ url, method: 'POST', headers, body: '{}', signal })).close()
  }

  async deleteRepo(repo: HubRepo, signal?: AbortSignal): Promise<void> {
    const [organization, name] = repo.id.split('/')
    const body = JSON.stringify({ name, organization, type: repo.type })
    const headers = this.headers({ 'content-type': 'application/json' })
    const reply = await this.http.send({
      url: `${this.endpoint}/api/repos/delete`,
      method: 'DELETE',
      headers,
      body,
      signal,
    })
    await reply.close()
  }

  /** Gives the repository another name, which may be of another owner. */
  async moveRepo(repo: HubRepo, toRepo: string, signal?: AbortSignal): Promise<void> {
    const body = JSON.stringify({ fromRepo: repo.id, toRepo, type: repo.type })
    const headers = this.headers({ 'content-type': 'application/json' })
    await (
      await this.http.send({ url: `${this.endpoint}/api/repos/move`, method: 'POST', headers, body, signal })
    ).close()
  }

  /** What is left out stays as it is. */
  async changeSettings(repo: HubRepo, settings: RepoSettings, signal?: AbortSignal): Promise<void> {
    const { isPrivate, gated } = settings
    const visibility =
      isPrivate === undefined ? {} : { private: isPrivate, visibility: isPrivate ? 'private' : 'public' }
    const body = JSON.stringify({ ...visibility, ...(gated === undefined ? {} : { gated }) })
    const headers = this.headers({ 'content-type': 'application/json' })
    const url = `${this.endpoint}${apiPath(repo)}/settings`
    await (await this.http.send({ url, method: 'PUT', headers, body, signal })).close()
  }

  /** Large files of one repository into another, without their bytes. Gives the SHA-256 of those that it could not. */
  async duplicateFiles(
    from: HubRepo,
    to: HubRepo,
    files: readonly TreeFile[],
    signal?: AbortSignal,
  ): Promise<string[]> {
    const list = files.map(({ path, sha256, xetHash }) => ({ xetHash, sha256, filename: path }))
    const body = JSON.stringify({ target: { type: to.type, name: to.id }, files: list })
    const path = `${apiPath(from)}/lfs-files/duplicate`
    const { value, reply } = await this.#post(path, body, 'application/json', { signal })
    return shapes.shaped(shapes.DuplicateShape, value, reply.where).failed.map(({ sha256 }) => sha256)
  }

  /** How the Hub wants each file: inline or as a large one. Also the commit that the answer is about. */
  async preupload(repo: HubRepo, revision: string, files: readonly PreuploadFile[], signal?: AbortSignal) {
    const answers = new Map<string, PreuploadAnswer>()
    let commit: string | null = null
    for (let at = 0; at < files.length; at += PREUPLOAD_FILES_MAX) {
      const batch = files.slice(at, at + PREUPLOAD_FILES_MAX)
      const asked = new Array<{ path: string; size: number; sample: string }>(batch.length)
      await eachAtOnce(batch, SAMPLES_AT_ONCE, async ({ path, size, sample }, index) => {
        signal?.throwIfAborted()
        asked[index] = { path, size, sample: Buffer.from(await sample()).toString('base64') }
      })
      const body = JSON.stringify({ files: asked })
      const path = `${apiPath(repo)}/preupload/${encodeURIComponent(revision)}`
      const { value, reply } = await this.#post(path, body, 'application/json', { signal, idempotent: true })
      const answer = shapes.shaped(shapes.PreuploadShape, value, reply.where)
      // The first: when the branch moved between two batches, a commit onto this one is refused and all is asked anew.
      commit ??= answer.commitOid ?? null
      for (const { path: name, uploadMode, shouldIgnore, oid } of answer.files) {
        answers.set(name, { mode: uploadMode, ignore: shouldIgnore === true, oid: oid ?? null })
      }
    }
    const missing = files.find(({ path }) => !answers.has(path))
    if (missing) throw new AppError('malformed', 'REPLY_SHAPE_BAD', `The preupload answer leaves out ${missing.path}`)
    return { answers, commit }
  }

  /** `lines` is the NDJSON of the commit: header first. Never sent twice by itself. */
  async commit(
    repo: HubRepo,
    revision: string,
    lines: { readonly stream: () => AsyncIterable<Uint8Array>; readonly length: number },
    signal?: AbortSignal,
  ): Promise<CommitReply> {
    const path = `${apiPath(repo)}/commit/${encodeURIComponent(revision)}`
    const options = { signal, bodyLength: lines.length, idleMs: SLOW_ANSWER_MS }
    const { value, reply } = await this.#post(path, lines.stream, 'application/x-ndjson', options)
    const { commitOid, commitUrl } = shapes.shaped(shapes.CommitShape, value, reply.where)
    return { commit: commitOid, url: commitUrl ?? `${this.endpoint}${webPath(repo)}/commit/${commitOid}` }
  }

  /** Null when this Hub has no Xet for the repository. */
  async findXetToken(repo: HubRepo, scope: XetScope, revision: string, signal?: AbortSignal): Promise<XetToken | null> {
    const url = `${this.endpoint}${apiPath(repo)}/xet-${scope}-token/${encodeURIComponent(revision)}`
    try {
      const { value, reply } = await this.http.json({ url, headers: this.headers(), signal })
      const { casUrl, exp, accessToken } = shapes.shaped(shapes.XetTokenShape, value, reply.where)
      return { casUrl: casUrl.replace(/\/+$/, ''), token: accessToken, expirySeconds: exp }
    } catch (error) {
      if (error instanceof AppError && (error.code === 'NOT_FOUND' || error.code === 'NOT_IMPLEMENTED')) return null
      throw error
    }
  }

  /** What the LFS batch API wants done for these objects. */
  async lfsUpload(repo: HubRepo, objects: readonly { oid: string; size: number }[], signal?: AbortSignal) {
    const body = JSON.stringify({ operation: 'upload', transfers: ['basic'], hash_algo: 'sha256', objects })
    const headers = this.headers({
      accept: 'application/vnd.git-lfs+json',
      'content-type': 'application/vnd.git-lfs+json',
    })
    const url = `${this.endpoint}${webPath(repo)}.git/info/lfs/objects/batch`
    const { value, reply } = await this.http.json({ url, method: 'POST', headers, body, signal, idempotent: true })
    return shapes.shaped(shapes.LfsBatchShape, value, reply.where).objects
  }

  /** Headers of a call to the endpoint itself. */
  headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return this.#token === null ? { ...more } : { authorization: `Bearer ${this.#token}`, ...more }
  }

  async #get<T>(path: string, shape: Parameters<typeof shapes.shaped<T>>[0], signal?: AbortSignal): Promise<T> {
    const { value, reply } = await this.http.json({ url: this.endpoint + path, headers: this.headers(), signal })
    return shapes.shaped(shape, value, reply.where)
  }

  async #post(path: string, body: NonNullable<HttpRequest['body']>, type: string, options: Partial<HttpRequest>) {
    const headers = this.headers({ 'content-type': type })
    return this.http.json({ ...options, url: this.endpoint + path, method: 'POST', headers, body })
  }

  async *#pages<T>(
    path: string,
    shape: Parameters<typeof shapes.shaped<T>>[0],
    signal?: AbortSignal,
  ): AsyncGenerator<T> {
    const seen = new Set<string>()
    for (let url: string | null = this.endpoint + path; url !== null; ) {
      if (seen.has(url) || seen.size >= PAGES_MAX) {
        throw new AppError('malformed', 'LISTING_ENDLESS', `${this.endpoint}: the pages of a listing never end`)
      }
      seen.add(url)
      const { value, reply }: { value: unknown; reply: HttpReply } = await this.http.json({
        url,
        headers: this.headers(),
        signal,
      })
      yield shapes.shaped(shape, value, reply.where)
      url = this.#nextPage(reply)
    }
  }

  /** The next page by `Link`, taken at our endpoint whatever host the Hub calls itself. */
  #nextPage(reply: HttpReply): string | null {
    const link = /<([^>]*)>\s*;\s*rel="?next"?/.exec(reply.header('link') ?? '')?.[1]
    if (link === undefined) return null
    if (!URL.canParse(link, reply.url))
      throw new AppError('malformed', 'LINK_BAD', `${reply.where}: Link is no address`)
    const next = new URL(link, reply.url)
    return new URL(next.pathname + next.search, new URL(this.endpoint).origin).href
  }
}

function treeFile(entry: {
  path: string
  size?: number | undefined
  oid?: string | undefined
  lfs?: { oid: string; size: number } | null | undefined
  xetHash?: string | null | undefined
}): TreeFile {
  const { path, lfs, xetHash } = entry
  const sha256 = lfs?.oid.replace(/^sha256:/, '') ?? null
  const oid = entry.oid ?? ''
  if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(oid) || (sha256 !== null && !/^[0-9a-f]{64}$/.test(sha256))) {
    throw new AppError(
      'malformed',
      'REPLY_SHAPE_BAD',
      `The listing gives ${JSON.stringify(path)} a digest that is none`,
    )
  }
  // A Hub may mask the Xet hash; such a file comes by plain HTTP.
  const xet = xetHash && /^[0-9a-f]{64}$/.test(xetHash) ? xetHash : null
  return { path, size: lfs?.size ?? entry.size ?? 0, oid, sha256, xetHash: xet }
}
