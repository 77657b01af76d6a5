/** Kills a process that stores, at random moments, and looks at what is left: everything acknowledged, nothing half. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { FsBlobStore } from '../../src/store/fs-blob-store.ts'
import { SqliteCatalog } from '../../src/store/sqlite-catalog.ts'
import { readAll } from '../suites/blob-store.suite.ts'
import { blobKey, segmentsFor, yieldAll } from './crash-writer.ts'

const KILLS = 20
const scratch = await mkdtemp(join(tmpdir(), 'xorbit-crash-'))
afterAll(() => rm(scratch, { recursive: true }))

interface Writer {
  readonly root: string
  /** Where the catalog commits. */
  readonly how: 'inline' | 'thread'
}

/** Lets a writer acknowledge `count` numbers from `from`, kills it `delayMs` later, and returns the last one it said. */
function writeAndKill({ root, how }: Writer, from: number, count: number, delayMs: number): Promise<number> {
  const script = fileURLToPath(new URL('crash-writer.ts', import.meta.url))
  const child = spawn(process.execPath, [script, root, String(from), how], { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let said = ''
    let armed = false
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString()
      if (armed || said.split('\n').length <= count) return
      armed = true
      setTimeout(() => child.kill('SIGKILL'), delayMs)
    })
    child.on('close', (_code, signal) => {
      const lines = said.split('\n').slice(0, -1)
      if (signal === 'SIGKILL') resolve(Number(lines.at(-1)))
      else reject(new Error('The writer ended by itself'))
    })
  })
}

async function check(root: string, upTo: number): Promise<void> {
  const blobs = await FsBlobStore.create(join(root, 'blobs'))
  const catalog = new SqliteCatalog(join(root, 'catalog.db'))
  for (let number = 0; number <= upTo; number++) {
    const key = blobKey(number)
    // The writer marked it itself and was killed before it had replaced it: still there, and healed by the next put.
    if ((await blobs.find(key))?.damaged.length === 1) await blobs.put(key, yieldAll(segmentsFor(number)))
    expect((await readAll(blobs.open(key))).equals(Buffer.concat(segmentsFor(number)))).toBe(true)
    expect(Buffer.from((await catalog.findRecord('xorb', key.name)) ?? []).toString()).toBe(String(number))
    expect(await catalog.hasPath([`file:${number}`], `xorb:${key.name}`)).toBe(true)
    expect(await catalog.leaseUntil('ann', `xorb:${key.name}`)).toBe(number + 1)
    expect(await catalog.findIndex('chunk', String(number), 2)).toEqual([key.name])
  }
  // What was on its way is whole or absent: every name that is there can be read to its end.
  for await (const name of blobs.list('xorb')) await readAll(blobs.open({ kind: 'xorb', name }))
  for await (const { key } of catalog.listRecords('xorb')) {
    expect(await blobs.has({ kind: 'xorb', name: key })).toBe(true)
  }
  await catalog.close()
}

test.each(['inline', 'thread'] as const)(
  `everything acknowledged is there and whole after ${KILLS} kills at random moments: %s`,
  {
    timeout: 120_000,
  },
  async (how) => {
    const root = join(scratch, how)
    const seed = Math.floor(Math.random() * 2 ** 31)
    let state = seed
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
      return (state >>> 8) % below
    }
    let last = -1
    for (let kill = 0; kill < KILLS; kill++) {
      // A killed replacement leaves the damaged copy: the next writer begins at a number that makes it anew.
      const from = Math.max(last + 1, 0)
      last = Math.max(last, await writeAndKill({ root, how }, from - (from % 3), 1 + random(6), random(12)))
    }
    await check(root, last).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error })
    })
    expect(last).toBeGreaterThan(KILLS)
  },
)
