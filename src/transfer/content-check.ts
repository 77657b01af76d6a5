/** Whether a file on disk is what a listing says: by digest, or by how it looked when it was last proved. */
import { open, readFile, stat } from 'node:fs/promises'
import { systemCode } from '../base/app-error.ts'
import { writeFileAtomically } from '../base/atomic-file.ts'
import { ifThere, statIfThere } from '../base/if-there.ts'
import { contentId, startDigest } from './download-plain.ts'
import type { TreeFile } from './hub-client.ts'

const READ_BYTES = 1024 * 1024

/** The digest that `contentId` names, of the file at `path`; null when there is none. */
export async function digestOf(path: string, entry: TreeFile, signal?: AbortSignal): Promise<string | null> {
  const file = await ifThere(open(path))
  if (file === null) return null
  try {
    const digest = startDigest({ ...entry, size: (await file.stat()).size })
    const buffer = new Uint8Array(READ_BYTES)
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES)
      if (bytesRead === 0) return digest.digest('hex')
      digest.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

/** Size, time of the last write, and time of the last change of anything, which no program can set. */
type Proof = readonly [size: number, mtimeMs: number, ctimeMs: number]

/**
 * What was proved, by a key of the caller's: what the file looked like at that moment. A file that still looks so counts
 * as proved; any other is read and hashed. The record is a hint: losing it costs a read.
 */
export class ProofRecord {
  readonly #path: string
  readonly #proofs: Map<string, Proof>
  /** Proved since the last save. */
  readonly #fresh = new Map<string, Proof>()

  private constructor(path: string, proofs: Map<string, Proof>) {
    this.#path = path
    this.#proofs = proofs
  }

  /** With `paranoid` what earlier pulls proved counts for nothing. */
  static async load(path: string, paranoid = false): Promise<ProofRecord> {
    return new ProofRecord(path, paranoid ? new Map() : await readProofs(path))
  }

  /** Whether the file at `path` is `entry`, reading it only when no record vouches for it. */
  async proves(path: string, entry: TreeFile, key: string, signal?: AbortSignal): Promise<boolean> {
    const found = await statIfThere(path)
    if (found === null || found.size !== entry.size) return false
    const [size, mtimeMs, ctimeMs] = this.#proofs.get(key) ?? []
    if (size === found.size && mtimeMs === found.mtimeMs && ctimeMs === found.ctimeMs) return true
    if ((await digestOf(path, entry, signal)) !== contentId(entry)) return false
    await this.add(path, key)
    return true
  }

  /** The file at `path` has just been proved. */
  async add(path: string, key: string): Promise<void> {
    const { size, mtimeMs, ctimeMs } = await stat(path)
    this.#proofs.set(key, [size, mtimeMs, ctimeMs])
    this.#fresh.set(key, [size, mtimeMs, ctimeMs])
  }

  /** Adds what is new to the record on disk, where another pull may have added meanwhile. */
  async save(): Promise<void> {
    if (this.#fresh.size === 0) return
    const all = new Map([...(await readProofs(this.#path)), ...this.#fresh])
    this.#fresh.clear()
    await writeFileAtomically(this.#path, JSON.stringify(Object.fromEntries(all)))
  }
}

async function readProofs(path: string): Promise<Map<string, Proof>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    const isProof = (entry: [string, unknown]): entry is [string, Proof] => Array.isArray(entry[1])
    return new Map(Object.entries(Object(value)).filter(isProof))
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return new Map()
    throw error
  }
}
