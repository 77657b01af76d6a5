/**
 * What the thread of file-digest.ts runs: reads ranges of files that its process has open into their SHA-256. A function
 * that needs nothing around it, so that the thread starts from its text alone and loads no other module.
 */
export type DigestTask =
  | {
      readonly verb: 'read'
      readonly pass: number
      readonly fd: number
      readonly offset: number
      readonly length: number
    }
  | { readonly verb: 'digest' | 'forget'; readonly pass: number }

export interface DigestAnswer {
  readonly id: number
  /** Bytes that were there. */
  readonly read?: number
  readonly sha256?: string
  readonly failure?: { readonly message: string; readonly code: unknown }
}

/** Source of the thread. */
export const DIGEST_THREAD = `(${serveDigests.toString()})()`

function serveDigests(): void {
  const { createHash } = process.getBuiltinModule('node:crypto')
  const { readSync } = process.getBuiltinModule('node:fs')
  const { parentPort } = process.getBuiltinModule('node:worker_threads')
  // Small enough to stay in the processor's cache.
  const buffer = new Uint8Array(256 * 1024)
  const passes = new Map<number, ReturnType<typeof createHash>>()

  const read = (pass: number, fd: number, offset: number, length: number): number => {
    const sha256 = passes.get(pass) ?? createHash('sha256')
    passes.set(pass, sha256)
    let done = 0
    while (done < length) {
      const count = readSync(fd, buffer, 0, Math.min(buffer.length, length - done), offset + done)
      if (count === 0) break
      sha256.update(buffer.subarray(0, count))
      done += count
    }
    return done
  }
  const run = (task: DigestTask) => {
    if (task.verb === 'read') return { read: read(task.pass, task.fd, task.offset, task.length) }
    const sha256 = passes.get(task.pass)
    passes.delete(task.pass)
    return task.verb === 'digest' ? { sha256: sha256?.digest('hex') } : {}
  }

  parentPort?.on('message', ({ id, task }: { readonly id: number; readonly task: DigestTask }) => {
    try {
      const answer = run(task)
      if (id >= 0) parentPort.postMessage({ id, ...answer })
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException
      parentPort.postMessage({ id, failure: { message, code } })
    }
  })
}
