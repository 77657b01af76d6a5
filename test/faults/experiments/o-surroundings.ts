/** Group O: odd tokens, odd environments, little of everything. Commands and the server work, or say what is missing. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cleanEnvironment, type Finished, type HubSettings, LAUNCHER, runProgram } from '../../farm/hub-process.ts'
import { LyingProxy } from '../../farm/lying-proxy.ts'
import { MemoryCap } from '../../farm/memory-cap.ts'
import type { Experiments } from '../experiment.ts'
import { seededBytes, seededChunks } from '../forge.ts'
import type { Lab } from '../lab.ts'

const MEMORY_BYTES = 256 << 20
const LARGE_BYTES = 24 << 20

export const SURROUNDINGS_EXPERIMENTS: Experiments = {
  O2: sendsNoBadToken,
  O3: worksAnywhere,
  O5: worksWithLittle,
}

/** O2: a token that would end its header or cannot be one is refused before anything is asked. */
async function sendsNoBadToken(lab: Lab): Promise<void> {
  const proxy = await LyingProxy.start(lab.hub.url)
  try {
    for (const token of [
      'hf_abc\nX-Evil: 1',
      'hf_abc\r\n\r\nGET /',
      'hf_gr\u00fc\u00dfe',
      'hf_\u65e5\u672c',
      'hf_\u{1f600}',
      'hf_a b',
    ]) {
      const asFile = await lab.scratch()
      await writeFile(join(asFile, 'token'), token, { mode: 0o600 })
      const ways: [string[], NodeJS.ProcessEnv][] = [
        [[], { HF_TOKEN: token }],
        [['--token', token], { HF_TOKEN: '' }],
        [[], { HF_TOKEN: '', HF_TOKEN_PATH: join(asFile, 'token') }],
      ]
      const results = await Promise.all(
        ways.map(([args, env]) => lab.run(['auth', 'whoami', '--json', ...args], { endpoint: proxy.url, env })),
      )
      for (const { code, stdout, stderr } of results) {
        assert.equal(code, 2, `${JSON.stringify(token)}: ${code}: ${stdout}${stderr}`)
        assert.ok(!(stdout + stderr).includes(token), 'the token is shown')
      }
    }
    const login = await lab.run(['auth', 'login', '--token', 'hf_a\nb', '--json'], { endpoint: proxy.url })
    assert.equal(login.code, 2, login.stdout + login.stderr)
    assert.deepEqual(proxy.exchanges, [], 'something was sent')
  } finally {
    await proxy.close()
  }
}

/** A server, a push to it and a pull of the same, in these surroundings; the bytes come back. */
async function roundTrip(
  lab: Lab,
  settings: HubSettings,
  bytes = 300_000,
  command: Pick<HubSettings, 'before' | 'env' | 'without'> = settings,
): Promise<void> {
  await lab.withAnother(settings, async (own) => {
    const folder = await own.scratch()
    const content = Buffer.from(seededBytes(lab.next(), bytes))
    await mkdir(join(folder, 'out'))
    await writeFile(join(folder, 'out', 'w\u00e4r.bin'), content)
    const run = async (...words: string[]) => {
      const env = cleanEnvironment(folder, { HF_ENDPOINT: own.hub.url, HF_TOKEN: own.alice, ...command.env })
      for (const name of command.without ?? []) delete env[name]
      const all = [...(command.before ?? []), process.execPath, LAUNCHER, ...words, '--json']
      const finished = await runProgram(all[0] as string, all.slice(1), { env })
      assert.equal(finished.code, 0, `${words[0]}: ${finished.stdout.slice(-600)}${finished.stderr.slice(-600)}`)
    }
    await run('push', 'alice/trip', join(folder, 'out'))
    await run('pull', 'alice/trip', '--local-dir', join(folder, 'in'), '--cache-dir', join(folder, 'cache'))
    assert.ok((await readFile(join(folder, 'in', 'w\u00e4r.bin'))).equals(content), 'other bytes came back')
    await own.publish('alice/trip', 'by-hand.bin', seededChunks(lab.next(), [20_000]))
    await own.checkSound()
  })
}

/** O3: time zones and languages change nothing; without a HOME, a writable HOME or a place for temporary files it works. */
async function worksAnywhere(lab: Lab): Promise<void> {
  const language = { LANG: 'C', LC_ALL: 'C', TZ: 'Pacific/Kiritimati' }
  const other = { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', TZ: 'Nonsense/Nowhere' }
  const homeless = { without: ['HOME', 'HF_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME'] }
  const sealed = await lab.scratch()
  const seal = 'mount -t tmpfs -o ro none "$0" && exec "$@"'
  const readOnly = {
    before: ['unshare', '--map-root-user', '--mount', 'sh', '-c', seal, sealed],
    env: { HOME: sealed, XDG_CACHE_HOME: '', HF_HOME: join(sealed, 'hf'), ...language },
  }
  const placeless = { env: { TMPDIR: '/nowhere/at/all', TMP: '/nowhere', TEMP: '/nowhere' } }
  await roundTrip(lab, { env: language })
  await roundTrip(lab, { env: other, ...homeless })
  await roundTrip(lab, { ...readOnly })
  await roundTrip(lab, { ...placeless })
  // What cannot work without a place for its files says so, in one line.
  const folder = await lab.scratch()
  const env = cleanEnvironment(folder, { HF_ENDPOINT: lab.hub.url, HF_TOKEN: lab.alice, ...readOnly.env })
  const words = [...readOnly.before, process.execPath, LAUNCHER, 'pull', 'alice/good', '--json']
  assertNamed(await runProgram(words[0] as string, words.slice(1), { env }), join(sealed, 'hf'))
}

function assertNamed({ code, stdout, stderr }: Finished, name: string): void {
  assert.equal(code, 2, `ended with ${code}: ${stdout}${stderr}`)
  assert.ok(stdout.includes(name), `the folder is not named: ${stdout}`)
  assert.doesNotMatch(stdout + stderr, /\n {4}at /)
}

/** O5: 64 descriptors, one processor, 256 MiB: slower perhaps, and whole. */
async function worksWithLittle(lab: Lab): Promise<string> {
  const cap = await MemoryCap.create()
  const ofCommands = await MemoryCap.create()
  try {
    for (const one of [cap, ofCommands]) await one.limit(MEMORY_BYTES)
    const small = ['prlimit', '--nofile=64:64', 'taskset', '-c', '0']
    const settings = { before: [...cap.before, ...small] }
    await roundTrip(lab, settings, LARGE_BYTES, { before: [...ofCommands.before, ...small] })
    const [server, commands] = await Promise.all([cap.peak(), ofCommands.peak()])
    return `at most ${server >> 20} MiB for the server, ${commands >> 20} MiB for commands`
  } finally {
    await cap.remove()
    await ofCommands.remove()
  }
}
