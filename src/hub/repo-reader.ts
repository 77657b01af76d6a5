/**
 * Repositories as those see them who read: hosted here or elsewhere. Every call takes the caller; what the caller may
 * not see throws exactly as if it did not exist.
 */
import type { ByteRange } from '../base/byte-range.ts'
import type { StoredFile } from '../cas/cas-files.ts'
import type { AttributesFile } from '../git/attributes.ts'
import type { CommitInfo, CommitPage } from '../git/history.ts'
import type { Oid } from '../git/oid.ts'
import type { Ref } from '../git/repository.ts'
import type { Caller } from './caller.ts'
import type { RepoId } from './repo-id.ts'
import type { FileEntry, RepoListing } from './repo-listing.ts'
import type { RepoRecord } from './repo-table.ts'

/** The files of one commit. */
export interface Snapshot {
  readonly repo: RepoRecord
  /** What was asked for, and what it resolved to, once. */
  readonly revision: string
  readonly commit: Oid
  list(): Promise<RepoListing>
  /** Throws EntryNotFound for a missing path and for a folder. */
  getFile(path: string): Promise<FileEntry>
  /** Where a large file's bytes are, if this repository holds them intact; null for small files too. */
  findStored(file: FileEntry): Promise<StoredFile | null>
  /** The git blob: a small file, or the pointer of a large one. */
  openBlob(file: FileEntry): AsyncIterable<Uint8Array>
  /** The file's bytes. `stored` is what `findStored` gave. */
  open(file: FileEntry, stored: StoredFile | null, range: ByteRange): AsyncIterable<Uint8Array>
  /** The text of a small file of at most `bytesMax`, else null. */
  findText(path: string, bytesMax: number): Promise<string | null>
  /** Every .gitattributes of moderate size. */
  attributeFiles(): Promise<AttributesFile[]>
  commitInfo(): Promise<CommitInfo>
  findLastCommits(paths: readonly string[]): Promise<ReadonlyMap<string, CommitInfo>>
  listCommits(page: CommitPage): Promise<CommitInfo[]>
  countCommits(): Promise<number>
}

export interface RepoReader {
  getRepo(caller: Caller, id: RepoId): Promise<RepoRecord>
  /** Throws RepoNotFound, RevisionNotFound. */
  at(caller: Caller, id: RepoId, revision: string): Promise<Snapshot>
  listRefs(caller: Caller, id: RepoId): Promise<Ref[]>
}
