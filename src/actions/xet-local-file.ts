/** Opens what the user named on the command line, and says plainly why it cannot. */
import { type FileHandle, open } from 'node:fs/promises'
import { AppError, systemCode } from '../base/app-error.ts'

const READ_BYTES = 1024 * 1024

export async function openLocalFile(path: string): Promise<FileHandle> {
  const file = await open(path).catch((cause: unknown) => {
    if (systemCode(cause) === 'ENOENT') throw new AppError('not-found', 'FILE_MISSING', `No file ${path}`, { cause })
    throw cause
  })
  const isFile = await file.stat().then((stat) => stat.isFile())
  if (isFile) return file
  await file.close()
  throw new AppError('usage', 'NOT_A_FILE', `${path} is not a regular file: name the files in it`)
}

/** The bytes from `start` on, in pieces that are each the caller's own. Closes the file. */
export async function* readLocalFile(path: string, start = 0): AsyncGenerator<Uint8Array> {
  const file = await openLocalFile(path)
  try {
    for (let at = start; ; ) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES), 0, READ_BYTES, at)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  } finally {
    await file.close()
  }
}
