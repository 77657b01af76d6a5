/**
 * What an experiment works with: one real server for the whole run (its own process and home, users alice and bob),
 * raw HTTP towards it, and scratch folders. After each experiment the runner asks `checkSound`.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { type Reply, type SendOptions, send } from '../farm/http-send.ts'
import { type Finished, HubProcess, type HubSettings, xorbit } from '../farm/hub-process.ts'
import { type ForgedXorb, forgeShard, forgeXorb, listOf, wholeFile } from './forge.ts'

export interface Cas {
  /** The path of the CAS below the origin. */
  readonly path: string
  readonly token: string
}

/** Served after every experiment, within this time, or the experiment failed. */
const GOOD_REQUEST_MS = 5_000
const GOOD_TEXT = 'still here\n'
const GOOD_REPO = 'alice/good'

export class Lab {
  readonly folder: string
  readonly hub: HubProcess
  alice = ''
  bob = ''
  #count = 0
  #pid = 0

  private constructor(folder: string, settings?: HubSettings) {
    this.folder = folder
    this.hub = new HubProcess(join(folder, 'hub'), settings)
  }

  static async open(): Promise<Lab> {
    const folder = await mkdtemp(join(tmpdir(), 'xorbit-faults-'))
    const lab = new Lab(folder)
    try {
      await lab.#prepare()
    } catch (error) {
      await lab.close()
      throw error
    }
    return lab
  }

  /** Another server on a home of its own, which experiments may spoil. It has alice alone, who runs it. */
  async another(settings: HubSettings = {}): Promise<Lab> {
    const args = [...(settings.args ?? []), '--user', 'alice']
    const lab = new Lab(await this.scratch(), { ...settings, args })
    try {
      await settings.prepare?.(await lab.#homeToBe())
      await lab.hub.start()
      await lab.#begin(lab.hub.adminToken)
      return lab
    } catch (error) {
      await lab.close()
      throw error
    }
  }

  /** Runs `action` with another server, and ends it. */
  async withAnother<T>(settings: HubSettings, action: (lab: Lab) => Promise<T>): Promise<T> {
    const lab = await this.another(settings)
    try {
      return await action(lab)
    } finally {
      await lab.close()
    }
  }

  async #homeToBe(): Promise<string> {
    await mkdir(this.hub.folder, { recursive: true })
    return join(this.hub.folder, 'home')
  }

