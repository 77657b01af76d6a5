/** Whether a file on disk is what a listing says: by digest, or by the size and time at which it was last proved. */
import type { FileHandle } from 'node:fs/promises'
import { open, readFile, stat } from 'node:fs/promises'
import { systemCode } from '../base/app-error.ts'
import { writeFileAtomically } from '../base/atomic-file.ts'
import { contentId, startDigest } from './download-plain.ts'
import type { TreeFile } from './hub-client.ts'

const READ_BYTES = 1024 * 1024

/** The digest that `contentId` names, of the file at `path`; null when there is none. */
export async function digestOf(path: string, entry: TreeFile, signal?: AbortSignal): Promise<string | null> {
  const file = await openIfThere(path)
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

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null
    throw error
  }
}

/**
 * What was proved, by content id: size and modification time at that moment. A file that still has both counts as
 * proved; any other is read and hashed. The record is a hint: losing it costs a read.
 */
export class ProofRecord {
  readonly #path: string
  readonly #proofs: Map<string, readonly [size: number, mtimeMs: number]>
  #changed = false

  private constructor(path: string, proofs: Map<string, readonly [number, number]>) {
    this.#path = path
    this.#proofs = proofs
  }

  static async load(path: string): Promise<ProofRecord> {
    try {
      const value: unknown = JSON.parse(await readFile(path, 'utf8'))
      const entries = Object.entries(value as object).filter((entry): entry is [string, [number, number]] =>
        Array.isArray(entry[1]),
      )
      return new ProofRecord(path, new Map(entries))
    } catch (error) {
      if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return new ProofRecord(path, new Map())
      throw error
    }
  }

  /** Whether the file at `path` is `entry`, reading it only when no record vouches for it. */
  async proves(path: string, entry: TreeFile, key: string, signal?: AbortSignal): Promise<boolean> {
    const found = await statIfThere(path)
    if (found === null || found.size !== entry.size) return false
    const [size, mtimeMs] = this.#proofs.get(key) ?? []
    if (size === found.size && mtimeMs === found.mtimeMs) return true
    if ((await digestOf(path, entry, signal)) !== contentId(entry)) return false
    await this.add(path, key)
    return true
  }

  /** The file at `path` has just been proved. */
  async add(path: string, key: string): Promise<void> {
    const { size, mtimeMs } = await stat(path)
    this.#proofs.set(key, [size, mtimeMs])
    this.#changed = true
  }

  async save(): Promise<void> {
    if (!this.#changed) return
    this.#changed = false
    await writeFileAtomically(this.#path, JSON.stringify(Object.fromEntries(this.#proofs)))
  }
}

export async function statIfThere(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null
    throw error
  }
}
