/**
 * Files to xorbs and one shard in a folder, as an upload would make them: by hand, for looking at the formats.
 *
 * Writes `HASH.xorb` for each xorb, `upload.shard`, and `names.json`, because a shard knows no names. Memory: one xorb
 * and the index of the chunks seen.
 */
import { createHash } from 'node:crypto'
import { basename, join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { writeFileAtomically } from '../base/atomic-file.ts'
import { checkRepoPath } from '../base/safe-path.ts'
import { chunksOf } from '../xet/file-chunker.ts'
import { FileVerifier } from '../xet/file-verifier.ts'
import { type ChunkHash, chunkHash, type FileHash, verificationHash, type XorbHash } from '../xet/hash.ts'
import type { ShardFile } from '../xet/shard-reader.ts'
import { writeUploadShard, type XorbEntry } from '../xet/shard-writer.ts'
import { XorbBuilder } from '../xet/xorb-writer.ts'
import { readLocalFile } from './xet-local-file.ts'

export interface PackedFile {
  readonly name: string
  readonly bytes: number
  readonly fileHash: FileHash
  readonly sha256: string
}

export interface PackResult {
  readonly files: readonly PackedFile[]
  readonly xorbs: readonly { readonly hash: XorbHash; readonly chunks: number; readonly bytes: number }[]
  readonly shard: string
  /** Plain bytes of all files, and bytes of all xorbs. */
  readonly bytes: { readonly plain: number; readonly stored: number }
}

/** A term whose xorb has no name yet; xorbs are numbered as they are made. */
interface OpenTerm {
  readonly xorb: number
  readonly start: number
  end: number
  plainLength: number
  readonly hashes: ChunkHash[]
}

interface OpenFile extends PackedFile {
  readonly terms: readonly OpenTerm[]
}

export async function packFiles(paths: readonly string[], folder: string): Promise<PackResult> {
  const names = namesOf(paths)
  const packer = new Packer(folder)
  const open: OpenFile[] = []
  for (const [name, path] of names) open.push(await packer.add(name, path))
  await packer.closeXorb()
  const files = open.map((file) => shardFileOf(file, packer.xorbs))
  const shard = writeUploadShard({ files, xorbs: packer.xorbs })
  await writeFileAtomically(join(folder, 'upload.shard'), shard)
  const listed = open.map(({ name, bytes, fileHash, sha256 }): PackedFile => ({ name, bytes, fileHash, sha256 }))
  await writeFileAtomically(join(folder, 'names.json'), `${JSON.stringify({ files: listed }, null, 2)}\n`)
  const xorbs = packer.xorbs.map(({ hash, chunks, storedBytes = 0 }) => {
    return { hash, chunks: chunks.count, bytes: storedBytes }
  })
  const plain = listed.reduce((sum, { bytes }) => sum + bytes, 0)
  const stored = xorbs.reduce((sum, { bytes }) => sum + bytes, 0)
  return { files: listed, xorbs, shard: 'upload.shard', bytes: { plain, stored } }
}

function namesOf(paths: readonly string[]): Map<string, string> {
  const names = new Map<string, string>()
  for (const path of paths) {
    const name = basename(path)
    checkRepoPath(name)
    if (names.has(name)) throw new AppError('usage', 'NAME_TWICE', `Two files are called ${name}: pack them apart`)
    names.set(name, path)
  }
  return names
}

class Packer {
  readonly xorbs: XorbEntry[] = []
  readonly #folder: string
  readonly #known = new Map<ChunkHash, { xorb: number; index: number }>()
  #builder = new XorbBuilder()

  constructor(folder: string) {
    this.#folder = folder
  }

  async add(name: string, path: string): Promise<OpenFile> {
    const sha256 = createHash('sha256')
    const verifier = new FileVerifier()
    const terms: OpenTerm[] = []
    this.#builder.startFile()
    for await (const plain of chunksOf(readLocalFile(path))) {
      sha256.update(plain)
      const hash = chunkHash(plain)
      verifier.add(hash, plain.length)
      const place = this.#known.get(hash) ?? (await this.#store(hash, plain))
      appendTo(terms, place, hash, plain.length)
    }
    return { name, bytes: verifier.size, fileHash: verifier.fileHash(), sha256: sha256.digest('hex'), terms }
  }

  async closeXorb(): Promise<void> {
    if (this.#builder.count === 0) return
    const { hash, chunks, body } = this.#builder.finish()
    this.#builder = new XorbBuilder()
    await writeFileAtomically(join(this.#folder, `${hash}.xorb`), body)
    this.xorbs.push({ hash, chunks, storedBytes: body.length })
  }

  async #store(hash: ChunkHash, plain: Uint8Array): Promise<{ xorb: number; index: number }> {
    if (!this.#builder.fits(plain.length)) await this.closeXorb()
    const place = { xorb: this.xorbs.length, index: this.#builder.add(hash, plain) }
    this.#known.set(hash, place)
    return place
  }
}

function appendTo(terms: OpenTerm[], place: { xorb: number; index: number }, hash: ChunkHash, length: number): void {
  const last = terms.at(-1)
  if (last !== undefined && last.xorb === place.xorb && last.end === place.index) {
    last.end++
    last.plainLength += length
    last.hashes.push(hash)
    return
  }
  const { xorb, index } = place
  terms.push({ xorb, start: index, end: index + 1, plainLength: length, hashes: [hash] })
}

function shardFileOf({ fileHash, sha256, terms, bytes }: OpenFile, xorbs: readonly XorbEntry[]): ShardFile {
  return {
    hash: fileHash,
    terms: terms.map(({ xorb, start, end, plainLength }) => {
      return { xorb: (xorbs[xorb] as XorbEntry).hash, start, end, plainLength }
    }),
    ranges: terms.map(({ hashes }) => verificationHash(hashes)),
    // As hf_xet writes it: an empty file claims nothing.
    sha256: bytes === 0 ? '0'.repeat(64) : sha256,
  }
}
