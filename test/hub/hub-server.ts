/**
 * A whole server over a temporary home, in this process: users alice (write) and bob (read), a client that speaks plain
 * HTTP. Nothing is mocked.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Composition, compose, type ServerLimits } from '../../src/app/compose.ts'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import type { Pace } from '../../src/http/guards/pace.ts'
import type { LfsPartLimits } from '../../src/hub/lfs-parts.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  readonly json: any
}

export interface Ask {
  readonly method?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export class HubServer {
  readonly home: string
  readonly parts: Composition
  readonly port: number
  readonly alice: string
  readonly bob: string

  private constructor(home: string, parts: Composition, tokens: { alice: string; bob: string }) {
    this.home = home
    this.parts = parts
    this.port = (parts.server.server.address() as AddressInfo).port
    this.alice = tokens.alice
    this.bob = tokens.bob
  }

  static async start(
    options: { home?: string; clock?: Clock; limits?: ServerLimits; lfsParts?: LfsPartLimits; pace?: Pace } = {},
  ): Promise<HubServer> {
    const home = options.home ?? (await mkdtemp(join(tmpdir(), 'xorbit-hub-')))
    const health = { version: '0', notReady: async () => [], checkStored: () => undefined }
    const clock = options.clock ?? systemClock
    const parts = await compose({ ...options, home, allowedHosts: [], health, clock, log: silentLog })
    await parts.server.listen({ host: '127.0.0.1', port: 0 })
    const { accounts } = parts
    const tokenOf = (name: string, scope: 'read' | 'write') => {
      if (accounts.findUser(name) === null) accounts.createUser(name)
      return accounts.createToken(name, { scope, name: randomBytes(4).toString('hex') }).token
    }
    return new HubServer(home, parts, { alice: tokenOf('alice', 'write'), bob: tokenOf('bob', 'read') })
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Ends the server; the home stays. */
  async stop(): Promise<void> {
    await this.parts.close()
  }

  async remove(): Promise<void> {
    await this.stop()
    await rm(this.home, { recursive: true, force: true })
  }

  /** One request. `path` may be a whole URL of this server. */
  ask(path: string, { method = 'GET', token, headers = {}, body }: Ask = {}): Promise<Answer> {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const sent = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...length, ...headers }
    return new Promise((resolve, reject) => {
      const url = path.startsWith('http') ? path : `${this.origin}${path}`
      const call = request(url, { method, headers: sent, agent: false }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () => {
          const whole = Buffer.concat(parts)
          const isJson =
            response.statusCode !== 206 && /json/.test(response.headers['content-type'] ?? '') && whole.length > 0
          const text = whole.toString('utf8')
          const json = isJson ? JSON.parse(text) : undefined
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole, text, json })
        })
      })
      call.on('error', reject)
      call.end(body)
    })
  }

  post(path: string, value: unknown, token: string | undefined = this.alice): Promise<Answer> {
    const headers = { 'content-type': 'application/json' }
    return this.ask(path, {
      method: 'POST',
      headers,
      body: JSON.stringify(value),
      ...(token === undefined ? {} : { token }),
    })
  }

  create(name: string, fields: object = {}): Promise<Answer> {
    return this.post('/api/repos/create', { name, organization: 'alice', type: 'model', ...fields })
  }

  commit(
    id: string,
    lines: readonly object[],
    options: { header?: object; token?: string; rev?: string; type?: string } = {},
  ) {
    const { header = {}, token = this.alice, rev = 'main', type = 'models' } = options
    const all = [{ key: 'header', value: { summary: 'change', description: '', ...header } }, ...lines]
    const body = `${all.map((line) => JSON.stringify(line)).join('\n')}\n`
    const headers = { 'content-type': 'application/x-ndjson' }
    return this.ask(`/api/${type}/${id}/commit/${rev}`, { method: 'POST', headers, token, body })
  }

  /** Sends the bytes by LFS and gives the line of a commit that names them. */
  async upload(id: string, path: string, content: Buffer, token = this.alice): Promise<object> {
    const oid = createHash('sha256').update(content).digest('hex')
    const batch = {
      operation: 'upload',
      transfers: ['basic'],
      objects: [{ oid, size: content.length }],
      hash_algo: 'sha256',
    }
    const { json } = await this.post(`/${id}.git/info/lfs/objects/batch`, batch, token)
    const { actions } = json.objects[0]
    if (actions !== undefined) {
      const put = await this.ask(actions.upload.href, { method: 'PUT', body: content })
      if (put.status !== 200) throw new Error(`PUT gave ${put.status}: ${put.text}`)
    }
    return { key: 'lfsFile', value: { path, algo: 'sha256', oid, size: content.length } }
  }
}

export function file(path: string, content: string | Buffer): object {
  return { key: 'file', value: { path, content: Buffer.from(content).toString('base64'), encoding: 'base64' } }
}
