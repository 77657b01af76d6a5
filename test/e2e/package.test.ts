/** The package as a user gets it: what it holds, and that its library works in a program of theirs. */
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanEnvironment, type Finished, HubProcess, ROOT, runProgram } from '../farm/hub-process.ts'
import { installPacked, type Packed } from '../farm/packed.ts'

let folder: string
let app: string
let packed: Packed
let hub: HubProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-package-'))
  app = join(folder, 'app')
  packed = await installPacked(app)
  await writeFile(join(app, 'package.json'), '{"name":"app","type":"module","dependencies":{"xorbit":"*"}}')
  hub = await HubProcess.start(join(folder, 'hub'))
})
afterAll(async () => {
  await hub?.stop()
  await rm(folder, { recursive: true, force: true })
})

function run(file: string, args: readonly string[] = []): Promise<Finished> {
  const env = cleanEnvironment(folder, { HF_ENDPOINT: hub.url, HF_TOKEN: hub.adminToken })
  return runProgram(process.execPath, [file, ...args], { cwd: app, env })
}

test('what is published holds the program, its kernels and the examples, and no test or source', () => {
  for (const path of ['bin/xorbit.cjs', 'dist/code/main.js', 'dist/xet/kernels.wasm', 'LICENSE', 'README.md']) {
    expect(packed.paths).toContain(path)
  }
  expect(packed.paths).toContain('examples/demo-chat/model.safetensors')
  expect(packed.paths).toContain('examples/library/transfer.mjs')
  expect(packed.paths.filter((path) => /^(src|test|kernels|scripts)\/|\.test\.|\.venv/.test(path))).toEqual([])
})

test('the program does the main job, with its server, threads and child processes', async () => {
  const { code, stdout, stderr } = await run(join(packed.folder, 'bin', 'xorbit.cjs'), ['demo', '--json'])
  expect(code, stderr).toBe(0)
  expect(stdout.trim().split('\n').at(-1)).toContain('"event":"done"')
})

test("the library's example pushes a folder and pulls it back", async () => {
  await cp(join(ROOT, 'examples', 'library', 'transfer.mjs'), join(app, 'transfer.mjs'))
  const source = join(folder, 'in')
  await mkdir(join(source, 'sub'), { recursive: true })
  await writeFile(join(source, 'notes.txt'), 'hello\n')
  await writeFile(join(source, 'sub', 'weights.bin'), Buffer.alloc(2_000_000, 'weights'))
  const target = join(folder, 'out')
  const { code, stdout, stderr } = await run('transfer.mjs', ['admin/library', source, target])
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(/^pushed 2 files as [0-9a-f]{40}, \d+ bytes sent\npulled 3 files, \d+ bytes\n$/)
  for (const path of ['notes.txt', 'sub/weights.bin']) {
    expect(await readFile(join(target, path))).toEqual(await readFile(join(source, path)))
  }
})

test('importing the library loads nothing but the words for errors', async () => {
  const entry = await readFile(join(packed.folder, 'dist/code/client.js'), 'utf8')
  const imports = [...entry.matchAll(/^import .*from ['"]([^'"]+)['"]/gm)].map(([, from]) => from)
  expect(imports).toEqual([expect.stringMatching(/^\.\/app-error-[\w-]+\.js$/)])
})

const QUIET = `
import { isTransferError, pull, push } from 'xorbit/client'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
const told = []
const [listeners, env] = [process.eventNames().length, JSON.stringify(process.env)]
await mkdir('big', { recursive: true })
await writeFile('big/big.bin', Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * i) >> 7)))
await push({ repo: 'admin/quiet', paths: ['big'] })
const missing = await pull({ ref: 'admin/quiet', files: ['none'] }).catch((error) => error)
told.push(isTransferError(missing), missing.kind, missing.code, isTransferError(new Error('x')))
const stop = new AbortController()
const pulling = pull({ ref: 'admin/quiet', localDir: 'aborted', signal: stop.signal, onProgress: () => stop.abort() })
told.push((await pulling.catch((error) => error)).kind)
told.push((await readdir('aborted').catch(() => [])).filter((name) => name !== '.cache').length)
const [one, two] = await Promise.all([1, 2].map(() => pull({ ref: 'admin/quiet', localDir: 'both' })))
told.push([...one.files, ...two.files].map(({ source }) => source).sort().join())
told.push(process.eventNames().length === listeners, JSON.stringify(process.env) === env)
console.log(JSON.stringify(told))
`

test('a call prints nothing, changes nothing in the process, can be aborted, and says why it failed', async () => {
  await writeFile(join(app, 'quiet.mjs'), QUIET)
  const { code, stdout, stderr } = await run('quiet.mjs')
  expect([code, stderr]).toEqual([0, ''])
  // The Hub's own .gitattributes is a second file.
  const failed = [true, 'not-found', 'ENTRY_NOT_FOUND', false]
  expect(JSON.parse(stdout)).toEqual([...failed, 'cancelled', 0, 'cache,cache,origin,origin', true, true])
})

const TYPED = `
import { type FileOutcome, isTransferError, pull, type PullOptions, push, type TransferEvent } from 'xorbit/client'
const seen: TransferEvent[] = []
const options: PullOptions = { ref: 'a/b', files: ['x'], onProgress: (event) => void seen.push(event) }
const files: readonly FileOutcome[] = (await pull(options)).files
const commit: string = (await push({ repo: 'a/b', paths: files.map(({ localPath }) => localPath) })).commit
const error: unknown = commit
if (isTransferError(error) && error.kind === 'no-space') throw new Error(error.code)
// @ts-expect-error there is no such option
await pull({ ref: 'a/b', reff: 'x' })
`

test('the library is typed', async () => {
  await writeFile(join(app, 'typed.ts'), TYPED)
  await mkdir(join(app, 'node_modules', '@types'), { recursive: true })
  await symlink(join(ROOT, 'node_modules/@types/node'), join(app, 'node_modules/@types/node'))
  await symlink(join(ROOT, 'node_modules/undici-types'), join(app, 'node_modules/undici-types'))
  const words = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext', '--types', 'node', 'typed.ts']
  const { code, stdout } = await runProgram(join(ROOT, 'node_modules/.bin/tsc'), words, { cwd: app })
  expect([code, stdout]).toEqual([0, ''])
})
