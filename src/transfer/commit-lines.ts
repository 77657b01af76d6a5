/**
 * A commit as the Hub's NDJSON, made while it is sent: small files are read again and must be what they were, so the
 * body's length is known before and no more than one of them is in memory.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { changed } from './file-blocks.ts'

export type CommitOperation =
  | {
      readonly op: 'inline'
      readonly path: string
      readonly localPath: string
      readonly size: number
      readonly oid: string | null
    }
  | { readonly op: 'large'; readonly path: string; readonly sha256: string; readonly size: number }
  | { readonly op: 'delete'; readonly path: string; readonly isFolder: boolean }

export interface CommitPlan {
  readonly summary: string
  readonly description: string
  /** The commit this one must come right after; null for any. */
  readonly parent: string | null
  readonly operations: readonly CommitOperation[]
}

export function commitLines({ summary, description, parent, operations }: CommitPlan) {
  const header = line('header', { summary, description, ...(parent === null ? {} : { parentCommit: parent }) })
  const lines = operations.map(lineOf)
  const length = header.length + lines.reduce((sum, { length: bytes }) => sum + bytes, 0)
  return {
    length,
    async *stream(): AsyncGenerator<Uint8Array> {
      yield header
      for (const { parts } of lines) yield* parts()
    },
  }
}

interface Line {
  readonly length: number
  readonly parts: () => AsyncGenerator<Uint8Array>
}

function lineOf(operation: CommitOperation): Line {
  if (operation.op === 'inline') return inlineLine(operation)
  const bytes = () =>
    operation.op === 'large'
      ? line('lfsFile', { path: operation.path, algo: 'sha256', oid: operation.sha256, size: operation.size })
      : line(operation.isFolder ? 'deletedFolder' : 'deletedFile', { path: operation.path })
  return {
    length: bytes().length,
    async *parts() {
      yield bytes()
    },
  }
}

function inlineLine({ path, localPath, size, oid }: CommitOperation & { op: 'inline' }): Line {
  const start = Buffer.from(`{"key":"file","value":{"path":${JSON.stringify(path)},"encoding":"base64","content":"`)
  const end = Buffer.from('"}}\n')
  return {
    length: start.length + 4 * Math.ceil(size / 3) + end.length,
    async *parts() {
      const content = await readFile(localPath)
      if (content.length !== size || (oid !== null && gitBlobId(content) !== oid)) throw changed(localPath)
      yield start
      yield Buffer.from(content.toString('base64'), 'latin1')
      yield end
    },
  }
}

function line(key: string, value: object): Buffer {
  return Buffer.from(`${JSON.stringify({ key, value })}\n`)
}

export function gitBlobId(content: Uint8Array): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}
