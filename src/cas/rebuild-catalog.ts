/**
 * A catalog made anew from what is stored: chunk lists from shards (each proved by its xorb's name) or from the xorbs
 * themselves, files from shards, what repositories hold from git. Shards were verified when they came and name
 * themselves by SHA-256, so their claims stand. Everything gets a lease of the server: who was told what is forgotten.
 */
import { AppError } from '../base/app-error.ts'
import type { BlobKey } from '../store/blob-store.ts'
import { type ChunkList, ChunkListBuilder } from '../xet/chunk-list.ts'
import { chunkHash, type FileHash, type XorbHash } from '../xet/hash.ts'
import { MerkleFold } from '../xet/merkle.ts'
import { type FileView, openShard, type ShardView, type XorbView } from '../xet/shard-reader.ts'
import { FileEntry, FileEntryBuilder } from './file-entry.ts'
import { findDamaged, type Holdings } from './holdings.ts'
import { type Roots, readShard } from './liveness.ts'
import { Pacer } from './pacer.ts'
import { registerShard } from './register-shard.ts'
import { fileName, repoName, xorbName } from './rights.ts'
import { claimOf, type VerifiedFile } from './verify-file.ts'
import { plainOf, soundSegments } from './verify-stored.ts'

export interface RebuildReport {
  readonly xorbs: number
  readonly shards: number
  readonly files: number
  readonly repositories: number
  /** What could not be used, each with its reason; the rest is there. */
  readonly problems: readonly string[]
}

const SAME_SHA256_MAX = 16

export class CatalogRebuild {
  readonly #holdings: Holdings
  readonly #roots: Roots
  readonly #pacer: Pacer
  readonly #problems: string[] = []
  #xorbs = 0
  #shards = 0
  #files = 0
  #repositories = 0

  /** `holdings` has an empty catalog. */
  constructor(holdings: Holdings, roots: Roots) {
    this.#holdings = holdings
    this.#roots = roots
    this.#pacer = new Pacer(holdings.clock)
  }

  async run(): Promise<RebuildReport> {
    // What was about to go can be told no more.
    for await (const key of this.#holdings.blobs.listTrash()) await this.#holdings.blobs.restore(key)
    for await (const [, shard] of this.#eachShard()) for (const view of shard.xorbs()) await this.#takeList(view)
    for await (const name of this.#holdings.blobs.list('xorb')) await this.#readList(name as XorbHash)
    for await (const [name, shard] of this.#eachShard()) await this.#takeFiles(name, shard)
    for await (const repo of this.#roots.list()) await this.#takeRepo(repo)
    const counts = { xorbs: this.#xorbs, shards: this.#shards, files: this.#files, repositories: this.#repositories }
    return { ...counts, problems: this.#problems }
  }

  async *#eachShard(): AsyncGenerator<[name: string, shard: ShardView]> {
    for await (const name of this.#holdings.blobs.list('shard')) {
      const shard = await this.#tried(`shard ${name}`, async () => openShard(await readShard(this.#holdings, name)))
      if (shard !== null) yield [name, shard]
    }
  }

  async #takeList(view: XorbView): Promise<void> {
    const { hash } = view
    if ((await this.#holdings.catalog.findRecord('xorb', hash)) !== null) return
    const info = await this.#holdings.blobs.find({ kind: 'xorb', name: hash })
    if (info === null || info.ends.length !== view.chunkCount) return
    const list = new ChunkListBuilder()
    for (let i = 0; i < view.chunkCount; i++) {
      list.add(view.chunkHash(i), view.chunkLength(i))
      if (this.#pacer.isDue) await this.#pacer.pause()
    }
    await this.#putList(hash, list.finish())
  }

  async #readList(hash: XorbHash): Promise<void> {
    const { blobs, catalog } = this.#holdings
    if ((await catalog.findRecord('xorb', hash)) !== null) return
    const key: BlobKey = { kind: 'xorb', name: hash }
    const info = await blobs.find(key)
    if (info === null) return
    await this.#tried(`xorb ${hash}`, async () => {
      const list = new ChunkListBuilder()
      for await (const { bytes } of soundSegments(this.#holdings, key, info)) {
        const plain = plainOf(bytes)
        if (plain !== null) list.add(chunkHash(plain), plain.length)
        if (this.#pacer.isDue) await this.#pacer.pause()
      }
      if (await this.#putList(hash, list.finish())) return
      throw new AppError('damaged', 'XORB_LOST', 'its chunks do not make its name; send its files again')
    })
  }

  /** Whether the list makes the xorb's name. */
  async #putList(hash: XorbHash, chunks: ChunkList): Promise<boolean> {
    if (chunks.count === 0) return false
    const fold = new MerkleFold()
    for (let i = 0; i < chunks.count; i++) fold.add(chunks.hashBytes(i), chunks.length(i))
    if (fold.root() !== hash) return false
    const leases = this.#holdings.serverLeases([xorbName(hash)])
    await this.#holdings.catalog.write({ records: [{ kind: 'xorb', key: hash, value: chunks.packed }], leases })
    this.#xorbs++
    return true
  }

  async #takeFiles(name: string, shard: ShardView): Promise<void> {
    const files: VerifiedFile[] = []
    for (const view of shard.files()) {
      const file = await this.#tried(`file ${view.hash} of shard ${name}`, () => this.#resolve(view))
      if (file !== null) files.push(file)
    }
    const verified = files.filter(({ file }) => claimOf(file) !== null)
    const leasesOf = (targets: readonly string[]) => this.#holdings.serverLeases(targets)
    await registerShard(this.#holdings, { name, shard, files, verified, leasesOf }, this.#pacer)
    this.#shards++
  }

  /** Null when a sounder description of the file is there already; throws when its terms lead nowhere. */
  async #resolve(file: FileView): Promise<VerifiedFile | null> {
    const { hash } = file
    const entry = new FileEntryBuilder()
    let isSound = true
    for (const term of file.terms()) {
      const xorb = await this.#holdings.findXorb(term.xorb)
      if (xorb === null || term.end > xorb.chunks.count) {
        throw new AppError('damaged', 'XORB_LOST', `xorb ${term.xorb} of it is gone: send the file again`)
      }
      if (findDamaged(xorb, term.start, term.end) !== null) isSound = false
      entry.add(term)
      if (this.#pacer.isDue) await this.#pacer.pause()
    }
    const isKnown = (await this.#holdings.findFile(hash)) !== null
    if (isKnown && !isSound) return null
    if (!isKnown) this.#files++
    const encoded = entry.finish()
    return { file, hash, entry: new FileEntry(encoded), encoded }
  }

  async #takeRepo(repo: string): Promise<void> {
    const { catalog } = this.#holdings
    await this.#tried(`repository ${repo}`, async () => {
      for (const sha256 of await this.#roots.filesOf(repo)) {
        const hashes = await catalog.findIndex('sha256', sha256, SAME_SHA256_MAX)
        if (hashes.length === 0)
          this.#problems.push(`repository ${repo} needs a file of SHA-256 ${sha256}, which is lost`)
        const references = hashes.map((hash) => ({ from: repoName(repo), to: fileName(hash as FileHash) }))
        await catalog.write({ references })
      }
    })
    this.#repositories++
  }

  async #tried<T>(what: string, attempt: () => Promise<T>): Promise<T | null> {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      this.#problems.push(`${what}: ${error.message}`)
      return null
    }
  }
}
