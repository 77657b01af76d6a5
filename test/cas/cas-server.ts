/**
 * A server of the CAS routes alone, for tests and scripts: real store in `home`, tokens of any account, one epoch. Run as
 * a program it prints its address and lives until it is killed.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { MemoryAccess } from '../../src/cas/access.ts'
import { casUrl } from '../../src/cas/cas-address.ts'
import { mintCasToken } from '../../src/cas/cas-token.ts'
import type { Epoch } from '../../src/cas/epoch.ts'
import { Holdings } from '../../src/cas/holdings.ts'
import type { CasLimits } from '../../src/cas/limits.ts'
import { replyError } from '../../src/http/error-reply.ts'
import { casRoutes } from '../../src/http/routes/cas/cas-routes.ts'
import type { CasService } from '../../src/http/routes/cas/cas-service.ts'
import type { BlobStore } from '../../src/store/blob-store.ts'
import type { Catalog } from '../../src/store/catalog.ts'
import { FsBlobStore } from '../../src/store/fs-blob-store.ts'
import { SqliteCatalog } from '../../src/store/sqlite-catalog.ts'
import { installKernels } from '../../src/xet/active-kernels.ts'
import { createWasmKernels } from '../../src/xet/wasm-kernels.ts'

const keyOf = (use: string) => createHash('sha256').update(`test key ${use}`).digest()
const TOKEN_SECONDS = 86_400

export interface CasServerOptions {
  readonly port?: number
  readonly clock?: Clock
  readonly limits?: Partial<CasLimits>
  readonly blobs?: BlobStore
  readonly catalog?: Catalog
}

export class CasServer {
  readonly origin: string
  readonly holdings: Holdings
  readonly access: MemoryAccess
  readonly epoch: TestEpoch
  readonly #app: FastifyInstance
  readonly #catalog: Catalog

  private constructor(
    app: FastifyInstance,
    origin: string,
    parts: { cas: CasService; access: MemoryAccess; epoch: TestEpoch },
  ) {
    this.#app = app
    this.origin = origin
    this.holdings = parts.cas.holdings
    this.#catalog = this.holdings.catalog
    this.access = parts.access
    this.epoch = parts.epoch
  }

  static async start(home: string, options: CasServerOptions = {}): Promise<CasServer> {
    await mkdir(home, { recursive: true })
    const clock = options.clock ?? systemClock
    const epoch = new TestEpoch()
    const access = new MemoryAccess()
    const blobs = options.blobs ?? (await FsBlobStore.create(join(home, 'blobs')))
    const catalog = options.catalog ?? new SqliteCatalog(join(home, 'catalog.db'))
    const limits = options.limits ?? {}
    const cas: CasService = {
      holdings: new Holdings({ blobs, catalog, access, clock, limits }),
      signingKey: keyOf('signing'),
      tokenKey: keyOf('token'),
      isGranted: () => false,
      epoch,
      originOf: (request) => `http://${request.headers.host}`,
      clock,
      log: silentLog,
    }
    const app = Fastify({ bodyLimit: Number.MAX_SAFE_INTEGER, exposeHeadRoutes: false, forceCloseConnections: true })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    app.setErrorHandler((error, request, reply) => replyError(error, request, reply, silentLog))
    app.post('/v1/telemetry', async (_request, reply) => reply.code(204).send())
    app.register(async (scope) => casRoutes(scope, cas), { prefix: '/cas/:epoch/:account' })
    const origin = await app.listen({ host: '127.0.0.1', port: options.port ?? 0 })
    return new CasServer(app, origin, { cas, access, epoch })
  }

  url(account = 'ann'): string {
    return casUrl(this.origin, this.epoch.current(), account)
  }

  async close(): Promise<void> {
    await this.#app.close()
    await this.#catalog.close()
  }
}

export class TestEpoch implements Epoch {
  readonly #accepted = ['e1']

  current(): string {
    return this.#accepted.at(-1) as string
  }

  accepts(epoch: string): boolean {
    return this.#accepted.includes(epoch)
  }

  async advance(): Promise<string> {
    this.#accepted.push(`e${this.#accepted.length + 1}`)
    return this.current()
  }
}

export interface TokenWishes {
  readonly account?: string
  readonly scope?: 'read' | 'write'
  readonly epoch?: string
  readonly expirySeconds?: number
}

export function tokenFor(wishes: TokenWishes = {}): string {
  const expirySeconds = systemClock.nowSeconds() + TOKEN_SECONDS
  return mintCasToken(keyOf('token'), {
    account: 'ann',
    scope: 'write',
    epoch: 'e1',
    expirySeconds,
    grant: null,
    ...wishes,
  })
}

if (import.meta.main) {
  const wasm = await readFile(new URL('../../src/xet/kernels.wasm', import.meta.url))
  installKernels(createWasmKernels(new Uint8Array(wasm)))
  const [home, port] = process.argv.slice(2) as [string, string | undefined]
  const server = await CasServer.start(home, { port: Number(port ?? 0) })
  process.stdout.write(`${server.origin}\n`)
}
