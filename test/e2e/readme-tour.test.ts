/** Runs every command of the README's tour in order, in an empty home, and compares what it prints with what stands there. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemCode } from '../../src/base/app-error.ts'

const ROOT = join(import.meta.dirname, '../..')
const END = '@@end-of-command'

interface Step {
  readonly command: string
  readonly shown: string
}

/** The `$ ` lines of the console blocks below `## Five-minute tour`, each with the output shown under it. */
function readTour(readme: string): Step[] {
  const section = readme.split(/^## /m).find((text) => text.startsWith('Five-minute tour')) ?? ''
  const blocks = [...section.matchAll(/```console\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const [command = '', ...shown] = text.trimEnd().split('\n')
        return { command, shown: shown.join('\n').trimEnd() }
      }),
  )
}

/** What differs from run to run: hashes, sizes, times, ports, tokens. */
function normalise(text: string): string {
  return text
    .replace(/\r/g, '')
    .replace(/hf_(\w+…?|…)/g, 'TOKEN')
    .replace(/\b[0-9a-f]{7,64}\b…?/g, 'HASH')
    .replace(/\d+(\.\d+)?/g, 'N')
    .replace(/\b(B|kB|MB|GB|ms|s)\b/g, 'UNIT')
    .replace(/\/\S*\/(?=[\w.-])/g, '/…/')
    .replace(/[ \t]+/g, ' ')
    .trim()
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error
  }
}

test('every command of the tour works and prints what the README shows', async () => {
  const steps = readTour(readFileSync(join(ROOT, 'README.md'), 'utf8'))
  expect(steps.length).toBeGreaterThan(5)
  const folder = mkdtempSync(join(tmpdir(), 'tour-'))
  mkdirSync(join(folder, 'bin'))
  symlinkSync(join(ROOT, 'bin/xorbit.cjs'), join(folder, 'bin/xorbit'))
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'))
  const port = await freePort()
  // Somebody's own server may have the usual port.
  const here = (command: string) =>
    command.replaceAll('9672', `${port}`).replace('xorbit serve', `xorbit serve --port ${port}`)
  const script = steps.map(({ command }) => `${here(command)}\necho "${END} $?"\n`).join('')
  const shell = spawn('bash', ['-c', `${script}\nkill %1; wait`], {
    cwd: folder,
    env: {
      PATH: `${join(folder, 'bin')}:${join(process.execPath, '..')}:${process.env.PATH}`,
      HOME: folder,
      LANG: 'C.UTF-8',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  // The shell and all that it started, also when the time is up.
  onTestFinished(() => killGroup(shell.pid))
  let output = ''
  shell.stdout.on('data', (data) => {
    output += data
  })
  shell.stderr.on('data', (data) => {
    output += data
  })
  await new Promise((resolve) => shell.once('close', resolve))
  rmSync(folder, { recursive: true })
  const results = output.split(/@@end-of-command /)
  const seen = steps.map(({ command }, i) => {
    const text = i === 0 ? (results[0] ?? '') : (results[i] ?? '').replace(/^\d+\n/, '')
    return { command, exit: Number(/^\d+/.exec(results[i + 1] ?? '')?.[0] ?? -1), output: normalise(text) }
  })
  const expected = steps.map(({ command, shown }) => ({ command, exit: 0, output: normalise(shown) }))
  expect(seen).toEqual(expected)
}, 60_000)
