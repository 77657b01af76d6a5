/** Whole files over our own store: what Hub and LFS routes are given. */
import { AppError } from '../base/app-error.ts'
import type { ByteRange } from '../base/byte-range.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { Reference } from '../store/catalog.ts'
import { type FileHash, ZERO_HASH } from '../xet/hash.ts'
import type { CasFiles, IngestOptions, StoredFile } from './cas-files.ts'
import type { FileEntry } from './file-entry.ts'
import { DELETED_REPO, type Holdings, type Xorb } from './holdings.ts'
import { ingestFile } from './ingest-file.ts'
import { TermReader } from './read-term.ts'
import { fileName, repoName, xorbName } from './rights.ts'
import { isWhole } from './terms-choice.ts'
import { withTurn } from './turn.ts'

/** Each holds one xorb in memory, plain and packed. */
const INGESTS_MAX = 4
const INGEST_WAIT_MS = 60_000
const SAME_SHA256_MAX = 16

export class LocalCasFiles implements CasFiles {
  readonly #holdings: Holdings
  readonly #ingests = new Semaphore(INGESTS_MAX)

  constructor(holdings: Holdings) {
    this.#holdings = holdings
  }

  async find(hash: FileHash): Promise<StoredFile | null> {
    const file = await this.#holdings.findFile(hash)
    return file === null ? null : { hash, size: file.size, sha256: await this.#holdings.findSha256(hash) }
  }

  async findVerified(account: string, sha256: string): Promise<StoredFile | null> {
    const { catalog } = this.#holdings
    const hashes = (await catalog.findIndex('sha256', sha256, SAME_SHA256_MAX)) as FileHash[]
    if (hashes.length === 0) return null
    const rights = await this.#holdings.rightsOf(account)
    for (const hash of hashes) {
      const file = await this.#holdings.findFile(hash)
      if (file === null || !(await rights.mayReadFile(hash)) || !(await isWhole(this.#holdings, file))) continue
      // The answer makes clients skip their upload: what it rests on stays for as long as they may remember it.
      await this.#holdings.keep([fileName(hash), ...file.xorbs.map(xorbName)])
      // A sweep may have been faster than the lease.
      if ((await this.#holdings.findFile(hash)) === null) continue
      return { hash, size: file.size, sha256 }
    }
    return null
  }

  async *open(hash: FileHash, range?: ByteRange): AsyncIterable<Uint8Array> {
    const file = await this.#getFile(hash)
    const { start, end } = range ?? { start: 0, end: file.size }
    const reader = new TermReader(this.#holdings.blobs)
    let offset = 0
    for (const term of file.terms()) {
      if (offset >= end) return
      const next = offset + term.plainLength
      if (next > start) {
        const xorb = await this.#getXorb(term.xorb)
        yield* cut(reader, xorb, term, { from: start - offset, to: end - offset })
      }
      offset = next
    }
  }

  async ingest(account: string, body: AsyncIterable<Uint8Array>, expected: IngestOptions): Promise<StoredFile> {
    const turn = { clock: this.#holdings.clock, waitMs: INGEST_WAIT_MS }
    const hash = await withTurn(this.#ingests, body, turn, (watched) =>
      ingestFile(this.#holdings, account, watched, expected),
    )
    return { hash, size: expected.size, sha256: expected.sha256 }
  }

  async attach(repo: string, files: readonly FileHash[]): Promise<void> {
    const references = files.map((hash) => ({ from: repoName(repo), to: fileName(hash) }))
    await this.#holdings.catalog.write({ references })
    try {
      // Looked at afterwards: what is there and referred to stays.
      for (const hash of files) if (hash !== ZERO_HASH) await this.#getFile(hash)
    } catch (error) {
      await this.#forgetMissing(references)
      throw error
    }
  }

  async detach(repo: string): Promise<void> {
    await this.#holdings.catalog.write({ records: [{ kind: DELETED_REPO, key: repo, value: new Uint8Array(0) }] })
  }

  async #forgetMissing(references: readonly Reference[]): Promise<void> {
    const missing: Reference[] = []
    for (const reference of references) {
      const hash = reference.to.slice(fileName('' as FileHash).length) as FileHash
      if ((await this.#holdings.findFile(hash)) === null) missing.push(reference)
    }
    await this.#holdings.catalog.remove({ references: missing })
  }

  async #getFile(hash: FileHash): Promise<FileEntry> {
    const file = await this.#holdings.findFile(hash)
    if (file === null) throw new AppError('not-found', 'FILE_NOT_FOUND', `No file ${hash} is stored`)
    return file
  }

  async #getXorb(hash: Xorb['hash']): Promise<Xorb> {
    const xorb = await this.#holdings.findXorb(hash)
    if (xorb === null)
      throw new AppError('damaged', 'XORB_LOST', `Xorb ${hash} of the file is gone: send the file again`)
    return xorb
  }
}

/** The bytes [from, to) of a term, which are relative to its start and may lie outside. */
async function* cut(
  reader: TermReader,
  xorb: Xorb,
  term: { start: number; end: number },
  { from, to }: { from: number; to: number },
): AsyncIterable<Uint8Array> {
  const { plainStarts } = xorb.chunks
  const origin = plainStarts[term.start] as number
  const at = (chunk: number) => (plainStarts[chunk] as number) - origin
  let { start, end } = term
  while (at(start + 1) <= from) start++
  while (end > start + 1 && at(end - 1) >= to) end--
  let offset = at(start)
  for await (const plain of reader.read(xorb, { start, end })) {
    const piece = plain.subarray(Math.max(from - offset, 0), Math.min(to - offset, plain.length))
    offset += plain.length
    if (piece.length > 0) yield piece
  }
}
