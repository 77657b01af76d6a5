/** A disk that takes long to make a commit durable, played by strace: the write waits for it, the event loop does not. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { runProgram } from '../farm/hub-process.ts'
import { SYNCS } from '../farm/injection.ts'

const SYNC_MS = 300
/** What the event loop of a server may be held. */
const HELD_MS_MAX = 50
const WRITER = fileURLToPath(new URL('slow-sync-writer.ts', import.meta.url))
const hasStrace = spawnSync('strace', ['-V']).status === 0

const folder = await mkdtemp(join(tmpdir(), 'xorbit-slow-sync-'))
afterAll(() => rm(folder, { recursive: true }))

async function measure(how: 'inline' | 'thread'): Promise<{ writeMs: number; heldMs: number }> {
  const slow = ['-e', `trace=${SYNCS}`, '-e', `inject=${SYNCS}:delay_enter=${SYNC_MS * 1000}`]
  const command = [process.execPath, WRITER, join(folder, `${how}.db`), how]
  const strace = ['-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', ...slow, ...command]
  const { code, stdout, stderr } = await runProgram('strace', strace)
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as { writeMs: number; heldMs: number }
}

test.runIf(hasStrace)('a slow sync holds the thread that commits, and nothing else', async () => {
  const inline = await measure('inline')
  expect(inline.writeMs).toBeGreaterThanOrEqual(SYNC_MS)
  expect(inline.heldMs).toBeGreaterThan(SYNC_MS / 2)
  const thread = await measure('thread')
  expect(thread.writeMs).toBeGreaterThanOrEqual(SYNC_MS)
  expect(thread.heldMs).toBeLessThan(HELD_MS_MAX)
})
