/**
 * The checks on one file of an uploaded shard: each term against the stored chunk lists, its verification hash, the file
 * hash over all chunks, and later the SHA-256 over the stored bytes. Works in slices on packed lists.
 */
import { AppError } from '../base/app-error.ts'
import { HASH_BYTES } from '../xet/constants.ts'
import { type FileHash, verificationHashOfBytes, type XorbHash } from '../xet/hash.ts'
import { MerkleFold } from '../xet/merkle.ts'
import type { FileView, Term } from '../xet/shard-reader.ts'
import { FileEntry, FileEntryBuilder } from './file-entry.ts'
import { hashFile } from './hash-file.ts'
import { findDamaged, type Holdings, type Xorb } from './holdings.ts'
import type { Pacer } from './pacer.ts'

const NO_CLAIM = '0'.repeat(2 * HASH_BYTES)
/** Chunks folded between two looks at the clock: about 0.2 ms. */
const CHUNKS_PER_LOOK = 32

export interface VerifiedFile {
  readonly file: FileView
  readonly hash: FileHash
  readonly entry: FileEntry
  /** The entry as the catalog keeps it. */
  readonly encoded: Uint8Array
}

/** The SHA-256 that a file entry claims; an empty file claims all zeros, which is none. */
export function claimOf({ sha256 }: FileView): string | null {
  return sha256 === NO_CLAIM ? null : sha256
}

/** One answer for a xorb that is absent, forbidden or damaged: it must not tell which. */
export function xorbUnknown(hash: XorbHash): AppError {
  const message = `Xorb ${hash} is not available to this account: upload it before the shard that names it`
  return new AppError('integrity', 'XORB_UNKNOWN', message, { data: { xorb: hash } })
}

/** Throws unless every term fits what is stored and all chunks together are the file. */
export async function verifyTerms(holdings: Holdings, file: FileView, pacer: Pacer): Promise<VerifiedFile> {
  const { hash } = file
  if (!file.hasRanges && file.termCount > 0) {
    throw refused('SHARD_UNVERIFIABLE', `File ${hash} comes without verification hashes`)
  }
  const fold = new MerkleFold()
  const entry = new FileEntryBuilder()
  let xorb: Xorb | null = null
  for (let i = 0; i < file.termCount; i++) {
    const term = file.term(i)
    if (xorb?.hash !== term.xorb) xorb = await getXorb(holdings, term.xorb)
    checkTerm(xorb, term, `Term ${i} of ${hash}`)
    if (verificationHash(xorb, term) !== file.range(i)) {
      throw refused('TERM_HASH_BAD', `The verification hash of term ${i} of ${hash} does not fit its chunks`)
    }
    entry.add(term)
    for (let start = term.start; start < term.end; start += CHUNKS_PER_LOOK) {
      fold.addSlice({ chunks: xorb.chunks, start, end: Math.min(start + CHUNKS_PER_LOOK, term.end) })
      if (pacer.isDue) await pacer.pause()
    }
  }
  const actual = fold.fileHash()
  if (actual !== hash) throw refused('FILE_HASH_MISMATCH', `The terms make ${actual}, not ${hash}`)
  const encoded = entry.finish()
  return { file, hash, entry: new FileEntry(encoded), encoded }
}

/** Throws unless the stored bytes have the SHA-256 that the shard claims. Two such passes run at once, no more. */
export async function verifySha256(
  holdings: Holdings,
  { file, hash, entry }: VerifiedFile,
  pacer: Pacer,
  onBytes: (count: number) => void,
): Promise<void> {
  const pass = () => hashFile(holdings, entry, { pacer, onBytes, getXorb: ({ xorb }) => getXorb(holdings, xorb) })
  const actual = await holdings.sha256Passes.run(pass, 1, pacer.signal)
  if (actual !== file.sha256) {
    throw refused('SHA256_MISMATCH', `File ${hash} has SHA-256 ${actual}, the shard claims ${file.sha256}`)
  }
}

async function getXorb(holdings: Holdings, hash: XorbHash): Promise<Xorb> {
  const xorb = await holdings.findXorb(hash)
  if (xorb === null) throw xorbUnknown(hash)
  return xorb
}

function checkTerm(xorb: Xorb, { start, end, plainLength }: Term, name: string): void {
  const { count, plainStarts } = xorb.chunks
  if (start >= end || end > count) {
    throw refused('TERM_RANGE_BAD', `${name} names chunks ${start} to ${end} of ${count} of ${xorb.hash}`)
  }
  if (findDamaged(xorb, start, end) !== null) throw xorbUnknown(xorb.hash)
  const actual = (plainStarts[end] as number) - (plainStarts[start] as number)
  if (actual !== plainLength) throw refused('TERM_LENGTH_BAD', `${name} has ${actual} bytes, not ${plainLength}`)
}

function verificationHash({ chunks }: Xorb, { start, end }: Term) {
  const hashes = new Uint8Array((end - start) * HASH_BYTES)
  for (let i = start; i < end; i++) hashes.set(chunks.hashBytes(i), (i - start) * HASH_BYTES)
  return verificationHashOfBytes(hashes)
}

function refused(code: string, message: string): AppError {
  return new AppError('integrity', code, message)
}
