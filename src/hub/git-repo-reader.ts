/**
 * RepoReader over the bare repositories of this server. A commit's listing is read once, by one git call and one batch
 * of pointers, and kept while there is room: it never changes. A large file's bytes are those that this repository holds
 * in the CAS under the pointer's SHA-256, whoever asks.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ByteRange } from '../base/byte-range.ts'
import type { CasFiles, StoredFile } from '../cas/cas-files.ts'
import type { AttributesFile } from '../git/attributes.ts'
import type { CommitInfo, CommitPage } from '../git/history.ts'
import { type LfsPointer, POINTER_BYTES_MAX, POINTER_BYTES_MIN, parsePointer } from '../git/lfs-pointer.ts'
import { blobOid, type Oid } from '../git/oid.ts'
import type { Ref, Repository } from '../git/repository.ts'
import type { TreeEntry } from '../git/tree-listing.ts'
import { BoundedCache } from '../store/bounded-cache.ts'
import { checkRead } from './access.ts'
import { type Accounts, repoAccount } from './accounts.ts'
import type { Caller } from './caller.ts'
import { entryNotFound, revisionNotFound } from './hub-error.ts'
import type { RepoId } from './repo-id.ts'
import { type FileEntry, type RepoEntry, RepoListing } from './repo-listing.ts'
import type { RepoReader, Snapshot } from './repo-reader.ts'
import type { RepoRecord } from './repo-table.ts'
import type { Repositories } from './repositories.ts'
import { candidatesOf } from './revision.ts'

/** Paths kept over all commits, about 300 bytes each. */
const LISTED_PATHS_MAX = 200_000
/** Entries read before others are answered. */
const LISTED_TOGETHER = 1_000
const POINTERS_MAX = 200_000
const ATTRIBUTE_FILES_MAX = 100
const ATTRIBUTES_BYTES_MAX = 256 * 1024
const EMPTY_BLOB = blobOid(new Uint8Array(0))

export interface GitRepoReaderParts {
  readonly accounts: Accounts
  readonly repositories: Repositories
  readonly files: CasFiles
}

export class GitRepoReader implements RepoReader {
  readonly #parts: GitRepoReaderParts
  readonly #listings = new BoundedCache<RepoListing>(LISTED_PATHS_MAX)
  /** Null for small files that are none. */
  readonly #pointers = new BoundedCache<LfsPointer | null>(POINTERS_MAX)
  readonly #running = new Map<string, Promise<RepoListing>>()

  constructor(parts: GitRepoReaderParts) {
    this.#parts = parts
  }

