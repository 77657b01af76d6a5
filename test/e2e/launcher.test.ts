import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const LAUNCHER = join(import.meta.dirname, '../../bin/xorbit.cjs')
/** The machine's own Node, where it is older than ours. */
const OLD_NODE = ['/usr/local/bin/node', '/usr/bin/node'].find(existsSync)

test('--help answers quickly, lists commands, and loads none of them', async () => {
  const times: number[] = []
  // 48 ms on an idle machine; on a busy one the best of several.
  while (times.length < 15 && !times.some((ms) => ms < 200)) {
    const started = performance.now()
    const { stdout } = await run(process.execPath, [LAUNCHER, '--help'])
    times.push(performance.now() - started)
    expect(stdout).toMatch(/\bpull\b[\s\S]*\bpush\b/)
  }
  expect(Math.min(...times)).toBeLessThan(200)
})

test('an unknown flag is exit 2, an unknown word too', async () => {
  await expect(run(process.execPath, [LAUNCHER, 'ls', '--nonsense'])).rejects.toMatchObject({ code: 2 })
  await expect(run(process.execPath, [LAUNCHER, 'nonsense'])).rejects.toMatchObject({ code: 2 })
})

test('a bad command line under --json is an error event, and its own words on standard error', async () => {
  for (const args of [
    ['pull', '--json'],
    ['frob', '--json'],
    ['ls', '--json', '--nonsense'],
  ]) {
    const failed = await run(process.execPath, [LAUNCHER, ...args]).catch((error) => error)
    expect(JSON.parse(failed.stdout)).toMatchObject({ event: 'error', code: 'COMMAND_LINE_BAD', exit: 2 })
    expect(failed.stderr).toMatch(/^error: /)
  }
})

test.skipIf(OLD_NODE === undefined)("the machine's own Node starts the command too", async () => {
  const { stdout } = await run(OLD_NODE as string, [LAUNCHER, 'version', '--json'])
  expect(JSON.parse(stdout.split('\n', 1)[0] ?? '')).toMatchObject({
    event: 'version',
    node: expect.stringMatching(/^2[4-9]\./),
  })
})
