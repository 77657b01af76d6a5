/** The names of a file: Xet file hash and SHA-256, in one read and a few megabytes of memory. */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { readPairs } from '../xet/chunk-list.ts'
import { FileHasher } from '../xet/file-hasher.ts'
import { type ChunkHash, type FileHash, formatHash } from '../xet/hash.ts'
import { openLocalFile } from './xet-local-file.ts'

export interface HashedChunk {
  readonly offset: number
  readonly bytes: number
  readonly hash: ChunkHash
}

export interface HashedFile {
  readonly path: string
  readonly bytes: number
  readonly fileHash: FileHash
  readonly sha256: string
  /** Only when asked for: the list grows with the file. */
  readonly chunks?: readonly HashedChunk[]
}

export interface HashOptions {
  readonly chunks?: boolean
  readonly signal?: AbortSignal
}

export async function hashLocalFile(path: string, options: HashOptions = {}): Promise<HashedFile> {
  const file = await openLocalFile(path)
  try {
    return await hashHandle(path, file, options)
  } finally {
    await file.close()
  }
}

async function hashHandle(
  path: string,
  file: FileHandle,
  { chunks: wanted, signal }: HashOptions,
): Promise<HashedFile> {
  const sha256 = createHash('sha256')
  const chunks: HashedChunk[] = []
  let offset = 0
  const onChunks = (pairs: Uint8Array) => {
    readPairs(pairs, (hash, bytes) => {
      chunks.push({ offset, bytes, hash: formatHash(hash) })
      offset += bytes
    })
  }
  const hasher = new FileHasher(wanted ? { onChunks } : {})
  try {
    for (;;) {
      signal?.throwIfAborted()
      const room = hasher.room()
      const { bytesRead } = await file.read(room, 0, room.length)
      if (bytesRead === 0) break
      sha256.update(room.subarray(0, bytesRead))
      hasher.fill(bytesRead)
    }
    const named = { path, bytes: hasher.size, fileHash: hasher.finish(), sha256: sha256.digest('hex') }
    return wanted ? { ...named, chunks } : named
  } finally {
    hasher.close()
  }
}
