import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { benchHub } from '../../src/actions/bench-hub.ts'
import { benchLocal, type Measured } from '../../src/actions/bench-local.ts'
import { listRepos } from '../../src/actions/browse.ts'
import { type RunningServer, startServer } from '../../src/app/lifecycle.ts'
import { silentLog } from '../../src/base/log.ts'
import { run } from '../../src/cli/commands/bench.ts'
import { createIo } from '../../src/cli/output.ts'

let folder = ''
let server: RunningServer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-bench-test-'))
  const home = join(folder, 'server')
  server = await startServer({ home, host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog })
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

test('what a transfer is made of is measured, and nothing stays', async () => {
  const measured: Measured[] = []
  const place = await mkdtemp(join(folder, 'local-'))
  await benchLocal({ mib: 2, folder: place, onMeasured: (one) => measured.push(one) })
  expect(measured.map(({ name }) => name)).toEqual([
    ...['chunk and hash (Xet)', 'SHA-256', 'compress', 'write to disk, synced', 'read again (cached)'],
  ])
  for (const { bytes, seconds } of measured) expect([bytes, seconds > 0]).toEqual([2 << 20, true])
  expect(measured[2]?.figures?.storedShare).toBeLessThan(0.95)
  expect(await readdir(place)).toEqual([])
})

test('a Hub is measured with a repository that is gone afterwards, also when a step fails', async () => {
  const measured: Measured[] = []
  const env = { HOME: folder, XORBIT_HOME: join(folder, 'server'), HF_HOME: join(folder, 'hf') }
  const report = await benchHub({ env, mib: 6, onMeasured: (one) => measured.push(one) })
  expect(measured.map(({ name }) => name)).toEqual(['push, all new', 'push, 1 MiB changed', 'pull'])
  const [fresh, changed] = measured.map(({ figures }) => figures?.sentBytes ?? 0)
  expect(fresh).toBeGreaterThan(4 << 20)
  expect(changed).toBeLessThan((fresh ?? 0) / 2)
  expect(report.repo).toMatch(/^ann\/xorbit-bench-/)
  const failing = benchHub({
    ...{ env, mib: 1 },
    onMeasured() {
      throw new Error('stop here')
    },
  })
  await expect(failing).rejects.toThrow('stop here')
  const left: string[] = []
  await listRepos(null, { env }, (id) => left.push(id))
  expect(left).toEqual([])
})

test('how much is bounded', async () => {
  const streams = { stdout: { write: () => true }, stderr: { write: () => true } }
  const io = createIo({}, streams, new AbortController().signal)
  await expect(run([], { mib: '4096' }, io)).rejects.toMatchObject({ code: 'FLAG_INVALID' })
})
