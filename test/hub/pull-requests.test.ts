/** Pull requests and discussions: who may propose, what becomes of it, what clients are told. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { file, HubServer } from './hub-server.ts'

let hub: HubServer

beforeAll(async () => {
  hub = await HubServer.start()
})
afterAll(() => hub.remove())

const textOf = async (id: string, rev: string, path: string) =>
  (await hub.ask(`/${id}/resolve/${encodeURIComponent(rev)}/${path}`, { token: hub.alice })).text

async function repoWith(name: string, ...lines: object[]): Promise<string> {
  await hub.create(name)
  if (lines.length > 0) expect((await hub.commit(`alice/${name}`, lines)).status).toBe(200)
  return `alice/${name}`
}

describe('a pull request made by a commit', () => {
  test('comes from a read token, leaves main alone, and names itself', async () => {
    const id = await repoWith('by-reader')
    const line = await hub.upload(id, 'w.bin', randomBytes(20_000), hub.bob)
    const made = await hub.commit(id, [file('a.txt', 'bob was here'), line], {
      token: hub.bob,
      rev: 'main?create_pr=1',
    })
    expect(made.status).toBe(200)
    expect(made.json.pullRequestUrl).toBe(`${hub.origin}/${id}/discussions/1`)
    expect(await textOf(id, 'refs/pr/1', 'a.txt')).toBe('bob was here')
    expect((await hub.ask(`/${id}/resolve/refs/pr/1/w.bin`)).body).toHaveLength(20_000)
    expect((await hub.ask(`/${id}/resolve/main/a.txt`)).status).toBe(404)
    const { json } = await hub.ask(`/api/models/${id}/refs?include_prs=1`)
    expect(json.pullRequests).toEqual([{ name: '1', ref: 'refs/pr/1', targetCommit: made.json.commitOid }])
  })

  test('takes more commits of its author, and of nobody else who may not write', async () => {
    const id = await repoWith('more-commits')
    await hub.commit(id, [file('a', '1')], { token: hub.bob, rev: 'main?create_pr=1' })
    const rev = 'refs%2Fpr%2F1'
    expect((await hub.commit(id, [file('b', '2')], { token: hub.bob, rev })).status).toBe(200)
    expect((await hub.commit(id, [file('c', '3')], { token: hub.alice, rev })).status).toBe(200)
    expect((await hub.ask(`/api/models/${id}/xet-write-token/${rev}`, { token: hub.bob })).status).toBe(200)
    const { accounts } = hub.parts
    accounts.createUser('carol')
    const carol = accounts.createToken('carol', { scope: 'write' }).token
    expect((await hub.commit(id, [file('d', '4')], { token: carol, rev })).status).toBe(403)
    expect((await hub.commit(id, [file('d', '4')], { token: hub.bob })).status).toBe(403)
    expect((await hub.commit(id, [file('d', '4')], { token: hub.bob, rev: 'refs/pr/9' })).status).toBe(404)
    await hub.post(`/api/models/${id}/discussions/1/status`, { status: 'closed' })
    const late = await hub.commit(id, [file('e', '5')], { token: hub.bob, rev })
    expect([late.status, late.json.code]).toEqual([409, 'PULL_ENDED'])
  })

  test('of somebody who is not signed in, or does not see the repository, is refused', async () => {
    const id = await repoWith('refusals')
    await hub.create('hidden-pr', { private: true })
    const rev = 'main?create_pr=1'
    const body = '{"key":"header","value":{"summary":"x"}}'
    const anonymous = await hub.ask(`/api/models/${id}/commit/${rev}`, { method: 'POST', body })
    expect(anonymous.status).toBe(401)
    const hidden = await hub.commit('alice/hidden-pr', [file('a', '1')], { token: hub.bob, rev })
    expect([hidden.status, hidden.headers['x-error-code']]).toEqual([404, 'RepoNotFound'])
  })
})

describe('a merge', () => {
  test('joins what both sides changed in different files, with both as parents', async () => {
    const id = await repoWith('joined', file('a', '1'), file('b', '1'), file('gone', 'x'))
    const started = await hub.post(`/api/models/${id}/discussions`, { title: 'My change', pullRequest: true }, hub.bob)
    expect(started.json).toMatchObject({ num: 1, status: 'draft', isPullRequest: true, author: { name: 'bob' } })
    const lines = [file('a', '2'), file('new/c', '3'), { key: 'deletedFile', value: { path: 'gone' } }]
    expect((await hub.commit(id, lines, { token: hub.bob, rev: 'refs%2Fpr%2F1' })).status).toBe(200)
    await hub.commit(id, [file('b', '2')])
    const details = (await hub.ask(`/api/models/${id}/discussions/1?diff=1`)).json
    expect(details).toMatchObject({ filesWithConflicts: [], changes: { base: 'refs/heads/main' }, repo: { name: id } })
    expect(details.diff).toContain('new/c')
    expect(details.events.map(({ type }: { type: string }) => type).sort()).toEqual(['comment', 'commit'])
    expect((await hub.post(`/api/models/${id}/discussions/1/merge`, {}, hub.bob)).status).toBe(403)
    const merged = await hub.ask(`/api/models/${id}/discussions/1/merge`, { method: 'POST', token: hub.alice })
    expect(merged.status).toBe(200)
    expect(await Promise.all(['a', 'b', 'new/c'].map((path) => textOf(id, 'main', path)))).toEqual(['2', '2', '3'])
    expect((await hub.ask(`/${id}/resolve/main/gone`)).status).toBe(404)
    const after = (await hub.ask(`/api/models/${id}/discussions/1?diff=1`)).json
    expect(after).toMatchObject({ status: 'merged', changes: { mergeCommitId: merged.json.mergeCommitId } })
    expect(after.diff).toContain('new/c')
    const again = await hub.post(`/api/models/${id}/discussions/1/merge`, {})
    expect([again.status, again.json.code]).toEqual([409, 'PULL_ENDED'])
    const { json: commits } = await hub.ask(`/api/models/${id}/commits/main`)
    expect(commits[0].title).toBe('My change (#1)')
  })

  test('of files that both sides changed is refused with their names, and changes nothing', async () => {
    const id = await repoWith('conflict', file('a', '1'))
    await hub.commit(id, [file('a', '2'), file('folder', 'a file')], { rev: 'main?create_pr=1' })
    await hub.commit(id, [file('a', '3'), file('folder/x', 'in a folder')])
    const refused = await hub.post(`/api/models/${id}/discussions/1/merge`, {})
    expect([refused.status, refused.json.code]).toEqual([409, 'MERGE_CONFLICT'])
    expect(refused.json.conflicts).toEqual(['a', 'folder'])
    expect((await hub.ask(`/api/models/${id}/discussions/1?diff=1`)).json.filesWithConflicts).toEqual(['a', 'folder'])
    expect(await textOf(id, 'main', 'a')).toBe('3')
  })
})

describe('discussions', () => {
  test('are talked in, renamed, closed, listed by what they are', async () => {
    const id = await repoWith('talk')
    const api = `/api/models/${id}/discussions`
    const first = await hub.post(api, { title: ' A question ', description: 'why?' }, hub.bob)
    expect(first.json).toMatchObject({ num: 1, status: 'open', title: 'A question' })
    await hub.post(api, { title: 'A change', pullRequest: true })
    const said = await hub.post(`${api}/1/comment`, { comment: 'because <b>' })
    expect(said.json.newMessage).toMatchObject({ type: 'comment', data: { latest: { raw: 'because <b>' } } })
    expect(said.json.newMessage.data.latest.html).toBe('because &lt;b&gt;')
    const edit = `${api}/1/comment/${said.json.newMessage.id}`
    expect((await hub.post(`${edit}/edit`, { content: 'x' }, hub.bob)).json.code).toBe('RIGHTS_MISSING')
    const edited = (await hub.post(`${edit}/edit`, { content: 'therefore' })).json.updatedComment
    expect(edited.data).toMatchObject({ edited: true, latest: { raw: 'therefore' }, history: [{ raw: 'because <b>' }] })
    expect((await hub.post(`${edit}/hide`, {}, hub.bob)).status).toBe(403)
    expect((await hub.post(`${edit}/hide`, {})).json.updatedComment.data).toMatchObject({ hidden: true, history: [] })
    const renamed = await hub.post(`${api}/1/title`, { title: 'An answer' }, hub.bob)
    expect(renamed.json.newTitle.data).toEqual({ from: 'A question', to: 'An answer' })
    const closed = await hub.post(`${api}/1/status`, { status: 'closed', comment: 'done' }, hub.bob)
    expect(closed.json.newStatus.data).toEqual({ status: 'closed' })
    const numbers = async (query: string) => {
      const { json } = await hub.ask(`${api}?${query}`)
      return [json.count, ...json.discussions.map(({ num }: { num: number }) => num)]
    }
    expect(await numbers('p=0')).toEqual([2, 2, 1])
    expect(await numbers('status=open')).toEqual([1, 2])
    expect(await numbers('status=closed&type=discussion')).toEqual([1, 1])
    expect(await numbers('author=BOB')).toEqual([1, 1])
    expect(await numbers('p=1')).toEqual([2])
  })

  test('that are not there are told apart from those that cannot be merged', async () => {
    const id = await repoWith('missing-talk')
    const api = `/api/models/${id}/discussions`
    await hub.post(api, { title: 'no pull' })
    const codeOf = async (path: string, body: object = {}) => (await hub.post(`${api}${path}`, body)).json.code
    expect((await hub.ask(`${api}/7`)).json.code).toBe('DISCUSSION_UNKNOWN')
    expect(await codeOf('/x/comment', { comment: 'a' })).toBe('DISCUSSION_UNKNOWN')
    expect(await codeOf('/1/merge')).toBe('DISCUSSION_NO_PULL')
    expect(await codeOf('/1/comment/ffff/hide')).toBe('DISCUSSION_COMMENT_UNKNOWN')
    expect((await hub.ask(`${api}/1`)).json).toMatchObject({ isPullRequest: false, status: 'open' })
  })
})

test('history is squashed to one commit that holds the same', async () => {
  const id = await repoWith('squashed', file('a', '1'))
  await hub.commit(id, [file('a', '2'), file('b/c', '3')])
  const { json } = await hub.post(`/api/models/${id}/super-squash/main`, { message: 'all in one' })
  const commits = (await hub.ask(`/api/models/${id}/commits/main`)).json
  expect(commits.map(({ id: oid, title }: { id: string; title: string }) => [oid, title])).toEqual([
    [json.commitId, 'all in one'],
  ])
  expect(await textOf(id, 'main', 'b/c')).toBe('3')
  expect((await hub.post(`/api/models/${id}/super-squash/nope`, {})).headers['x-error-code']).toBe('RevisionNotFound')
  expect((await hub.post(`/api/models/${id}/super-squash/main`, {}, hub.bob)).status).toBe(403)
})

test('revisions are compared, from each other and from where they parted', async () => {
  const id = await repoWith('compared', file('a', '1'))
  await hub.post(`/api/models/${id}/branch/other`, {})
  await hub.commit(id, [file('b', 'side')], { rev: 'other' })
  await hub.commit(id, [file('a', '2')])
  const between = await hub.ask(`/api/models/${id}/compare/main..other`)
  expect(between.json.files.map(({ status, path }: { status: string; path: string }) => status + path)).toEqual([
    'Ma',
    'Ab',
  ])
  expect((await hub.ask(`/api/models/${id}/compare/main...other`)).json.files).toHaveLength(1)
  expect((await hub.ask(`/api/models/${id}/compare/main..other?raw=true`)).text).toMatch(/^diff --git a\/a b\/a/)
  expect((await hub.ask(`/api/models/${id}/compare/main`)).json.code).toBe('COMPARE_RANGE_BAD')
})
