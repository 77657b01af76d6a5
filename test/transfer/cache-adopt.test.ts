/** `cache adopt` out of a git-lfs store, an Ollama store and a plain folder. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { type AdoptedFile, type AdoptOptions, adopt } from '../../src/actions/cache-adopt.ts'
import { findTarget } from '../../src/actions/cache-choice.ts'
import { listCache } from '../../src/actions/cache-ls.ts'
import { pull } from '../../src/actions/pull.ts'
import { push } from '../../src/actions/push.ts'
import { startServer } from '../../src/app/lifecycle.ts'
import { silentLog } from '../../src/base/log.ts'
import { scanCache } from '../../src/transfer/cache-scan.ts'
import { noise } from '../farm/fake-hub.ts'

const A = noise(1_500_000, 1)
const B = noise(1_200_000, 2)
const top = await mkdtemp(join(tmpdir(), 'xorbit-adopt-'))
const server = await startServer({
  ...{ home: join(top, 'server'), host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog },
})
const env = { HOME: top, XORBIT_HOME: join(top, 'server'), HF_HOME: join(top, 'hf') }
await put('model/a.bin', A)
await put('model/sub/b.bin', B)
await put('model/note.txt', 'small')
const { commit } = await push({ env, repo: 'ann/model', paths: [join(top, 'model')] })
afterAll(async () => {
  await server.stop()
  await rm(top, { recursive: true })
})
beforeEach(async () => {
  for (const name of ['hf', 'clone', 'ollama', 'plain']) await rm(join(top, name), { recursive: true, force: true })
})

async function put(path: string, content: string | Buffer): Promise<string> {
  await mkdir(dirname(join(top, path)), { recursive: true })
  await writeFile(join(top, path), content)
  return join(top, path)
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const lfsPath = (bytes: Buffer) => {
  const oid = sha256(bytes)
  return `clone/.git/lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`
}

async function run(from: readonly string[], more: Partial<AdoptOptions> = {}) {
  const files: AdoptedFile[] = []
  const options = { env, ref: 'ann/model', from: from.map((name) => join(top, name)), ...more }
  const report = await adopt({ ...options, onFile: (file) => files.push(file) })
  return { report, files }
}

test('objects of git-lfs and Ollama get a second name, no second copy; a pull fetches only the rest', async () => {
  const lfs = await put(lfsPath(A), A)
  const ollama = await put(`ollama/blobs/sha256-${sha256(B)}`, B)
  const dry = await run(['clone', 'ollama'], { dryRun: true })
  expect([dry.report.adopted, dry.report.missing]).toEqual([2, 2])
  await expect(stat(join(top, 'hf'))).rejects.toMatchObject({ code: 'ENOENT' })
  const { report, files } = await run(['clone', 'ollama'])
  expect(report).toMatchObject({ commit, adopted: 2, adoptedBytes: A.length + B.length, here: 0, missing: 2 })
  expect(files.map(({ how, from }) => [/^(reflink|hard link)$/.test(how), from])).toEqual([
    [true, lfs],
    [true, ollama],
  ])
  const place = await realpath(join(report.snapshot, 'a.bin'))
  if (files[0]?.how === 'hard link') expect((await stat(place)).ino).toBe((await stat(lfs)).ino)
  expect(await readFile(join(report.snapshot, 'sub', 'b.bin'))).toEqual(B)
  const rest = await pull({ env, ref: 'ann/model' })
  expect(rest.bytes).toMatchObject({ cache: A.length + B.length })
  expect(rest.bytes.origin).toBeLessThan(10_000)
  expect((await run(['clone'])).report).toMatchObject({ adopted: 0, here: 4, missing: 0 })
  expect((await listCache({ env })).repos[0]?.fileCount).toBe(4)
})

test('the places of the tools are found without being named', async () => {
  await put(`ollama/blobs/sha256-${sha256(B)}`, B)
  const files: AdoptedFile[] = []
  const ours = { ...env, OLLAMA_MODELS: join(top, 'ollama') }
  await adopt({ env: ours, ref: 'ann/model', onFile: (file) => files.push(file) })
  expect(files.map(({ path }) => path)).toEqual(['sub/b.bin'])
})

test('an object that is not what its name says is not taken', async () => {
  const spoilt = Buffer.from(A)
  spoilt[5] = (spoilt[5] ?? 0) ^ 1
  await put(lfsPath(A), spoilt)
  expect((await run(['clone'])).report).toMatchObject({ adopted: 0, missing: 4 })
  expect((await listCache({ env })).repos.flatMap(({ repo }) => [...repo.blobs])).toEqual([])
})

test('files of a plain folder are found by size and content, whatever they are called, and copied when told', async () => {
  await put('plain/deep/renamed.weights', A)
  await put('plain/other', noise(A.length, 9))
  await put('plain/n', 'small')
  const bare = await run(['plain']).catch((error: unknown) => error)
  // A file system that shares bytes between files needs no copy.
  if (bare instanceof Error) expect(bare).toMatchObject({ kind: 'unsupported', code: 'ADOPT_NEEDS_COPY' })
  const { report, files } = await run(['plain'], { copy: true })
  expect(files.map(({ path }) => path)).toEqual(['a.bin', 'note.txt'])
  expect(await readFile(join(report.snapshot, 'a.bin'))).toEqual(A)
})

test('a linked work tree leads to the store of its repository', async () => {
  await put(lfsPath(B), B)
  await put('clone/.git/worktrees/side/commondir', '../..\n')
  await put('plain/.git', `gitdir: ${join(top, 'clone/.git/worktrees/side')}\n`)
  expect((await run(['plain'])).files.map(({ path }) => path)).toEqual(['sub/b.bin'])
})

test('what cannot be looked through is named', async () => {
  await expect(run(['nowhere'])).rejects.toMatchObject({ code: 'ADOPT_SOURCE_BAD', kind: 'usage' })
  await put('hf/hub', 'a file')
  await expect(listCache({ env })).rejects.toMatchObject({ code: 'CACHE_NO_FOLDER', kind: 'usage' })
})

test('a commit is found by its first digits when they fit one', async () => {
  await pull({ env, ref: 'ann/model' })
  const snapshots = join(top, 'hf/hub/models--ann--model/snapshots')
  await symlink('nowhere', join(snapshots, 'a link'))
  await mkdir(join(snapshots, `${commit.slice(0, 8)}${'0'.repeat(32)}`))
  const scan = await scanCache(join(top, 'hf/hub'))
  expect(findTarget(scan, commit, undefined).revision?.commit).toBe(commit)
  expect(() => findTarget(scan, commit.slice(0, 8), undefined)).toThrow(
    expect.objectContaining({ code: 'CACHE_ENTRY_AMBIGUOUS' }),
  )
})
