/**
 * Makes a large home in seconds, through the product's own stores, in batches, in this process.
 *
 * | what | real | made from templates |
 * | --- | --- | --- |
 * | listed repositories | rows, facts and tags, as `accounts.db` has them; a reference to a file in the catalog | no folder of git |
 * | chunk index, chunk lists, files | rows, as `catalog.db` has them | no xorb on disk |
 * | pulled and pushed repositories | all of it: git, shard, xorb, catalog, one file of some MiB | nothing |
 * | the repository of many files | all of it; every tenth is a large file with a shard of its own | contents repeat |
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Composition } from '../../src/app/compose.ts'
import { compose } from '../../src/app/compose.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { acceptShard } from '../../src/cas/accept-shard.ts'
import { acceptXorb } from '../../src/cas/accept-xorb.ts'
import { FileEntryBuilder } from '../../src/cas/file-entry.ts'
import { fileName, repoName, xorbName } from '../../src/cas/rights.ts'
import { formatPointer } from '../../src/git/lfs-pointer.ts'
import { type Oid, parseOid } from '../../src/git/oid.ts'
import { parseRepoId } from '../../src/hub/repo-id.ts'
import { RepoTable } from '../../src/hub/repo-table.ts'
import { openHome } from '../../src/store/home.ts'
import { PAIR_BYTES } from '../../src/xet/constants.ts'
import { type FileHash, formatHash, type XorbHash } from '../../src/xet/hash.ts'
import { pack } from '../../test/cas/small-client.ts'
import { Caller } from './caller.ts'
import { contentOf } from './content.ts'
import { type MadeHome, NAMESPACES, RARE_EVERY, type RealRepo } from './plan.ts'

export interface Sizes {
  readonly repos: number
  readonly files: number
  readonly chunks: number
  readonly realRepos: number
  readonly realBytes: number
  readonly pushers: number
}

const BATCH_REPOS = 2_000
const CHUNKS_PER_XORB = 1_000
const XORBS_PER_BATCH = 4
const USERS = 20
const LARGE_NAMESPACE = 'large'
/** Of the large repository's files. */
const LFS_EVERY = 10
const LFS_FILES_MAX = 1_000

export async function makeHome(path: string, sizes: Sizes, say: (text: string) => void): Promise<MadeHome> {
  const home = await openHome(path, systemClock)
  const health = { version: '0', notReady: async () => [], checkStored: () => undefined }
  const parts = await compose({ home: path, allowedHosts: [], health, clock: systemClock, log: silentLog })
  try {
    const origin = await parts.server.listen({ host: '127.0.0.1', port: 0 })
    const maker = new Maker(parts, origin, sizes)
    const files = await maker.putIndex()
    say(`${sizes.chunks} chunks in the index`)
    await maker.putRepos(files)
    say(`${sizes.repos} repositories`)
    const large = await maker.putLargeRepo()
    say(`one repository of ${sizes.files} files`)
    const real = await maker.putRealRepos()
    const pushed = await maker.putPushed()
    say(`${real.length} repositories with files`)
    maker.close()
    return { large, real, pushed, chunks: maker.someChunks }
  } finally {
    await parts.close()
    home.lock.release()
  }
}

class Maker {
  readonly #parts: Composition
  readonly #sizes: Sizes
  readonly #origin: string
  readonly #caller = new Caller()
  readonly #tokens: string[] = []
  readonly someChunks: string[] = []

  constructor(parts: Composition, origin: string, sizes: Sizes) {
    this.#parts = parts
    this.#origin = origin
    this.#sizes = sizes
    const { accounts } = parts
    for (let i = 0; i < USERS; i++) {
      accounts.createUser(`user${i}`)
      this.#tokens.push(accounts.createToken(`user${i}`, { scope: 'write', name: 'scale' }).token)
    }
    accounts.createUser(LARGE_NAMESPACE)
  }

