import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OwnServer, runOwn } from './own-command.ts'

let folder: string
const signal = new AbortController().signal
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-own-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Settings under which every program prints a line that is no JSON, before its own. */
async function chatty() {
  const script = join(folder, 'chatty.cjs')
  await writeFile(script, "process.stdout.write('hello\\n')")
  return { HOME: folder, NODE_OPTIONS: `--require=${script}` }
}

test('gives the events and the exit code of a command', async () => {
  const { code, events } = await runOwn(['version'], { HOME: folder }, signal)
  expect(code).toBe(0)
  expect(events.map(({ event }) => event)).toEqual(['version', 'done'])
})

test('a command that prints something else than events is a fault of ours', async () => {
  const bad = { kind: 'bug', code: 'COMMAND_OUTPUT_BAD' }
  await expect(runOwn(['version'], await chatty(), signal)).rejects.toMatchObject(bad)
  await expect(OwnServer.start(join(folder, 'home'), 'ann', await chatty())).rejects.toMatchObject(bad)
})

test('a server that cannot start says why', async () => {
  const home = join(folder, 'newer')
  await mkdir(home)
  await writeFile(join(home, 'layout-version'), '99\n')
  const started = OwnServer.start(home, 'ann', { HOME: folder })
  await expect(started).rejects.toMatchObject({ kind: 'bug', code: 'SERVER_NOT_READY' })
})