  async #begin(alice: string): Promise<void> {
    this.alice = alice
    await this.createRepo(GOOD_REPO)
    await this.commitText(GOOD_REPO, { 'good.txt': GOOD_TEXT })
    this.#pid = this.hub.pid
  }

  async #prepare(): Promise<void> {
    await this.hub.start()
    const alice = await this.hub.createUser('alice', 'write')
    this.bob = await this.hub.createUser('bob', 'read')
    await this.#begin(alice)
  }

  async close(): Promise<void> {
    await this.hub.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  async scratch(): Promise<string> {
    return mkdtemp(join(this.folder, `t${this.#count++}-`))
  }

  /** A number that no other experiment of this run gets: for names and seeds. */
  next(): number {
    return ++this.#count
  }

  send(path: string, options: SendOptions = {}): Promise<Reply> {
    return send(this.hub.url, path, options)
  }

  async createRepo(name: string, options: { private?: boolean; token?: string } = {}): Promise<void> {
    const [organization, repo] = name.split('/')
    const body = { name: repo, organization, type: 'model', private: options.private ?? false }
    const reply = await this.send('/api/repos/create', {
      method: 'POST',
      token: options.token ?? this.alice,
      body,
      headers: JSON_TYPE,
    })
    assert.equal(reply.status, 200, `create ${name}: ${reply.body}`)
  }

  async freshRepo(options: { private?: boolean } = {}): Promise<string> {
    const name = `alice/r${this.next()}`
    await this.createRepo(name, options)
    return name
  }

  /** A Xet token as huggingface_hub asks for it. */
  async cas(repo: string = GOOD_REPO, token: string = this.alice, scope: 'read' | 'write' = 'write'): Promise<Cas> {
    const reply = await this.send(`/api/models/${repo}/xet-${scope}-token/main`, { token })
    assert.equal(reply.status, 200, `xet token: ${reply.body}`)
    const { casUrl, accessToken } = reply.json() as { casUrl: string; accessToken: string }
    return { path: new URL(casUrl).pathname, token: accessToken }
  }

  putXorb(cas: Cas, hash: string, body: SendOptions['body']): Promise<Reply> {
    return this.send(`${cas.path}/v1/xorbs/default/${hash}`, {
      method: 'POST',
      token: cas.token,
      ...(body === undefined ? {} : { body }),
    })
  }

  /** The shard by /v1/shards: one status says it all. */
  putShard(cas: Cas, body: Uint8Array): Promise<Reply> {
    return this.send(`${cas.path}/v1/shards`, { method: 'POST', token: cas.token, body, timeoutMs: 120_000 })
  }

  commit(repo: string, lines: readonly object[], options: SendOptions = {}): Promise<Reply> {
    const body = [{ key: 'header', value: { summary: 'test', description: '' } }, ...lines].map((line) =>
      JSON.stringify(line),
    )
    return this.send(`/api/models/${repo}/commit/main`, {
      method: 'POST',
      token: this.alice,
      headers: { 'content-type': 'application/x-ndjson' },
      body: `${body.join('\n')}\n`,
      ...options,
    })
  }

  async commitText(repo: string, files: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(files).map(([path, text]) => fileLine(path, text))
    const reply = await this.commit(repo, lines)
    assert.equal(reply.status, 200, `commit: ${reply.body}`)
  }

  /** Uploads chunks as one xorb and one file, and commits the file: the honest way, by hand. */
  async publish(repo: string, path: string, chunks: readonly Uint8Array[]): Promise<Published> {
    const cas = await this.cas(repo)
    const xorb = forgeXorb(chunks)
    const content = Buffer.concat(chunks)
    const sha256 = createHash('sha256').update(content).digest('hex')
    const file = { ...wholeFile(xorb), sha256 }
    const put = await this.putXorb(cas, xorb.hash, xorb.body)
    assert.equal(put.status, 200, `xorb: ${put.body}`)
    const shard = await this.putShard(cas, forgeShard({ files: [file], xorbs: [listOf(xorb)] }))
    assert.equal(shard.status, 200, `shard: ${shard.body}`)
    await this.commitLarge(repo, { path, sha256, content })
    return { repo, path, xorb, content, sha256, fileHash: file.hash, cas }
  }

  /** Commits a file that was uploaded. */
  async commitLarge(
    repo: string,
    { path, sha256, content }: { path: string; sha256: string; content: Buffer },
  ): Promise<void> {
    const value = { path, algo: 'sha256', oid: sha256, size: content.length }
    const commit = await this.commit(repo, [{ key: 'lfsFile', value }])
    assert.equal(commit.status, 200, `commit: ${commit.body}`)
  }

  /** The real command, as alice, towards `endpoint` (this server unless given). */
  run(
    args: readonly string[],
    options: { endpoint?: string; folder?: string; env?: NodeJS.ProcessEnv } = {},
  ): Promise<Finished> {
    const env = { HF_ENDPOINT: options.endpoint ?? this.hub.url, HF_TOKEN: this.alice, ...options.env }
    return xorbit(options.folder ?? this.folder, args, { env, timeoutMs: 120_000 })
  }

  /** Runs `action` and asserts that the store and the refs hold exactly what they held before. */
  async leavesNothing<T>(action: () => Promise<T>): Promise<T> {
    await this.settle()
    const before = await this.hub.storedFiles()
    const result = await action()
    await this.settle()
    const after = await this.hub.storedFiles()
    const more = after.filter((path) => !before.includes(path))
    const less = before.filter((path) => !after.includes(path))
    assert.deepEqual({ more, less }, { more: [], less: [] }, `stored: ${more.join(' ')}; gone: ${less.join(' ')}`)
    return result
  }

  /** Uploads that the server is writing. */
  temporaryFiles(): Promise<string[]> {
    return filesBelow(join(this.hub.home, 'blobs', 'tmp'))
  }

  /** Waits until the server has dropped its temporary files. */
  async settle(): Promise<void> {
    const folder = join(this.hub.home, 'blobs', 'tmp')
    const end = systemClock.monotonicMs() + GOOD_REQUEST_MS
    while (systemClock.monotonicMs() < end) {
      if ((await filesBelow(folder)).length === 0) return
      await systemClock.sleep(20)
    }
    assert.deepEqual(await filesBelow(folder), [], 'temporary files are left')
  }

  /** The same process serves a good request in time and has no temporary files. */
  async checkSound(): Promise<void> {
    const reply = await this.send(`/${GOOD_REPO}/resolve/main/good.txt`, { timeoutMs: GOOD_REQUEST_MS })
    assert.equal(reply.body.toString(), GOOD_TEXT, 'the server no longer serves')
    await this.settle()
    assert.ok(this.hub.isRunning, 'the server died')
  }

  /** For experiments that stop or kill the server themselves. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    await this.hub.stop(signal)
    await this.hub.start()
    this.#pid = this.hub.pid
  }

  checkSameProcess(): void {
    assert.equal(this.hub.pid, this.#pid, 'the server was restarted')
  }

  /** The server's highest resident memory from now on. */
  async watchMemory(): Promise<() => number> {
    await writeFile(`/proc/${this.hub.pid}/clear_refs`, '5')
    const { now } = this.hub.memory()
    return () => this.hub.memory().peak - now
  }

  openFiles(): number {
    return readdirSync(`/proc/${this.hub.pid}/fd`).length
  }
}

export interface Published {
  readonly repo: string
  readonly path: string
  readonly xorb: ForgedXorb
  readonly content: Buffer
  readonly sha256: string
  readonly fileHash: string
  readonly cas: Cas
}

export const JSON_TYPE = { 'content-type': 'application/json' }

export function fileLine(path: string, text: string): object {
  return { key: 'file', value: { path, content: Buffer.from(text).toString('base64'), encoding: 'base64' } }
}

/** Refused with this status, and with this code where one is given. */
export function assertRefused(reply: Reply, status: number | readonly number[], code?: string): void {
  const allowed = typeof status === 'number' ? [status] : status
  assert.ok(
    allowed.includes(reply.status),
    `expected ${allowed.join(' or ')}, got ${reply.status}: ${reply.body.subarray(0, 200)}`,
  )
  if (code !== undefined) assert.equal(reply.json().code, code)
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}
