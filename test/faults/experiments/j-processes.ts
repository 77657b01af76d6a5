/** Group J: a second server on one home, what a killed one leaves, and commands of another version. */
import assert from 'node:assert/strict'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cleanEnvironment, ROOT, runProgram, xorbit } from '../../farm/hub-process.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'

const OTHER_VERSION = '99.1.0'

export const SERVER_EXPERIMENTS: Experiments = {
  J7: (lab) => lab.withAnother({}, keepsOneServer),
  J10: namesVersions,
}

/** J7: the second one finds the first and says who it is; what a dead one left stops nobody. */
async function keepsOneServer(lab: Lab): Promise<void> {
  const { hub } = lab
  const serve = ['serve', '--port', '0', '--home', hub.home, '--json']
  const second = await xorbit(hub.folder, serve, { timeoutMs: 20_000 })
  assert.equal(second.code, 18, second.stdout + second.stderr)
  assert.match(second.stdout, /FOLDER_IN_USE/)
  assert.match(second.stdout, new RegExp(`\\b${hub.pid}\\b`), 'the message does not name the first')
  await lab.checkSound()
  await listsUsers(lab)

  const run = (name: string) => join(hub.home, 'run', name)
  const first = hub.pid
  await hub.stop('SIGKILL')
  assert.equal(Number(await readFile(run('pid'), 'utf8')), first, 'a killed server leaves its files')
  await hub.start()
  assert.equal(Number(await readFile(run('pid'), 'utf8')), hub.pid)
  assert.equal((await readFile(run('url'), 'utf8')).trim(), hub.url)
  await lab.checkSound()

  // The pid of a live process that is no server, in every file that names one: proof is the lock, not a number.
  await hub.stop('SIGKILL')
  await writeFile(run('pid'), `${process.pid}\n`)
  await writeFile(run('lock-owner.json'), `{"pid":${process.pid},"host":"elsewhere","since":"2020-01-01T00:00:00Z"}\n`)
  await writeFile(run('url'), 'http://127.0.0.1:1\n')
  await listsUsers(lab)
  await hub.start()
  await lab.checkSound()
}

async function listsUsers({ hub }: Lab): Promise<void> {
  const listed = await xorbit(hub.folder, ['user', 'ls', '--home', hub.home, '--json'], { timeoutMs: 20_000 })
  assert.equal(listed.code, 0, listed.stdout + listed.stderr)
  assert.match(listed.stdout, /alice/)
}

/** J10: commands of another version say so and change nothing; what goes by the Hub's own protocol works as ever. */
async function namesVersions(lab: Lab): Promise<void> {
  const folder = await lab.scratch()
  const launcher = await otherVersion(folder)
  const { home } = lab.hub
  const run = (...args: string[]) => {
    const env = cleanEnvironment(folder, { HF_ENDPOINT: lab.hub.url, HF_TOKEN: lab.alice })
    return runProgram(process.execPath, [launcher, ...args, '--json'], { env, timeoutMs: 60_000 })
  }
  assert.match((await run('version')).stdout, new RegExp(OTHER_VERSION.replaceAll('.', '\\.')))
  await lab.leavesNothing(async () => {
    for (const words of [['gc', '--now'], ['user', 'create', 'mallory'], ['user', 'ls'], ['doctor']]) {
      const refused = await run(...words, '--home', home)
      assert.equal(refused.code, 20, `${words}: ${refused.stdout}${refused.stderr}`)
      const error = refused.stdout.split('\n').find((line) => line.includes('SERVER_VERSION_DIFFERS')) ?? ''
      const { version } = (await lab.send('/health')).json()
      assert.ok(
        error.includes(OTHER_VERSION) && error.includes(`${version}`),
        `versions are not named: ${refused.stdout}`,
      )
      assert.match(error, /restart/)
    }
  })
  const users = await lab.run(['user', 'ls', '--home', home, '--json'])
  assert.doesNotMatch(users.stdout, /mallory/)
  const pull = await run('pull', 'alice/good', '--local-dir', join(folder, 'out'))
  assert.equal(pull.code, 0, pull.stdout + pull.stderr)
}

/** This program as it stands, but for its version. */
async function otherVersion(folder: string): Promise<string> {
  const copy = join(folder, 'other')
  await mkdir(copy)
  for (const part of ['src', 'bin']) await cp(join(ROOT, part), join(copy, part), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>
  await writeFile(join(copy, 'package.json'), JSON.stringify({ ...manifest, version: OTHER_VERSION }))
  return join(copy, 'bin', 'xorbit.cjs')
}
