import { writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { login, logout, whoami } from '../../src/actions/auth.ts'
import { listFiles, listRepos, readRepoFile, removeFiles } from '../../src/actions/browse.ts'
import { type PullOptions, pull } from '../../src/actions/pull.ts'
import { type PushOptions, push } from '../../src/actions/push.ts'
import { type Difference, verify } from '../../src/actions/verify.ts'
import { type RunningServer, startServer } from '../../src/app/lifecycle.ts'
import { silentLog } from '../../src/base/log.ts'
import { noise } from '../farm/fake-hub.ts'

let folder: string
let server: RunningServer
const CONTENT: Record<string, Buffer> = {
  'a.txt': Buffer.from('hello\n'),
  'empty.bin': Buffer.alloc(0),
  'model.safetensors': noise(9_000_000),
  'sub/dir with space/é.bin': noise(300_000, 3),
  'sub/repeats.bin': Buffer.concat(Array.from({ length: 6 }, () => noise(400_000, 5))),
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-trip-'))
  const home = join(folder, 'server')
  server = await startServer({ home, host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog })
  await writeFiles('model', CONTENT)
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

async function writeFiles(name: string, files: Record<string, Buffer>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, name, path, '..'), { recursive: true })
    await writeFile(join(folder, name, path), content)
  }
  return join(folder, name)
}

/** As on this machine: the server is found by its home, and its token there too. */
function here() {
  return { env: { HOME: folder, XORBIT_HOME: join(folder, 'server'), HF_HOME: join(folder, 'hf') } }
}
const doPush = (repo: string, paths: string[], more: Partial<PushOptions> = {}) =>
  push({ ...here(), repo, paths, ...more })
const doPull = (ref: string, more: Partial<PullOptions> = {}) => pull({ ...here(), ref, ...more })

test('pulls exactly what was pushed', async () => {
  const pushed = await doPush('ann/trip', [join(folder, 'model')])
  const size = Object.values(CONTENT).reduce((sum, { length }) => sum + length, 0)
  expect(pushed).toMatchObject({ changed: true, files: 5, bytes: { total: size } })
  expect(pushed.bytes.deduplicated).toBeGreaterThan(1_500_000)
  const { commit, snapshot, files } = await doPull('ann/trip')
  expect(commit).toBe(pushed.commit)
  for (const [path, content] of Object.entries(CONTENT)) {
    expect(await readFile(join(snapshot, path))).toEqual(content)
    expect(files.find((file) => file.path === path)).toMatchObject({ bytes: content.length, source: 'origin' })
  }
})

test('makes no commit when nothing changed, and sends no bytes again', async () => {
  const { commit, changed, bytes } = await doPush('ann/trip', [join(folder, 'model')])
  expect(changed).toBe(false)
  expect(bytes.sent).toBe(0)
  expect((await doPull('ann/trip')).commit).toBe(commit)
})

test('sends little of an edited file, also into another repository', async () => {
  const edited = Buffer.from(CONTENT['model.safetensors'] as Buffer)
  noise(1000, 99).copy(edited, 5_000_000)
  const source = await writeFiles('edited', { 'model.safetensors': edited })
  const { bytes } = await doPush('ann/other', [source])
  expect(bytes.sent).toBeLessThan(400_000)
  expect(bytes.deduplicated).toBeGreaterThan(8_600_000)
  const { snapshot } = await doPull('ann/other')
  expect(await readFile(join(snapshot, 'model.safetensors'))).toEqual(edited)
})

