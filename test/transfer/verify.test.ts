/** `xorbit verify` over a Hub that is sound, and a disk that is not. */
import { chmod, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pull } from '../../src/actions/pull.ts'
import { run } from '../../src/cli/commands/verify.ts'
import { reportError } from '../../src/cli/exit.ts'
import { createIo } from '../../src/cli/output.ts'
import { FakeHub } from '../farm/fake-hub.ts'

let hub: FakeHub
let folder: string
beforeAll(async () => {
  hub = await FakeHub.start({})
  folder = await mkdtemp(join(tmpdir(), 'xorbit-verify-'))
})
afterAll(async () => {
  await hub.close()
  await rm(folder, { recursive: true })
})

/** Runs the command over the cache of this name; its events, and what it threw. */
async function verify(cache: string) {
  const lines: string[] = []
  const stdout = { write: (text: string) => lines.push(text) }
  const flags = { json: true, endpoint: hub.url, token: 'hf_test', cacheDir: join(folder, cache) }
  const io = createIo(flags, { stdout, stderr: stdout }, new AbortController().signal)
  const thrown: unknown = await run(['f/good'], flags, io).catch((error: unknown) => error)
  const exit = thrown === undefined ? 0 : reportError(thrown, io, false)
  return { thrown, exit, events: lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

test('what was never pulled cannot be verified', async () => {
  expect((await verify('empty')).thrown).toMatchObject({ kind: 'not-found', code: 'NOT_PULLED' })
})

test('every file as listed; then one changed byte is named, exit 15', async () => {
  const env = { HOME: folder, XORBIT_HOME: join(folder, 'none') }
  const { snapshot } = await pull({
    ref: 'f/good',
    endpoint: hub.url,
    cacheDir: join(folder, 'full'),
    token: 'hf_test',
    env,
  })
  const whole = await verify('full')
  expect([whole.thrown, whole.exit]).toEqual([undefined, 0])
  expect(whole.events.at(-1)).toMatchObject({ event: 'done', checked: 3, differences: 0 })
  const path = await realpath(join(snapshot, 'weights.bin'))
  const bytes = await readFile(path)
  bytes[1_000_000] = (bytes[1_000_000] as number) ^ 1
  await chmod(path, 0o644)
  await writeFile(path, bytes)
  const changed = await verify('full')
  expect(changed.events[0]).toMatchObject({ event: 'difference', path: 'weights.bin' })
  expect(changed.thrown).toMatchObject({ kind: 'integrity', code: 'VERIFY_DIFFERENCES' })
  expect(changed.exit).toBe(15)
  expect(changed.events.at(-1)).toMatchObject({ event: 'error', code: 'VERIFY_DIFFERENCES', exit: 15 })
})
