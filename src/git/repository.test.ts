import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GitCommand } from './git-command.ts'
import { blobOid, type Oid } from './oid.ts'
import { Repository } from './repository.ts'

const author = { name: 'alice', email: 'alice@localhost' }
let git: GitCommand
let folder: string
let repo: Repository
let number = 0

beforeAll(async () => {
  git = await GitCommand.find()
  folder = await mkdtemp(join(tmpdir(), 'xorbit-git-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

async function fresh(): Promise<Repository> {
  repo?.close()
  repo = await Repository.init(git, join(folder, `r${number++}.git`))
  return repo
}

/** One commit of whole files; null removes. */
async function commit(
  parent: Oid | null,
  files: Record<string, string | null>,
  message = 'change\n\nbody',
): Promise<Oid> {
  const writer = await repo.openWriter()
  const changes = []
  for (const [path, text] of Object.entries(files)) {
    changes.push({ path, oid: text === null ? null : await writer.putBlob(Buffer.from(text)) })
  }
  const oid = await writer.putCommit({ parent, changes, message, author, seconds: 1_700_000_000 })
  await writer.finish()
  return oid
}

async function fsck(): Promise<void> {
  await git.run({ gitDir: repo.gitDir, args: ['fsck', '--strict', '--full'] })
}

describe('Repository, written', () => {
  test('writes commits whose blobs, names and sizes read back, and passes git fsck', async () => {
    await fresh()
    const first = await commit(null, { 'a.txt': 'hello', 'sub/"dir/n é.txt': 'two', ' lead': 'x' })
    expect(await repo.changeRefs([{ ref: 'refs/heads/main', from: null, to: first }])).toBe(true)
    const entries = await repo.listTree(first)
    expect(entries.map(({ path, type, size }) => [path, type, size])).toEqual([
      [' lead', 'blob', 1],
      ['a.txt', 'blob', 5],
      ['sub', 'tree', 0],
      ['sub/"dir', 'tree', 0],
      ['sub/"dir/n é.txt', 'blob', 3],
    ])
    expect(await repo.findCommit('refs/heads/main')).toBe(first)
    expect((await repo.getBlob(blobOid(Buffer.from('hello')))).toString()).toBe('hello')
    const second = await commit(first, { sub: null, 'b.txt': '' })
    expect((await repo.listTree(second)).map(({ path }) => path)).toEqual([' lead', 'a.txt', 'b.txt'])
    expect(await repo.findCommit(second.slice(0, 7))).toBe(second)
    expect(await repo.findCommit('refs/heads/none')).toBeNull()
    await fsck()
  })

  test('moves a ref only from where it was', async () => {
    await fresh()
    const first = await commit(null, { a: '1' })
    const second = await commit(first, { a: '2' })
    const third = await commit(first, { a: '3' })
    const ref = 'refs/heads/main'
    expect(await repo.changeRefs([{ ref, from: null, to: first }])).toBe(true)
    expect(await repo.changeRefs([{ ref, from: null, to: second }])).toBe(false)
    const race = await Promise.all([second, third].map((to) => repo.changeRefs([{ ref, from: first, to }])))
    expect(race.filter(Boolean)).toHaveLength(1)
    expect(await repo.changeRefs([{ ref: 'refs/heads/none', from: first, to: null }])).toBe(false)
    expect(await repo.changeRefs([{ ref: 'refs/heads/main/below', from: null, to: first }])).toBe(false)
    expect(await repo.listRefs()).toEqual([{ name: ref, commit: race[0] ? second : third }])
  })

  test('leaves no trace of an aborted write, nor of one whose server was killed', async () => {
    await fresh()
    const before = await readdir(repo.gitDir, { recursive: true })
    const writer = await repo.openWriter()
    await writer.putBlob(Buffer.alloc(300_000, 7))
    await writer.abort()
    expect(await readdir(repo.gitDir, { recursive: true })).toEqual(before)
    const left = await repo.openWriter()
    await left.putBlob(Buffer.from('left'))
    // Its process is alive: what it leaves must be there before it is looked for.
    const files = () => readdir(repo.gitDir, { recursive: true })
    await expect.poll(async () => (await files()).some((name) => name.includes('tmp_pack'))).toBe(true)
    await writeFile(join(repo.gitDir, 'refs/heads/main.lock'), '')
    await repo.recover()
    expect(await readdir(repo.gitDir, { recursive: true })).toEqual(before)
    await left.abort()
    await commit(null, { a: '1' })
  })

  test('removes the loose object that git did not finish, and keeps those that it did', async () => {
    await fresh()
    const first = await commit(null, { a: '1' })
    const tag = await repo.putTag('v1', first, 'note', 'ann', 1)
    const folder = join(repo.gitDir, 'objects', tag.slice(0, 2))
    await writeFile(join(folder, 'tmp_obj_AbCdEf'), 'half')
    await repo.recover()
    expect(await readdir(folder)).toEqual([tag.slice(2)])
  })

  test('shows no half-made commit: objects arrive only with finish, and no scratch ref stays', async () => {
    await fresh()
    const writer = await repo.openWriter()
    const changes = [{ path: 'a', oid: await writer.putBlob(Buffer.from('later')) }]
    const oid = await writer.putCommit({ parent: null, changes, message: 'm', author, seconds: 1 })
    expect(await repo.findCommit(oid)).toBeNull()
    await writer.finish()
    expect(await repo.findCommit(oid)).toBe(oid)
    expect((await git.run({ gitDir: repo.gitDir, args: ['for-each-ref'] })).stdout.toString()).toBe('')
  })
})

describe('Repository, read', () => {
  test('tells commits in order and which one last touched a file or folder', async () => {
    await fresh()
    const first = await commit(null, { 'a.txt': '1', 'd/x': '1', 'd/e/y': '1' }, 'first')
    const second = await commit(first, { 'd/e/y': '2' }, 'second\n\nwith a body\nof two lines')
    const third = await commit(second, { 'a.txt': '3' }, 'third')
    const [newest, middle] = await repo.listCommits(third, { skip: 0, count: 2 })
    expect(newest).toMatchObject({ oid: third, title: 'third', author: 'alice', seconds: 1_700_000_000 })
    expect(middle).toMatchObject({ title: 'second', message: 'with a body\nof two lines' })
    expect(await repo.countCommits(third)).toBe(3)
    const last = await repo.findLastCommits(third, ['a.txt', 'd', 'd/x', 'd/e', 'none'])
    expect(Object.fromEntries([...last].map(([path, { title }]) => [path, title]))).toEqual({
      'a.txt': 'third',
      d: 'second',
      'd/x': 'first',
      'd/e': 'second',
    })
  })

  test('joins packs when there are many and loses nothing, also for a reader that is open', async () => {
    await fresh()
    let tip: Oid | null = null
    const tips: Oid[] = []
    for (let i = 0; i < 52; i++) {
      tip = await commit(tip, { a: `${i}` })
      tips.push(tip)
    }
    await repo.getBlob(blobOid(Buffer.from('3')))
    await repo.maintain()
    const packs = (await readdir(join(repo.gitDir, 'objects/pack'))).filter((name) => name.endsWith('.pack'))
    expect(packs.length).toBeLessThan(10)
    for (const [i, oid] of tips.entries()) {
      expect(await repo.findCommit(oid)).toBe(oid)
      expect((await repo.getBlob(blobOid(Buffer.from(`${i}`)))).toString()).toBe(`${i}`)
    }
    await fsck()
  })

  test('streams a blob too large for the shared reader', async () => {
    await fresh()
    const writer = await repo.openWriter()
    const content = Buffer.alloc(17 * 1024 * 1024, 'x')
    const oid = await writer.putBlob(content)
    await writer.finish()
    let bytes = 0
    for await (const part of repo.openBlob(oid, content.length)) bytes += part.length
    expect(bytes).toBe(content.length)
    await expect(repo.getBlob(oid)).rejects.toMatchObject({ code: 'GIT_FAILED' })
  })
})
