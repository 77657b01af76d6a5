/** kill -9 of the whole server at moments of its choosing: what was acknowledged is there, and nothing is half there. */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HubServer } from './hub-server.ts'

const PROGRAM = fileURLToPath(new URL('commit-loop.ts', import.meta.url))
const ROUNDS = 6
let home: string

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'xorbit-kill-'))
})
afterAll(() => rm(home, { recursive: true, force: true }))

/** Commits until `ms` after the first acknowledgement, then kill -9. Gives what was acknowledged. */
async function runAndKill(ms: number): Promise<string[]> {
  const child = spawn(process.execPath, [PROGRAM, home], { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'started') continue
    acknowledged.push(line)
    if (acknowledged.length === 1) setTimeout(() => child.kill('SIGKILL'), ms)
  }
  if (child.signalCode === null && child.exitCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  return acknowledged
}

test('after kill -9 everything acknowledged is readable and no commit names what is missing', async () => {
  const acknowledged: string[] = []
  const moments = Array.from({ length: ROUNDS }, () => Math.floor(Math.random() * 120))
  for (const ms of moments) acknowledged.push(...(await runAndKill(ms)))
  const gitDir = join(home, 'repos/models/alice/loop.git')
  const git = (...args: string[]) => execFileSync('git', [`--git-dir=${gitDir}`, ...args], { encoding: 'utf8' })
  const context = `killed after ${moments.join(', ')} ms`
  const hub = await HubServer.start({ home })
  try {
    const { json } = await hub.ask('/api/models/alice/loop/tree/main/large')
    git('fsck', '--strict', '--full')
    const history = git('rev-list', 'main').split('\n')
    for (const line of acknowledged) {
      const [commit = '', sha256 = ''] = line.split(' ')
      expect(history, context).toContain(commit)
      expect((await hub.ask(`/alice/loop/resolve/main/small/${sha256}`)).text, context).toBe(sha256)
    }
    // Also what was committed and not acknowledged is whole.
    expect(json.length, context).toBeGreaterThanOrEqual(acknowledged.length)
    for (const { path, xetHash } of json) {
      const { body } = await hub.ask(`/alice/loop/resolve/main/${path}`)
      expect(`large/${createHash('sha256').update(body).digest('hex')}.bin`, context).toBe(path)
      expect(xetHash, context).toMatch(/^[0-9a-f]{64}$/)
    }
    const left = (await readdir(gitDir, { recursive: true })).filter((name) =>
      /incoming-|\.lock$|tmp_|crash/.test(name),
    )
    expect(left, context).toEqual([])
  } finally {
    await hub.stop()
  }
}, 90_000)
