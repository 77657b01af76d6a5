/**
 * Bounds what this process may still take. On Linux by the kernel: RLIMIT_DATA counts what is allocated, not mapped
 * files and not the address space that the runtime reserves. Elsewhere by looking at the resident size now and then.
 */
import { readFileSync } from 'node:fs'
import { openLibc } from './libraries.ts'

const RLIMIT_DATA = 2
const LOOK_MS = 1_000
/** As a shell says it of a process that was killed for memory. */
const EXIT_CODE = 137

export function limitMemory(bytes: number): void {
  if (process.platform !== 'linux') {
    const limit = process.memoryUsage.rss() + bytes
    setInterval(() => {
      if (process.memoryUsage.rss() > limit) process.exit(EXIT_CODE)
    }, LOOK_MS).unref()
    return
  }
  const [, kilobytes] = /VmData:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  const limit = BigInt(Number(kilobytes) * 1024 + bytes)
  const status = openLibc().func('int setrlimit(int, void*)')(RLIMIT_DATA, BigUint64Array.of(limit, limit))
  if (status !== 0) throw new Error(`setrlimit refuses ${limit} bytes`)
}
