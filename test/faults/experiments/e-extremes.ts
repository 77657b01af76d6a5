/** Group E: names and numbers at their limits, modes of files, and folders that belong to others. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { cleanEnvironment, LAUNCHER, runProgram } from '../../farm/hub-process.ts'
import type { Experiments } from '../experiment.ts'
import { seededChunks } from '../forge.ts'
import { assertRefused, fileLine, type Lab } from '../lab.ts'

const NAME_BYTES_MAX = 255
const PATH_BYTES_MAX = 4096
const FOLDERS = 1000
const FILES_EACH = 1000
const MEMORY_MAX = 700 * 2 ** 20

export const EXTREME_EXPERIMENTS: Experiments = {
  async E26(lab) {
    await takesLongNames(lab)
    return takesManyFiles(lab)
  },
  E27: keepsModes,
}

/** The longest names there are; one byte more is refused. What this machine cannot hold as a path is said to be so. */
async function takesLongNames(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const name = 'n'.repeat(NAME_BYTES_MAX)
  const path = `${'p/'.repeat((PATH_BYTES_MAX - 2) / 2)}pp`
  assert.equal(path.length, PATH_BYTES_MAX)
  for (const long of [`${name}n`, `${path}p`]) {
    await lab.leavesNothing(async () => assertRefused(await lab.commit(repo, [fileLine(long, 'x')]), [400, 413]))
  }
  const large = await lab.publish(repo, name, seededChunks(lab.next(), [30_000]))
  const pull = async () => lab.run(['pull', repo, '--local-dir', join(await lab.scratch(), 'in'), '--json'])
  const worked = await pull()
  assert.equal(worked.code, 0, worked.stdout + worked.stderr)
  const cached = await lab.run(['pull', repo, '--cache-dir', join(await lab.scratch(), 'cache'), '--json'])
  assert.equal(cached.code, 0, cached.stdout + cached.stderr)
  await lab.commitText(repo, { [path]: 'deep\n' })
  const deep = await lab.send(`/${repo}/resolve/main/${path}`, { token: lab.alice })
  assert.equal(deep.body.toString(), 'deep\n', `${deep.status}`)
  const tooDeep = await pull()
  assert.equal(tooDeep.code, 19, tooDeep.stdout.slice(-600) + tooDeep.stderr)
  assert.match(tooDeep.stdout, /ENAMETOOLONG|too long/)
  assert.ok((await lab.send(`/${repo}/resolve/main/${name}`, { token: lab.alice })).body.equals(large.content))
}

/** A million files are more than are served. */
async function takesManyFiles(lab: Lab): Promise<string> {
  return lab.withAnother({}, async (own) => {
    const repo = await own.freshRepo()
    await own.commitText(repo, { 'README.md': '# many\n' })
    const git = ['--git-dir', join(own.hub.home, 'repos', 'models', `${repo}.git`)]
    const blob = await gitWith([...git, 'hash-object', '-w', '--stdin'], 'x\n')
    const leaf = lines(FILES_EACH, (i) => `100644 blob ${blob}\tf${i}.txt`)
    const folder = await gitWith([...git, 'mktree'], leaf)
    const root = await gitWith(
      [...git, 'mktree'],
      lines(FOLDERS, (i) => `040000 tree ${folder}\td${i}`),
    )
    const author = ['-c', 'user.name=t', '-c', 'user.email=t@t']
    const parent = await gitWith([...git, 'rev-parse', 'main'], '')
    const commit = await gitWith([...git, ...author, 'commit-tree', root, '-p', parent, '-m', 'many'], '')
    await gitWith([...git, 'update-ref', 'refs/heads/main', commit, parent], '')
    // As the server stores them: its commits are packs.
    await gitWith([...git, 'repack', '-adq'], '')
    const growth = await own.watchMemory()
    const first = await own.send(`/api/models/${repo}/tree/main?recursive=true&limit=1000`, { timeoutMs: 120_000 })
    // Too many to serve: said with the limit, at every way in, and nothing else suffers.
    const added = await own.commit(repo, [fileLine('d500/new.txt', 'new\n')], { timeoutMs: 120_000 })
    for (const reply of [first, added]) {
      assertRefused(reply, 413, 'REVISION_TOO_LARGE')
      assert.match(reply.body.toString(), /800000/, 'the limit is not named')
    }
    const pulled = await own.run(['pull', repo, '--local-dir', join(await own.scratch(), 'in'), '--json'])
    assert.equal(pulled.code, 19, pulled.stdout.slice(-500) + pulled.stderr)
    assert.match(pulled.stdout, /800000/, 'the limit is not named')
    const grown = growth()
    assert.ok(grown < MEMORY_MAX, `resident memory grew by ${grown >> 20} MiB`)
    await own.checkSound()
    own.checkSameProcess()
    return `memory +${Math.round(grown / 2 ** 20)} MiB`
  })
}