  /** Xorbs of a thousand chunks, each the only one of a file. The files' hashes. */
  async putIndex(): Promise<FileHash[]> {
    const { catalog } = this.#parts.store
    const files: FileHash[] = []
    const count = Math.ceil(this.#sizes.chunks / CHUNKS_PER_XORB)
    for (let first = 0; first < count; first += XORBS_PER_BATCH) {
      const numbers = Array.from({ length: Math.min(XORBS_PER_BATCH, count - first) }, (_, i) => first + i)
      const xorbs = numbers.map((number) => this.#xorbTemplate(number))
      await catalog.write({
        records: xorbs.flatMap(({ xorb, packed, file, entry }) => [
          { kind: 'xorb', key: xorb, value: packed },
          { kind: 'file', key: file, value: entry },
        ]),
        references: xorbs.map(({ xorb, file }) => ({ from: fileName(file), to: xorbName(xorb) })),
        index: xorbs.flatMap(({ xorb, chunks }) => chunks.map((key) => ({ kind: 'chunk', key, value: xorb }))),
      })
      files.push(...xorbs.map(({ file }) => file))
      this.someChunks.push(xorbs[0]?.chunks[0] as string)
    }
    return files
  }

  #xorbTemplate(number: number) {
    const packed = randomBytes(CHUNKS_PER_XORB * PAIR_BYTES)
    const chunks: string[] = []
    for (let i = 0; i < CHUNKS_PER_XORB; i++) {
      const at = i * PAIR_BYTES
      // The text begins with these three bytes: rows come in order, which SQLite takes much faster.
      packed.writeUIntLE(number * CHUNKS_PER_XORB + i, at + 5, 3)
      packed.writeUInt32LE(65_536, at + PAIR_BYTES - 4)
      chunks.push(formatHash<'chunk'>(packed.subarray(at, at + PAIR_BYTES - 4)))
    }
    const xorb = randomBytes(32).toString('hex') as XorbHash
    const file = randomBytes(32).toString('hex') as FileHash
    const builder = new FileEntryBuilder()
    builder.add({ xorb, start: 0, end: CHUNKS_PER_XORB, plainLength: CHUNKS_PER_XORB * 65_536 })
    return { xorb, packed, chunks, file, entry: builder.finish() }
  }

  async putRepos(files: readonly FileHash[]): Promise<void> {
    const { accounts, store } = this.#parts
    for (let first = 0; first < this.#sizes.repos; first += BATCH_REPOS) {
      const end = Math.min(first + BATCH_REPOS, this.#sizes.repos)
      const ids = accounts.transact(() => {
        const made: string[] = []
        for (let i = first; i < end; i++) made.push(this.#putRepo(i))
        return made
      })
      const references = ids.map((id, i) => ({
        from: repoName(id),
        to: fileName(files[(first + i) % files.length] as FileHash),
      }))
      await store.catalog.write({ references })
    }
  }

  /** A third is private. */
  #putRepo(number: number): string {
    const { accounts } = this.#parts
    const id = parseRepoId(`org${number % NAMESPACES}/model-${number}`)
    const row = { id: RepoTable.newId(), private: number % 3 === 0, settings: {} }
    accounts.repos.insert(id, row)
    const tags = ['transformers', 'safetensors', `license:${number % 2 === 0 ? 'mit' : 'apache-2.0'}`]
    if (number % RARE_EVERY === 1) tags.push('rare')
    const pipeline = number % RARE_EVERY === 2 ? 'depth-estimation' : 'text-generation'
    const commit = parseOid(createHash('sha1').update(String(number)).digest('hex'))
    const summary = { pipeline_tag: pipeline, library_name: 'transformers', cardData: { license: 'mit' } }
    const modifiedMs = Date.UTC(2025, 0, 1) + number * 60_000
    accounts.facts.put(row.id, { commit, modifiedMs, bytes: 1_000_000, tags: [...tags, pipeline], summary })
    return row.id
  }

  async putLargeRepo(): Promise<MadeHome['large']> {
    const { accounts, store } = this.#parts
    const { files } = this.#sizes
    const id = parseRepoId(`${LARGE_NAMESPACE}/tree`)
    const record = accounts.repos.insert(id, { id: RepoTable.newId(), private: false, settings: {} })
    const large = await this.#putLfsFiles(record.id, Math.min(LFS_FILES_MAX, Math.ceil(files / LFS_EVERY)))
    await store.repositories.create(id, async (repository) => {
      const writer = await repository.openWriter()
      const small = await writer.putBlob(Buffer.from('{"a file": "of the large repository"}\n'))
      const pointers: Oid[] = []
      for (const pointer of large) pointers.push(await writer.putBlob(Buffer.from(pointer)))
      const changes = Array.from({ length: files }, (_, i) => ({
        path: `part-${String(Math.floor(i / 1000)).padStart(3, '0')}/file-${String(i).padStart(6, '0')}.json`,
        oid: i % LFS_EVERY === 0 ? (pointers[(i / LFS_EVERY) % pointers.length] ?? small) : small,
      }))
      const author = { name: 'scale', email: 'scale@localhost' }
      const spec = { parent: null, changes, message: 'many files', author, seconds: systemClock.nowSeconds() }
      const to = await writer.putCommit(spec)
      await writer.finish()
      await repository.changeRefs([{ ref: 'refs/heads/main', from: null, to }])
    })
    return { id: 'large/tree', files, token: this.#tokens[0] as string }
  }

  /** Pointers to small files that are in the store, all in one xorb. */
  async #putLfsFiles(repo: string, count: number): Promise<string[]> {
    const contents = Array.from({ length: count }, (_, i) => contentOf(`large ${i}`, 300))
    const account = this.#parts.accounts.getUser('user0').id
    const hashes = await this.#upload(account, contents)
    await this.#parts.store.files.attach(repo, hashes)
    return contents.map((content) => formatPointer({ sha256: sha256(content), size: content.length }))
  }

  async #upload(account: string, contents: readonly Uint8Array[]): Promise<FileHash[]> {
    const { holdings } = this.#parts.store
    const { xorbs, shard, files } = await pack(contents)
    for (const { hash, body } of xorbs) await acceptXorb(holdings, account, hash, once(body))
    await acceptShard(holdings, account, shard)
    return files.map(({ hash }) => hash)
  }

  async putRealRepos(): Promise<RealRepo[]> {
    const { realRepos, realBytes: bytes } = this.#sizes
    const made: RealRepo[] = []
    for (let i = 0; i < realRepos; i++) {
      const user = `user${i % USERS}`
      const token = this.#tokens[i % USERS] as string
      const seed = `real ${i}`
      await this.#post('/api/repos/create', token, { name: `real-${i}`, type: 'model', private: i % 2 === 0 })
      const content = contentOf(seed, bytes)
      await this.#upload(this.#parts.accounts.getUser(user).id, [content])
      const lines = [
        { key: 'header', value: { summary: 'files' } },
        { key: 'file', value: { path: 'config.json', content: configOf(i), encoding: 'utf-8' } },
        { key: 'lfsFile', value: { path: 'model.bin', algo: 'sha256', oid: sha256(content), size: bytes } },
      ]
      const body = lines.map((line) => JSON.stringify(line)).join('\n')
      await this.#post(`/api/models/${user}/real-${i}/commit/main`, token, body)
      made.push({ id: `${user}/real-${i}`, seed, bytes, token })
    }
    return made
  }

  async putPushed(): Promise<MadeHome['pushed']> {
    const made = []
    for (let i = 0; i < this.#sizes.pushers; i++) {
      const token = this.#tokens[i % USERS] as string
      await this.#post('/api/repos/create', token, { name: `pushed-${i}`, type: 'model', private: true })
      made.push({ id: `user${i % USERS}/pushed-${i}`, token })
    }
    return made
  }

  close(): void {
    this.#caller.close()
  }

  async #post(url: string, token: string, body: string | Record<string, unknown>): Promise<void> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    await this.#caller.call(`${this.#origin}${url}`, { method: 'POST', token, body: text })
  }
}

export function configOf(number: number): string {
  return `{"model_type": "scale", "number": ${number}}\n`
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
