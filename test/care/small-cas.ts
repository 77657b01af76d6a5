/**
 * A CAS in memory for tests of the sweep: a few blocks, each a xorb of one chunk; files of blocks; repositories as sets.
 * A crash is a write that throws; whoever opens the CAS again finds what was written before it.
 */
import { createHash } from 'node:crypto'
import { AppError } from '../../src/base/app-error.ts'
import type { ManualClock } from '../../src/base/clock.ts'
import { acceptShard } from '../../src/cas/accept-shard.ts'
import { acceptXorb } from '../../src/cas/accept-xorb.ts'
import { MemoryAccess } from '../../src/cas/access.ts'
import { Holdings } from '../../src/cas/holdings.ts'
import { findGarbage, type Roots, sweepParts } from '../../src/cas/liveness.ts'
import { LocalCasFiles } from '../../src/cas/local-cas-files.ts'
import type { BlobStore } from '../../src/store/blob-store.ts'
import type { Catalog } from '../../src/store/catalog.ts'
import { MemoryBlobStore } from '../../src/store/memory-blob-store.ts'
import { MemoryCatalog } from '../../src/store/memory-catalog.ts'
import { emptyTrash, sweepMarks, writeMarks } from '../../src/store/sweep.ts'
import { chunkHash, type FileHash, verificationHash } from '../../src/xet/hash.ts'
import { fileHash } from '../../src/xet/merkle.ts'
import { writeUploadShard } from '../../src/xet/shard-writer.ts'
import { XorbBuilder } from '../../src/xet/xorb-writer.ts'

export const BLOCKS = 5
/** Blocks by file: they overlap, and one file is the start of another. */
export const FILES: readonly (readonly number[])[] = [[0], [0, 1], [1, 2], [3], [2, 3, 4]]
const BLOCK_BYTES = 9000

const blocks = Array.from({ length: BLOCKS }, (_, i) => {
  const plain = Buffer.alloc(BLOCK_BYTES, createHash('sha512').update(`block ${i}`).digest())
  const hash = chunkHash(plain)
  const builder = new XorbBuilder()
  builder.add(hash, plain)
  return { plain, hash, ...{ xorb: builder.finish() } }
})
const blockAt = (i: number) => blocks[i] as (typeof blocks)[number]

export const xorbOf = (block: number) => blockAt(block).xorb.hash
export const chunkOf = (block: number) => blockAt(block).hash
export const bytesOf = (file: number) => Buffer.concat((FILES[file] ?? []).map((i) => blockAt(i).plain))
export const sha256Of = (file: number) => createHash('sha256').update(bytesOf(file)).digest('hex')
export const hashOf = (file: number): FileHash =>
  fileHash((FILES[file] ?? []).map((i) => ({ hash: blockAt(i).hash, length: BLOCK_BYTES })))

function shardOf(file: number): Uint8Array {
  const used = FILES[file] ?? []
  const terms = used.map((i) => ({ xorb: xorbOf(i), start: 0, end: 1, plainLength: BLOCK_BYTES }))
  const ranges = used.map((i) => verificationHash([blockAt(i).hash]))
  const xorbs = [...new Set(used)].map((i) => ({ hash: xorbOf(i), chunks: blockAt(i).xorb.chunks }))
  return writeUploadShard({ files: [{ hash: hashOf(file), terms, ranges, sha256: sha256Of(file) }], xorbs })
}

class MemoryRoots implements Roots {
  readonly repos = new Map<string, Set<string>>()

  async has(repo: string): Promise<boolean> {
    return this.repos.has(repo)
  }

  async *list(): AsyncIterable<string> {
    yield* this.repos.keys()
  }

  async filesOf(repo: string): Promise<ReadonlySet<string>> {
    return this.repos.get(repo) ?? new Set()
  }

  async whileStill<T>(_repo: string, action: () => Promise<T>): Promise<T> {
    return action()
  }
}

const MUTATING = new Set(['write', 'remove', 'removeFree', 'put', 'trash', 'purge', 'restore'])

export class SmallCas {
  readonly roots = new MemoryRoots()
  readonly access = new MemoryAccess()
  readonly #stores = { blobs: new MemoryBlobStore(), catalog: new MemoryCatalog() }
  readonly #clock: ManualClock
  holdings: Holdings
  /** Called before each change; may throw. */
  onChange: (name: string) => Promise<void> = async () => undefined

  constructor(clock: ManualClock) {
    this.#clock = clock
    this.holdings = this.#open()
  }

  reopen(): void {
    this.onChange = async () => undefined
    this.holdings = this.#open()
  }

  async putXorb(account: string, block: number): Promise<void> {
    const { body, hash } = blockAt(block).xorb
    await acceptXorb(this.holdings, account, hash, once(body))
  }

  async putShard(account: string, file: number): Promise<void> {
    await acceptShard(this.holdings, account, shardOf(file))
  }

  /** As the Hub does: looked up, attached, then the ref moves. False when it was refused. */
  async commit(account: string, repo: string, file: number): Promise<boolean> {
    const files = new LocalCasFiles(this.holdings)
    const found = await files.findVerified(account, sha256Of(file))
    if (found === null) return false
    await files.attach(repo, [found.hash])
    this.roots.repos.set(repo, (this.roots.repos.get(repo) ?? new Set()).add(sha256Of(file)))
    this.access.grant(account, repo)
    return true
  }

  async deleteRepo(repo: string): Promise<void> {
    this.roots.repos.delete(repo)
    await new LocalCasFiles(this.holdings).detach(repo)
  }

  async read(file: number): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for await (const part of new LocalCasFiles(this.holdings).open(hashOf(file))) parts.push(part)
    return Buffer.concat(parts)
  }

  async sweep(skipWaits = false): Promise<void> {
    const { holdings } = this
    const { marks } = await findGarbage(holdings, this.roots, { skipWaits, dryRun: false })
    await writeMarks(holdings.catalog, marks)
    await sweepMarks(sweepParts(holdings))
    await emptyTrash(sweepParts(holdings), { skipWaits })
  }

  async listXorbs(): Promise<string[]> {
    const names: string[] = []
    for await (const name of this.holdings.blobs.list('xorb')) names.push(name)
    return names
  }

  #open(): Holdings {
    const { blobs, catalog } = this.#stores
    return new Holdings({
      ...{ blobs: this.#watched<BlobStore>(blobs), catalog: this.#watched<Catalog>(catalog) },
      ...{ access: this.access, clock: this.#clock },
    })
  }

  /** The store, with a stop before everything that changes it. */
  #watched<T extends object>(store: T): T {
    return new Proxy(store, {
      get: (target, name) => {
        const member = Reflect.get(target, name) as unknown
        if (typeof member !== 'function') return member
        const call = member.bind(target) as (...values: unknown[]) => unknown
        if (!MUTATING.has(String(name))) return call
        return async (...values: unknown[]) => {
          await this.onChange(String(name))
          return call(...values)
        }
      },
    })
  }
}

export class Crash extends AppError {
  constructor() {
    super('bug', 'BUG', 'the process was killed here')
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