function lines(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => `${line(i)}\n`).join('')
}

async function gitWith(args: readonly string[], input: string): Promise<string> {
  const child = spawn('git', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  // What reads nothing may have ended by now: its exit code says how.
  child.stdin.on('error', () => child.stdin.destroy())
  child.stdin.end(input)
  const [code] = await once(child, 'close')
  assert.equal(code, 0, `git ${args.at(2)}`)
  return text.trim()
}

/** E27: secrets stay private under any umask, and what the user pulls follows it; another's cache is named. */
async function keepsModes(lab: Lab): Promise<void> {
  for (const [umask, wanted] of [
    ['077', 0o600],
    ['000', 0o666],
  ] as const) {
    const before = ['sh', '-c', `umask ${umask} && exec "$@"`, 'sh']
    await lab.withAnother({ before }, async (own) => {
      const file = await own.publish(await own.freshRepo(), 'a.bin', seededChunks(own.next(), [30_000]))
      const modeOf = async (name: string) => (await stat(join(own.hub.home, name))).mode & 0o777
      assert.equal(await modeOf('.'), 0o700)
      for (const name of ['accounts.db', 'catalog.db', 'run/token', 'run/url']) {
        assert.equal((await modeOf(name)) & 0o077, 0, `${name} is open to others under umask ${umask}`)
      }
      const folder = await own.scratch()
      const env = cleanEnvironment(folder, { HF_ENDPOINT: own.hub.url, HF_TOKEN: own.alice })
      const args = ['pull', file.repo, '--local-dir', join(folder, 'in'), '--json']
      const pulled = await runProgram('sh', [...before.slice(1), process.execPath, LAUNCHER, ...args], { env })
      assert.equal(pulled.code, 0, pulled.stdout + pulled.stderr)
      assert.equal((await stat(join(folder, 'in', 'a.bin'))).mode & 0o777, wanted)
    })
  }
  await namesForeignCache(lab)
}

/** A cache that belongs to somebody else: root's rights do not reach it from a user namespace. */
async function namesForeignCache(lab: Lab): Promise<void> {
  const file = await lab.publish(await lab.freshRepo(), 'a.bin', seededChunks(lab.next(), [30_000]))
  const folder = await lab.scratch()
  const cache = join(folder, 'cache')
  await mkdir(cache)
  if (process.getuid?.() === 0) await chown(cache, 12_345, 12_345)
  await chmod(cache, 0o555)
  const env = cleanEnvironment(folder, { HF_ENDPOINT: lab.hub.url, HF_TOKEN: lab.alice })
  const words = ['--map-root-user', process.execPath, LAUNCHER, 'pull', file.repo, '--cache-dir', cache, '--json']
  const pulled = await runProgram('unshare', words, { env })
  assert.equal(pulled.code, 2, pulled.stdout + pulled.stderr)
  assert.ok(pulled.stdout.includes(cache), `the cache is not named: ${pulled.stdout}`)
  assert.deepEqual(await readdir(cache), [])
}
