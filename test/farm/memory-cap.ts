/** A limit of memory that the kernel keeps for a process: a control group of its own, version 1 or 2. */
import { mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../src/base/app-error.ts'
import { systemClock } from '../../src/base/clock.ts'

const ROOT = '/sys/fs/cgroup'
const STEP_BYTES = 1 << 20
let count = 0

export class MemoryCap {
  readonly #group: string
  readonly #isV1: boolean

  private constructor(group: string, isV1: boolean) {
    this.#group = group
    this.#isV1 = isV1
  }

  /** Without a limit yet. */
  static async create(): Promise<MemoryCap> {
    const isV1 = await stat(join(ROOT, 'memory')).then(
      () => true,
      () => false,
    )
    const group = join(ROOT, isV1 ? 'memory' : '', `xorbit-test-${process.pid}-${count++}`)
    await mkdir(group)
    return new MemoryCap(group, isV1)
  }

  /** Words that start what follows them inside. */
  get before(): string[] {
    return ['sh', '-c', 'echo $$ > "$0" && exec "$@"', join(this.#group, 'cgroup.procs')]
  }

  /** At least so much: version 1 takes no limit below what cannot be given back. */
  async limit(bytes: number): Promise<void> {
    const file = join(this.#group, this.#isV1 ? 'memory.limit_in_bytes' : 'memory.max')
    for (let wanted = bytes; ; wanted += STEP_BYTES) {
      try {
        return await writeFile(file, String(wanted))
      } catch (error) {
        if (systemCode(error) !== 'EBUSY') throw error
      }
    }
  }

  /** The most that the processes held, in bytes, with the files that the kernel remembers for them. */
  async peak(): Promise<number> {
    const name = this.#isV1 ? 'memory.max_usage_in_bytes' : 'memory.peak'
    return Number(await readFile(join(this.#group, name), 'utf8'))
  }

  /** Once its processes have ended. */
  async remove(): Promise<void> {
    // The kernel lets the group go a moment after its last process.
    for (let attempt = 0; ; attempt++) {
      try {
        return await rmdir(this.#group)
      } catch (error) {
        if (attempt === 100) throw error
        await systemClock.sleep(20)
      }
    }
  }
}
