/** Group O: settings that make no sense, and outputs that nobody reads or that are narrow. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { cleanEnvironment, LAUNCHER, runProgram } from '../../farm/hub-process.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { assertEnded, weightsOf } from '../pulls.ts'

export const COMMAND_EXPERIMENTS: Experiments = { O1: refusesBadSettings, O4: writesForAnybody }

/** O1: exit 2, with the key and where it comes from; nothing is guessed. */
async function refusesBadSettings(lab: Lab): Promise<void> {
  const { repo } = await weightsOf(lab)
  const folder = await lab.scratch()
  const file = join(folder, 'config', 'xorbit', 'config.toml')
  await mkdir(join(folder, 'config', 'xorbit'), { recursive: true })
  const pull = ['pull', repo, '--dry-run', '--json']
  const files: readonly (readonly [text: string, message: RegExp])[] = [
    ['max-worker = 4\n', /max-worker.*max-workers/],
    ['max-workers = "many"\n', /max-workers/],
    ['offline = 7\n', /offline/],
    ['progress = "loud"\n', /progress/],
    ['max-workers = 4\nmax-workers = 5\n', /max-workers.*twice/],
    ['[transfer]\n', /table/],
    ['max-workers\n', /key = /],
  ]
  for (const [text, message] of files) {
    await writeFile(file, text)
    const finished = await lab.run(pull, { folder })
    assertEnded(finished, 2, message)
    assert.match(finished.stdout, /config\.toml line \d/, 'the place is not named')
  }
  await writeFile(file, 'max-workers = 4\nendpoint = "http://127.0.0.1:9"\n')
  // The environment stands above the file, which the user may not even know of.
  assertEnded(await lab.run(pull, { folder }), 0)
  await writeFile(file, '')
  const env = { XORBIT_MAX_WORKERS: 'many' }
  assertEnded(await lab.run(pull, { folder, env }), 2, /max-workers|XORBIT_MAX_WORKERS/i)
  assertEnded(
    await lab.run(['pull', `${repo}@main`, '--revision', 'other', '--json']),
    2,
    /main.*other.*REF_CONTRADICTED|REF_CONTRADICTED.*main.*other/,
  )
  assertEnded(await lab.run(['pull', repo, '--no-such-flag', '--json']), 2, /no-such-flag/)
}

/** O4: whoever reads may go, there may be no terminal or a narrow one: no stack trace, and an end that scripts understand. */
async function writesForAnybody(lab: Lab): Promise<void> {
  const { repo } = await weightsOf(lab)
  const folder = await lab.scratch()
  const env = cleanEnvironment(folder, { HF_ENDPOINT: lab.hub.url, HF_TOKEN: lab.alice })
  const words = [
    ['ls', repo],
    ['--help'],
    ['ls', repo, '--json'],
    ['pull', repo, '--local-dir', join(folder, 'closed'), '--progress', 'plain'],
    ['pull', repo, '--local-dir', join(folder, 'json'), '--json', '--progress', 'json'],
  ]
  for (const args of words) await outlivesClosed(args, env)
  const quoted = [process.execPath, LAUNCHER, 'pull', repo, '--local-dir', join(folder, 'tty')].map(
    (word) => `'${word}'`,
  )
  const narrow = await runProgram('script', ['-qec', `stty cols 20 rows 5; ${quoted.join(' ')}`, '/dev/null'], { env })
  assert.equal(narrow.code, 0, narrow.stdout + narrow.stderr)
  assert.doesNotMatch(narrow.stdout, /\n {4}at /)
  // What is drawn anew on its line fits in it.
  const drawn = narrow.stdout.split(/\r|\n/).filter((line) => line.includes('[2K') || line.includes('%'))
  for (const line of drawn) {
    const shown = stripVTControlCharacters(line)
    assert.ok([...shown].length <= 20, `a line of ${[...shown].length} cells: ${shown}`)
  }
  const plain = await runProgram(process.execPath, [LAUNCHER, 'pull', repo, '--local-dir', join(folder, 'plain')], {
    env,
  })
  assert.equal(plain.code, 0)
  const text = plain.stdout + plain.stderr
  assert.equal(stripVTControlCharacters(text), text, 'a file gets control sequences')
}

/** Standard output is closed at once, and in another run standard error too. */
async function outlivesClosed(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  for (const both of [false, true]) {
    const child = spawn(process.execPath, [LAUNCHER, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let said = ''
    if (both) child.stderr.destroy()
    else
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    assert.ok(code === 0 || code === 141 || signal === 'SIGPIPE', `${args[0]} ended with ${code} ${signal}: ${said}`)
    assert.doesNotMatch(said, /\n {4}at /, 'a stack trace was shown')
  }
}