  async getRepo(caller: Caller, id: RepoId): Promise<RepoRecord> {
    return checkRead(caller, this.#parts.accounts.repos.find(id))
  }

  async at(caller: Caller, id: RepoId, revision: string): Promise<Snapshot> {
    const record = await this.getRepo(caller, id)
    const candidates = candidatesOf(revision)
    const repository = await this.#parts.repositories.open(record)
    for (const name of candidates) {
      const commit = await repository.findCommit(name)
      if (commit !== null) return this.snapshot(record, repository, { revision, commit })
    }
    throw revisionNotFound(revision)
  }

  async listRefs(caller: Caller, id: RepoId): Promise<Ref[]> {
    return (await this.#parts.repositories.open(await this.getRepo(caller, id))).listRefs()
  }

  /** For writers, who have checked the caller. */
  snapshot(repo: RepoRecord, repository: Repository, at: { revision: string; commit: Oid }): Snapshot {
    const list = () => this.#list(repository, at.commit)
    return new GitSnapshot(this.#parts.files, repository, { repo, ...at, list })
  }

  /** Made once, however many ask for it at the same time. */
  #list(repository: Repository, commit: Oid): Promise<RepoListing> {
    const known = this.#listings.find(commit)
    if (known !== undefined) return Promise.resolve(known)
    const running = this.#running.get(commit) ?? this.#readListing(repository, commit)
    this.#running.set(commit, running)
    return running
  }

  async #readListing(repository: Repository, commit: Oid): Promise<RepoListing> {
    try {
      const entries = await repository.listTree(commit)
      const listed: RepoEntry[] = []
      for (let start = 0; start < entries.length; start += LISTED_TOGETHER) {
        const some = entries.slice(start, start + LISTED_TOGETHER)
        listed.push(...(await Promise.all(some.map((entry) => this.#toEntry(repository, entry)))))
        await nextTurn()
      }
      const listing = new RepoListing(listed)
      this.#listings.put(commit, listing, entries.length + 1)
      return listing
    } finally {
      this.#running.delete(commit)
    }
  }

  async #toEntry(repository: Repository, { type, oid, path, size }: TreeEntry): Promise<RepoEntry> {
    if (type === 'tree') return { type: 'directory', path, oid }
    const mayPoint = size >= POINTER_BYTES_MIN && size <= POINTER_BYTES_MAX
    const lfs = mayPoint ? await this.#findPointer(repository, oid) : null
    return { type: 'file', path, oid, blobBytes: size, size: lfs?.size ?? size, lfs }
  }

  /** Each blob is read once, however many commits hold it. */
  async #findPointer(repository: Repository, oid: Oid): Promise<LfsPointer | null> {
    const known = this.#pointers.find(oid)
    if (known !== undefined) return known
    const pointer = parsePointer(await repository.getBlob(oid))
    this.#pointers.put(oid, pointer, 1)
    return pointer
  }
}

interface SnapshotFacts {
  readonly repo: RepoRecord
  readonly revision: string
  readonly commit: Oid
  list(): Promise<RepoListing>
}

class GitSnapshot implements Snapshot {
  readonly repo: RepoRecord
  readonly revision: string
  readonly commit: Oid
  readonly list: () => Promise<RepoListing>
  readonly #files: CasFiles
  readonly #repository: Repository

  constructor(files: CasFiles, repository: Repository, { repo, revision, commit, list }: SnapshotFacts) {
    this.#files = files
    this.#repository = repository
    this.repo = repo
    this.revision = revision
    this.commit = commit
    this.list = list
  }

  async getFile(path: string): Promise<FileEntry> {
    const entry = (await this.list()).find(path)
    if (entry?.type !== 'file') throw entryNotFound(path, this.revision, this.commit)
    return entry
  }

  async findStored({ lfs }: FileEntry): Promise<StoredFile | null> {
    if (lfs === null) return null
    const stored = await this.#files.findVerified(repoAccount(this.repo.id), lfs.sha256)
    return stored?.size === lfs.size ? stored : null
  }

  openBlob({ oid, blobBytes }: FileEntry): AsyncIterable<Uint8Array> {
    return this.#repository.openBlob(oid, blobBytes)
  }

  open(file: FileEntry, stored: StoredFile | null, range: ByteRange): AsyncIterable<Uint8Array> {
    return stored === null ? cut(this.openBlob(file), range) : this.#files.open(stored.hash, range)
  }

  async findText(path: string, bytesMax: number): Promise<string | null> {
    const entry = (await this.list()).find(path)
    if (entry?.type !== 'file' || entry.lfs !== null || entry.size > bytesMax) return null
    return entry.oid === EMPTY_BLOB ? '' : (await this.#repository.getBlob(entry.oid)).toString('utf8')
  }

  async attributeFiles(): Promise<AttributesFile[]> {
    const { entries } = await this.list()
    const paths = entries.filter(({ path }) => /(^|\/)\.gitattributes$/.test(path)).slice(0, ATTRIBUTE_FILES_MAX)
    return Promise.all(
      paths.map(async ({ path }) => {
        const text = (await this.findText(path, ATTRIBUTES_BYTES_MAX)) ?? ''
        return { folder: path.slice(0, Math.max(path.lastIndexOf('/'), 0)), text }
      }),
    )
  }

  async commitInfo(): Promise<CommitInfo> {
    const [info] = await this.#repository.listCommits(this.commit, { skip: 0, count: 1 })
    return info as CommitInfo
  }

  findLastCommits(paths: readonly string[]): Promise<ReadonlyMap<string, CommitInfo>> {
    return this.#repository.findLastCommits(this.commit, paths)
  }

  listCommits(page: CommitPage): Promise<CommitInfo[]> {
    return this.#repository.listCommits(this.commit, page)
  }

  countCommits(): Promise<number> {
    return this.#repository.countCommits(this.commit)
  }
}

/** The bytes of `range` out of a whole stream. */
async function* cut(source: AsyncIterable<Uint8Array>, { start, end }: ByteRange): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const piece of source) {
    const wanted = piece.subarray(Math.max(start - at, 0), Math.max(end - at, 0))
    at += piece.length
    if (wanted.length > 0) yield wanted
    if (at >= end) return
  }
}
