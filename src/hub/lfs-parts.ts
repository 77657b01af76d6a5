/**
 * Parts of large LFS uploads, kept as files until they are joined: clients send them in any order. Each is whole or not
 * there; nothing is believed before the whole is proved by its SHA-256. Left ones go after a day, and at every start.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { makeFolder, writeFully } from '../base/atomic-file.ts'
import type { Clock } from '../base/clock.ts'
import { ifThere } from '../base/if-there.ts'
import type { LfsGrant } from './lfs-signature.ts'

export const PARTS_MAX = 10_000
const AGE_MS_MAX = 24 * 60 * 60 * 1000

export interface LfsPartLimits {
  /** Objects above this many bytes come in parts. */
  readonly above: number
  readonly partBytes: number
}

export const LFS_PART_LIMITS: LfsPartLimits = { above: 256 * 1024 * 1024, partBytes: 64 * 1024 * 1024 }

type Upload = Pick<LfsGrant, 'repo' | 'account' | 'sha256' | 'size'>

export class LfsParts {
  readonly limits: LfsPartLimits
  readonly #folder: string
  readonly #clock: Clock
  #serial = 0

  private constructor(folder: string, { clock, limits }: { clock: Clock; limits?: LfsPartLimits | undefined }) {
    this.#folder = folder
    this.#clock = clock
    this.limits = limits ?? LFS_PART_LIMITS
  }

  /** Empties the folder: whoever calls holds the lock of the home. */
  static async create(
    folder: string,
    options: { clock: Clock; limits?: LfsPartLimits | undefined },
  ): Promise<LfsParts> {
    await rm(folder, { recursive: true, force: true })
    await makeFolder(folder)
    return new LfsParts(folder, options)
  }

  /** Of one part; the last is what remains. */
  bytesOf({ size }: Upload, part: number): number {
    const { partBytes } = this.limits
    return Math.max(Math.min(partBytes, size - (part - 1) * partBytes), 0)
  }

  /** Gives the part's SHA-256. A part that comes again replaces itself. */
  async put(upload: Upload, part: number, body: AsyncIterable<Uint8Array>): Promise<string> {
    await this.#removeOld()
    const folder = join(this.#folder, nameOf(upload))
    await makeFolder(folder)
    const temp = join(folder, `tmp-${part}-${this.#serial++}`)
    const sha256 = createHash('sha256')
    try {
      await writeParts(temp, this.bytesOf(upload, part), body, (piece) => sha256.update(piece))
      await rename(temp, join(folder, String(part)))
    } finally {
      await rm(temp, { force: true })
    }
    return sha256.digest('hex')
  }

  /** The whole goes to `take`; the parts go when it is taken, and when they turn out to be something else. */
  async join(upload: Upload, take: (body: AsyncIterable<Uint8Array>) => Promise<unknown>): Promise<void> {
    const folder = join(this.#folder, nameOf(upload))
    const count = Math.ceil(upload.size / this.limits.partBytes)
    const paths = Array.from({ length: count }, (_, i) => join(folder, String(i + 1)))
    for (const [i, path] of paths.entries()) {
      if ((await sizeOf(path)) === this.bytesOf(upload, i + 1)) continue
      throw new AppError(
        'usage',
        'LFS_PART_MISSING',
        `Part ${i + 1} of ${count} was not sent: send it, then complete again`,
      )
    }
    try {
      await take(all(paths))
    } catch (error) {
      if (error instanceof AppError && error.kind === 'integrity') await rm(folder, { recursive: true, force: true })
      throw error
    }
    await rm(folder, { recursive: true, force: true })
  }

  async #removeOld(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name)
      const changed = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => null,
      )
      if (changed !== null && this.#clock.nowMs() - changed > AGE_MS_MAX)
        await rm(path, { recursive: true, force: true })
    }
  }
}

async function writeParts(
  path: string,
  bytes: number,
  body: AsyncIterable<Uint8Array>,
  see: (piece: Uint8Array) => void,
): Promise<void> {
  const file = await open(path, 'wx')
  let left = bytes
  try {
    for await (const piece of body) {
      left -= piece.length
      if (left < 0) break
      see(piece)
      await writeFully(file, piece, bytes - left - piece.length)
    }
  } finally {
    await file.close()
  }
  if (left === 0) return
  throw new AppError(
    'integrity',
    'LFS_SIZE_MISMATCH',
    `The part has ${bytes} bytes, ${left < 0 ? 'more' : `${left} less`} came`,
  )
}

async function* all(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) yield* createReadStream(path, { highWaterMark: 1024 * 1024 })
}

async function sizeOf(path: string): Promise<number | null> {
  return (await ifThere(stat(path)))?.size ?? null
}

/** One upload of one account; says nothing about it. */
function nameOf({ repo, account, sha256 }: Upload): string {
  return createHash('sha256').update(`${repo}\n${account}\n${sha256}`).digest('hex').slice(0, 40)
}
