/** Large files to a Hub without Xet: SHA-256, batch call, one PUT each, verify. The signed address gets no token. */
import { createHash } from 'node:crypto'
import { AppError } from '../base/app-error.ts'
import { changed } from './file-blocks.ts'
import type { HubClient } from './hub-client.ts'
import type { HubRepo } from './hub-repo.ts'
import { type LocalFile, openLocal } from './local-files.ts'

const BATCH_OBJECTS_MAX = 100
const READ_BYTES = 1024 * 1024
const CHECKING_MS = 10 * 60_000

export interface LargeFile extends LocalFile {
  readonly sha256: string
}

export interface LfsUploadOptions {
  readonly hub: HubClient
  readonly repo: HubRepo
  readonly onSent: (bytes: number) => void
  readonly signal?: AbortSignal | undefined
}

/** Sends what the Hub does not have. */
export async function uploadByLfs(files: readonly LargeFile[], options: LfsUploadOptions): Promise<void> {
  const byOid = new Map(files.map((file) => [file.sha256, file]))
  const wanted = [...byOid.values()]
  for (let at = 0; at < wanted.length; at += BATCH_OBJECTS_MAX) {
    const batch = wanted.slice(at, at + BATCH_OBJECTS_MAX)
    const objects = batch.map(({ sha256: oid, size }) => ({ oid, size }))
    for (const answer of await options.hub.lfsUpload(options.repo, objects, options.signal)) {
      const file = byOid.get(answer.oid)
      if (file === undefined)
        throw new AppError('malformed', 'REPLY_SHAPE_BAD', 'The LFS answer names an unasked object')
      if (answer.error) {
        throw new AppError('upstream', 'LFS_REFUSED', `${file.path}: the Hub refuses it: ${answer.error.message ?? ''}`)
      }
      const { upload, verify } = answer.actions ?? {}
      if (upload) await put(file, upload.href, upload.header ?? {}, options)
      if (upload && verify) await confirm(file, verify.href, verify.header ?? {}, options)
    }
  }
}

async function put(file: LargeFile, url: string, headers: Record<string, string>, options: LfsUploadOptions) {
  const { hub, onSent, signal } = options
  const body = () => readPieces(file)
  const request = { url, method: 'PUT', headers, body, bodyLength: file.size, idleMs: CHECKING_MS, signal } as const
  await hub.http.exchange(request, async () => onSent(file.size))
}

async function confirm(file: LargeFile, url: string, header: Record<string, string>, options: LfsUploadOptions) {
  const { hub, signal } = options
  const own = new URL(url).origin === new URL(hub.endpoint).origin
  const headers = { ...(own ? hub.headers() : {}), ...header, 'content-type': 'application/vnd.git-lfs+json' }
  const body = JSON.stringify({ oid: file.sha256, size: file.size })
  const reply = await hub.http.send({ url, method: 'POST', headers, body, idempotent: true, signal })
  await reply.close()
}

/** The file's bytes as they were hashed, else an error before the last of them. */
async function* readPieces({ localPath, size, sha256 }: LargeFile): AsyncGenerator<Uint8Array> {
  const file = await openLocal(localPath)
  const digest = createHash('sha256')
  try {
    for (let at = 0; at < size; ) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(Math.min(READ_BYTES, size - at)), 0, undefined, at)
      at += bytesRead
      const piece = buffer.subarray(0, bytesRead)
      digest.update(piece)
      if (bytesRead === 0 || (at === size && digest.digest('hex') !== sha256)) throw changed(localPath)
      yield piece
    }
  } finally {
    await file.close()
  }
}

/** SHA-256 of a local file. */
export async function hashLocal(path: string, onRead: (bytes: number) => void, signal?: AbortSignal): Promise<string> {
  const file = await openLocal(path)
  try {
    const digest = createHash('sha256')
    const buffer = new Uint8Array(READ_BYTES)
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES)
      if (bytesRead === 0) return digest.digest('hex')
      digest.update(buffer.subarray(0, bytesRead))
      onRead(bytesRead)
    }
  } finally {
    await file.close()
  }
}
