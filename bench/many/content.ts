/**
 * The files of a repository of many: each begins with bytes of its own, the rest is the same in all, so that a store that
 * deduplicates keeps little. Text files are the same in letters. Whatever is made here can be told again from its number.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const OWN_BYTES = 4096
const PATTERN_BYTES = 1 << 20
const FILES_PER_FOLDER = 500

export interface Shape {
  readonly files: number
  /** Number of the first: others have other bytes of their own. */
  readonly first?: number
  readonly bytesEach: number
  /** Letters, which a Hub keeps in git; else bytes, which it keeps in its CAS. */
  readonly text: boolean
}

export class Content {
  readonly shape: Shape
  readonly #pattern: Buffer

  constructor(shape: Shape) {
    this.shape = shape
    this.#pattern = this.#letters(randomBytes('pattern', PATTERN_BYTES))
  }

  pathOf(index: number): string {
    const folder = String(Math.floor(index / FILES_PER_FOLDER)).padStart(3, '0')
    return `part-${folder}/file-${String(index).padStart(6, '0')}.${this.shape.text ? 'txt' : 'bin'}`
  }

  async writeAll(folder: string): Promise<void> {
    for (let index = 0; index < this.shape.files; index++) {
      const path = join(folder, this.pathOf(index))
      if (index % FILES_PER_FOLDER === 0) await mkdir(dirname(path), { recursive: true })
      const file = await open(path, 'wx')
      for (const piece of this.#pieces(index)) await file.write(piece)
      await file.close()
    }
  }

  /** Paths below `folder` whose bytes are not what `writeAll` writes; a missing file throws. */
  async findWrong(folder: string): Promise<string[]> {
    const wrong: string[] = []
    const buffer = Buffer.alloc(PATTERN_BYTES)
    for (let index = 0; index < this.shape.files; index++) {
      const path = this.pathOf(index)
      const file = await open(join(folder, path))
      let isSame = (await file.stat()).size === this.shape.bytesEach
      for (const piece of this.#pieces(index)) {
        const { bytesRead } = await file.read(buffer, 0, piece.length)
        isSame &&= bytesRead === piece.length && buffer.compare(piece, 0, piece.length, 0, bytesRead) === 0
      }
      await file.close()
      if (!isSame) wrong.push(path)
    }
    return wrong
  }

  *#pieces(index: number): Generator<Buffer> {
    const { bytesEach, first = 0 } = this.shape
    const own = this.#letters(randomBytes(`file ${first + index}`, Math.min(OWN_BYTES, bytesEach)))
    yield own
    for (let left = bytesEach - own.length; left > 0; ) {
      const piece = this.#pattern.subarray(0, left)
      yield piece
      left -= piece.length
    }
  }

  #letters(bytes: Buffer): Buffer {
    if (!this.shape.text) return bytes
    return Buffer.from(bytes.map((byte) => (byte % 64 === 0 ? 10 : 97 + (byte % 26))))
  }
}

function randomBytes(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}
