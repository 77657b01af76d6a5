/** A disk that is not as those of this machine: made for one command by what is preloaded into it (farm/odd-disk.c). */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../farm/hub-process.ts'
import type { Lab } from './lab.ts'

export interface OddDisk {
  /** Below it the disk is odd. */
  readonly root: string
  readonly env: NodeJS.ProcessEnv
}

/** `fold`: capitals and small letters are the same. `loose`: locks are granted to everybody, hard links to nobody. */
export async function buildOddDisk(lab: Lab, mode: 'fold' | 'loose'): Promise<OddDisk> {
  const folder = await lab.scratch()
  const library = join(folder, 'odd-disk.so')
  const source = fileURLToPath(new URL('../farm/odd-disk.c', import.meta.url))
  const { code, stderr } = await runProgram('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'])
  assert.equal(code, 0, `cc: ${stderr}`)
  const root = join(folder, 'odd')
  await mkdir(root)
  return { root, env: { LD_PRELOAD: library, ODD_DISK: mode, ODD_DISK_ROOT: root } }
}