test('lays the cache out as the other tools expect it', async () => {
  const { commit, snapshot } = await doPull('ann/trip')
  const repo = join(folder, 'hf', 'hub', 'models--ann--trip')
  expect(snapshot).toBe(join(repo, 'snapshots', commit))
  expect(await readFile(join(repo, 'refs', 'main'), 'utf8')).toBe(commit)
  expect(await readlink(join(snapshot, 'a.txt'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/)
  expect(await readlink(join(snapshot, 'sub/dir with space/é.bin'))).toMatch(/^(\.\.\/){4}blobs\/[0-9a-f]{64}$/)
  const blob = await readlink(
    join(repo, 'blobs', /[0-9a-f]{64}$/.exec(await readlink(join(snapshot, 'sub/repeats.bin')))?.[0] ?? ''),
  )
  expect(blob).toMatch(/^\.\.\/\.\.\/blobs\/([0-9a-f]{2})\/\1[0-9a-f]{62}$/)
  expect((await stat(join(repo, 'blobs', blob))).mode & 0o222).toBe(0)
  const references = await readFile(`${join(repo, 'blobs', blob)}.refs`, 'utf8')
  expect(references).toMatch(/^models--ann--trip\/blobs\/[0-9a-f]{64}\n$/)
  const tree = JSON.parse(await readFile(join(repo, 'trees', `${commit}.json`), 'utf8'))
  expect(Object.keys(tree.files)).toEqual(['.gitattributes', ...Object.keys(CONTENT)].sort())
  expect(await readFile(join(folder, 'hf', 'hub', 'CACHEDIR.TAG'), 'utf8')).toMatch(
    /^Signature: 8a477f597d28d172789f06886806bc55/,
  )
})

test('takes a Xet file that another repository of the cache holds, without fetching it', async () => {
  await doPush('ann/twin', [`${join(folder, 'model/model.safetensors')}:weights/w.bin`])
  const { bytes, snapshot } = await doPull('ann/twin', { include: ['weights/'] })
  expect(bytes).toMatchObject({ cache: 9_000_000, origin: 0 })
  expect(await readFile(join(snapshot, 'weights/w.bin'))).toEqual(CONTENT['model.safetensors'])
})

test('works from the cache alone when offline, and says so when it cannot', async () => {
  const env = { ...here().env, HF_HUB_OFFLINE: '1' }
  const { bytes } = await pull({ ref: 'ann/trip', env })
  expect(bytes.origin).toBe(0)
  await expect(pull({ ref: 'ann/never', env })).rejects.toMatchObject({ code: 'OFFLINE' })
})

test('pulls into a folder, keeps what is right there and mends what is not', async () => {
  const localDir = join(folder, 'local')
  await doPull('ann/trip', { localDir, include: ['sub/*', 'a.txt'] })
  expect((await readdir(localDir)).sort()).toEqual(['.cache', 'a.txt', 'sub'])
  const note = (await readFile(join(localDir, '.cache/huggingface/download/a.txt.metadata'), 'utf8')).split('\n')
  expect(note[1]).toBe('ce013625030ba8dba906f756967f9e9ca394464a')
  const path = join(localDir, 'sub/repeats.bin')
  await writeFile(path, Buffer.alloc((CONTENT['sub/repeats.bin'] as Buffer).length))
  const later = new Date('2100-01-01')
  await utimes(path, later, later)
  const { bytes } = await doPull('ann/trip', { localDir, include: ['sub/*', 'a.txt'] })
  expect(bytes).toMatchObject({ origin: 2_400_000, cache: 300_006 })
  expect(await readFile(path)).toEqual(CONTENT['sub/repeats.bin'])
})

test('writes through no symbolic link on the way to a file', async () => {
  const localDir = join(folder, 'linked')
  const outside = join(folder, 'outside')
  await mkdir(localDir)
  await mkdir(outside)
  await symlink(outside, join(localDir, 'sub'))
  await expect(doPull('ann/trip', { localDir })).rejects.toMatchObject({ code: 'PATH_CROSSES_LINK' })
  expect(await readdir(outside)).toEqual([])
})

test('lists, prints and deletes', async () => {
  const repos: string[] = []
  await listRepos('ann', here(), (id) => repos.push(id))
  expect(repos.sort()).toEqual(['ann/other', 'ann/trip', 'ann/twin'])
  const { files } = await listFiles('ann/trip/sub', here())
  expect(files.map(({ path }) => path)).toEqual(['sub/dir with space/é.bin', 'sub/repeats.bin'])
  const pieces: Uint8Array[] = []
  await readRepoFile('ann/trip/sub/dir with space/é.bin', here(), async (piece) => void pieces.push(piece))
  expect(Buffer.concat(pieces)).toEqual(CONTENT['sub/dir with space/é.bin'])
  await removeFiles('ann/other', ['model.safetensors'], here())
  expect((await listFiles('ann/other', here())).files.map(({ path }) => path)).toEqual(['.gitattributes'])
  await expect(listFiles('ann/other/model.safetensors', here())).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' })
})

test('verifies by reading every byte', async () => {
  const found: Difference[] = []
  const options = { ...here(), ref: 'ann/trip', onDifference: (one: Difference) => void found.push(one) }
  expect(await verify(options)).toMatchObject({ checked: 6, differences: 0 })
  const localDir = await writeFiles('partly', { 'a.txt': Buffer.from('hullo\n') })
  expect(await verify({ ...options, localDir })).toMatchObject({ checked: 6, differences: 6 })
  expect(found.filter(({ actual }) => actual !== 'missing').map(({ path }) => path)).toEqual(['a.txt'])
})

test('stores a token for its owner only, after the Hub knew it', async () => {
  const env = { ...here().env, HF_HOME: join(folder, 'login') }
  await expect(login({ env, token: 'hf_wrongwrongwrongwrongwrongwrongwrong' })).rejects.toMatchObject({
    kind: 'unauthorized',
  })
  await login({ env, token: server.token as string })
  for (const name of ['token', 'stored_tokens']) expect((await stat(join(env.HF_HOME, name))).mode & 0o777).toBe(0o600)
  const elsewhere = { ...env, XORBIT_HOME: join(folder, 'none'), HF_ENDPOINT: server.url }
  expect(await whoami({ env: elsewhere })).toMatchObject({ user: 'ann', endpoint: server.url })
  expect(await logout({ env })).toBe(true)
  await expect(whoami({ env: elsewhere })).rejects.toMatchObject({ code: 'NOT_LOGGED_IN' })
})

test('commits to a branch that it makes, and only onto the commit it was told', async () => {
  const source = await writeFiles('branch', { 'b.txt': Buffer.from('b') })
  const { commit } = await doPush('ann/twin', [source], { revision: 'feature/x' })
  expect((await doPull('ann/twin@feature%2Fx', { files: ['b.txt'] })).commit).toBe(commit)
  const parent = '0'.repeat(40)
  await writeFiles('branch', { 'b.txt': Buffer.from('c') })
  await expect(doPush('ann/twin', [source], { parent })).rejects.toMatchObject({ kind: 'conflict' })
})

test('keeps datasets and spaces apart from models', async () => {
  await doPush('datasets/ann/trip', [`${join(folder, 'model/a.txt')}:data.txt`])
  const { snapshot } = await doPull('ann/trip', { repoType: 'dataset', files: ['data.txt'] })
  expect(snapshot).toContain('datasets--ann--trip')
  expect(await readFile(join(snapshot, 'data.txt'), 'utf8')).toBe('hello\n')
})

test('pushes and pulls without Xet: large files by LFS, no more than the Hub lacks', async () => {
  const env = { ...here().env, HF_HUB_DISABLE_XET: '1' }
  const content = noise(700_000, 11)
  const source = await writeFiles('plain', { 'large.bin': content, 'twin.bin': content, 'small.txt': Buffer.from('s') })
  const first = await push({ repo: 'ann/plain', paths: [source], env })
  expect(first.bytes).toMatchObject({ total: 1_400_001, sent: 700_001 })
  expect(await push({ repo: 'ann/plain', paths: [source], env })).toMatchObject({ changed: false, bytes: { sent: 0 } })
  const { snapshot, files } = await pull({ ref: 'ann/plain', env, cacheDir: join(folder, 'plain-cache') })
  for (const name of ['large.bin', 'twin.bin']) expect(await readFile(join(snapshot, name))).toEqual(content)
  expect(files).toHaveLength(4)
})

test('says which file changed while it was pushed, and commits nothing', async () => {
  const source = await writeFiles('changing', { 'x.bin': noise(300_000, 21) })
  const before = (await listFiles('ann/plain', here())).commit
  const onProgress = () => void writeFileSync(join(source, 'x.bin'), 'now shorter')
  await expect(doPush('ann/plain', [source], { onProgress })).rejects.toMatchObject({ code: 'FILE_CHANGED' })
  expect((await listFiles('ann/plain', here())).commit).toBe(before)
})

test('refuses to push nothing, and without a token says what to do', async () => {
  await expect(doPush('ann/trip', [join(folder, 'model')], { include: ['*.none'] })).rejects.toMatchObject({
    code: 'NOTHING_TO_PUSH',
  })
  const env = { HOME: join(folder, 'nobody'), XORBIT_HOME: join(folder, 'none'), HF_ENDPOINT: server.url }
  const pushing = push({ repo: 'ann/trip', paths: [join(folder, 'model')], env })
  await expect(pushing).rejects.toThrow(/no token was given: use --token, HF_TOKEN or `xorbit auth login`/)
})
