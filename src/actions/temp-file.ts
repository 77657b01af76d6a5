/** A file without a name: gone when the process is, however that ends. */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const READ_BYTES = 256 * 1024

export class TempFile implements AsyncDisposable {
  readonly file: FileHandle

  private constructor(file: FileHandle) {
    this.file = file
  }

  static async create(): Promise<TempFile> {
    const folder = await mkdtemp(join(tmpdir(), 'xorbit-'))
    try {
      return new TempFile(await open(join(folder, 'file'), 'wx+', 0o600))
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; ) {
      const { bytesRead, buffer } = await this.file.read(new Uint8Array(READ_BYTES), 0, READ_BYTES, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file.close()
  }
}
