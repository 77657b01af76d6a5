import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CasFiles } from '../cas/cas-files.ts'
import { GitCommand } from '../git/git-command.ts'
import type { Oid } from '../git/oid.ts'
import { Repository } from '../git/repository.ts'
import { applyCommit, type CommitParts } from './commit.ts'
import { RepoListing } from './repo-listing.ts'
import type { Snapshot } from './repo-reader.ts'

let folder: string
let repository: Repository
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-commit-'))
  repository = await Repository.init(await GitCommand.find(), join(folder, 'r.git'))
})
afterAll(async () => {
  repository.close()
  await rm(folder, { recursive: true, force: true })
})

async function* body(path: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"${path}","content":"x"}}`)
}

/** A repository without large files, whose listing is always empty. */
function parts(over: Partial<CommitParts> = {}): CommitParts {
  return {
    repository,
    files: {} as CasFiles,
    repoId: 'r',
    account: 'a',
    author: { name: 'a', email: 'a@b' },
    ref: 'refs/heads/main',
    nowSeconds: () => 1,
    takeBytes: () => undefined,
    checkStillThere: () => undefined,
    snapshot: () => ({ list: async () => new RepoListing([]) }) as unknown as Snapshot,
    findAt: async () => 'x' as Oid,
    ...over,
  }
}

/** A first commit on `ref`. */
async function begin(ref: string): Promise<Oid> {
  const writer = await repository.openWriter()
  const author = { name: 'a', email: 'a@b' }
  const to = await writer.putCommit({ parent: null, changes: [], message: 'm', author, seconds: 1 })
  await writer.finish()
  await repository.changeRefs([{ ref, from: null, to }])
  return to
}

test('a ref that somebody else moves meanwhile: the commit is made anew on the new tip', async () => {
  const ref = 'refs/heads/moved'
  const first = await begin(ref)
  let moves = 0
  const moveOnce = async () => {
    if (moves++ > 0) return
    const writer = await repository.openWriter()
    const author = { name: 'other', email: 'o@b' }
    const to = await writer.putCommit({ parent: first, changes: [], message: 'theirs', author, seconds: 2 })
    await writer.finish()
    await repository.changeRefs([{ ref, from: first, to }])
  }
  const list = async () => {
    await moveOnce()
    return new RepoListing([])
  }
  const commit = await applyCommit(parts({ ref, snapshot: () => ({ list }) as unknown as Snapshot }), body('n'))
  const titles = (await repository.listCommits(commit, { skip: 0, count: 9 })).map(({ title }) => title)
  expect(titles).toEqual(['s', 'theirs', 'm'])
  expect(await repository.findCommit(ref)).toBe(commit)
})

test('a ref that never stands still ends in REF_BUSY, and nothing is left', async () => {
  await begin('refs/heads/main')
  class Restless extends Repository {
    override async changeRefs(): Promise<boolean> {
      return false
    }
  }
  const restless = new Restless(await GitCommand.find(), repository.gitDir)
  const busy = applyCommit(parts({ repository: restless }), body('b'))
  await expect(busy).rejects.toMatchObject({ kind: 'busy', code: 'REF_BUSY' })
  restless.close()
  expect((await readdir(repository.gitDir)).filter((name) => name.startsWith('incoming-'))).toEqual([])
})

test('a branch that is gone is a missing revision', async () => {
  await expect(applyCommit(parts({ ref: 'refs/heads/gone' }), body('a'))).rejects.toMatchObject({
    code: 'REVISION_NOT_FOUND',
  })
})
