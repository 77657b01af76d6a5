/** Large files taken out of history: gone from every commit, their bytes too; all else of the history as it was. */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { file, HubServer } from './hub-server.ts'

const [secret, kept] = [randomBytes(60_000), randomBytes(50_000)]
const oidOf = (content: Buffer) => createHash('sha256').update(content).digest('hex')
let hub: HubServer
beforeAll(async () => {
  hub = await HubServer.start()
})
afterAll(() => hub.remove())

const gitDir = (name: string) => join(hub.home, 'repos/models/alice', `${name}.git`)
const git = (name: string, ...args: string[]) =>
  execFileSync('git', ['--git-dir', gitDir(name), ...args], { encoding: 'utf8', maxBuffer: 1 << 26 })
const history = (name: string, ref: string) => git(name, 'log', '--format=%an %ae %at %cn %ct %s', ref)
const ask = (path: string) => hub.ask(path, { token: hub.alice })
const remove = (name: string, sha: readonly string[], token = hub.alice) =>
  hub.post(`/api/models/alice/${name}/lfs-files/batch`, { deletions: { sha, rewriteHistory: true } }, token)

/** A first commit without the secret, then the secret in a folder, a branch, an annotated tag, a merge request. */
async function filled(name: string): Promise<string> {
  await hub.create(name)
  await hub.commit(`alice/${name}`, [file('a.txt', 'before'), await hub.upload(`alice/${name}`, 'kept.bin', kept)])
  const before = git(name, 'rev-parse', 'main').trim()
  const api = `/api/models/alice/${name}`
  await hub.commit(`alice/${name}`, [
    await hub.upload(`alice/${name}`, 'deep/er/secret.bin', secret),
    file('b.txt', 'b'),
  ])
  await hub.post(`${api}/branch/side`, {})
  await hub.post(`${api}/tag/main`, { tag: 'v1', message: 'first' })
  await hub.commit(`alice/${name}`, [file('a.txt', 'after'), { key: 'deletedFile', value: { path: 'b.txt' } }])
  await hub.commit(`alice/${name}`, [file('side.txt', 'side')], { rev: 'side' })
  await hub.post(`${api}/discussions`, { title: 'change', pullRequest: true })
  await hub.commit(`alice/${name}`, [file('pr.txt', 'pr')], { rev: 'refs%2Fpr%2F1' })
  return before
}

test('no commit of any ref holds it; the others keep authors, dates, messages and content; git finds nothing wrong', async () => {
  const before = await filled('x')
  await hub.create('other')
  await hub.commit('alice/other', [await hub.upload('alice/other', 'same.bin', secret)])
  const refs = ['main', 'side', 'v1', 'refs/pr/1']
  const histories = refs.map((ref) => history('x', ref))
  const tip = git('x', 'rev-parse', 'main').trim()
  const used = hub.parts.accounts.quotas.bytesOf('alice')

  const answer = await remove('x', [oidOf(secret)])
  expect([answer.status, answer.json]).toEqual([200, { success: true, deleted: 1, refs: 4 }])

  expect(git('x', 'fsck', '--full', '--strict')).not.toMatch(/error|missing|broken/)
  expect(refs.map((ref) => history('x', ref))).toEqual(histories)
  expect(git('x', 'log', '--all', '--format=%H', '--', 'deep')).toBe('')
  expect(git('x', 'merge-base', 'main', before).trim()).toBe(before)
  expect(git('x', 'cat-file', '-t', 'v1').trim()).toBe('tag')
  expect(git('x', 'show', 'v1:b.txt')).toBe('b')
  expect((await ask('/alice/x/resolve/main/a.txt')).text).toBe('after')
  expect((await ask('/alice/x/resolve/side/side.txt')).text).toBe('side')
  expect((await ask('/alice/x/resolve/main/kept.bin')).body.equals(kept)).toBe(true)
  expect((await ask('/alice/x/resolve/main/deep/er/secret.bin')).status).toBe(404)
  expect((await ask('/api/models/alice/x/lfs-files')).json.map(({ fileOid }: { fileOid: string }) => fileOid)).toEqual([
    oidOf(kept),
  ])
  // Its bytes are not to be had by the old commit's id either, and stay where another repository holds them.
  const old = await hub.ask(`/alice/x/resolve/${tip}/deep/er/secret.bin`, { token: hub.bob })
  expect([old.status, old.body.equals(secret)]).toEqual([404, false])
  expect((await ask('/alice/other/resolve/main/same.bin')).body.equals(secret)).toBe(true)
  expect(hub.parts.accounts.quotas.bytesOf('alice')).toBe(used - secret.length)
  // It may come again.
  expect((await hub.commit('alice/x', [await hub.upload('alice/x', 'again.bin', secret)])).status).toBe(200)
  expect((await ask('/alice/x/resolve/main/again.bin')).body.equals(secret)).toBe(true)
})

test('what no commit holds changes nothing; who may not write removes nothing', async () => {
  await filled('y')
  const tip = git('y', 'rev-parse', 'main')
  expect((await remove('y', ['0'.repeat(64)])).json).toMatchObject({ refs: 0 })
  expect((await remove('y', [oidOf(secret)], hub.bob)).status).toBe(403)
  expect((await remove('y', ['x'])).status).toBe(400)
  expect(git('y', 'rev-parse', 'main')).toBe(tip)
})

test('commits at the same time are not lost', async () => {
  await filled('z')
  const commits = Array.from({ length: 6 }, (_, i) => hub.commit('alice/z', [file(`c${i}.txt`, `${i}`)]))
  const [removed, ...answers] = await Promise.all([remove('z', [oidOf(secret)]), ...commits])
  expect([removed?.status, ...answers.map(({ status }) => status)]).toEqual([200, 200, 200, 200, 200, 200, 200])
  for (let i = 0; i < 6; i++) expect((await ask(`/alice/z/resolve/main/c${i}.txt`)).text).toBe(`${i}`)
  expect(git('z', 'log', '--all', '--format=%H', '--', 'deep')).toBe('')
})
