/** Names of repositories change, copies are made: old addresses lead on, nothing is lost on the way. */
import { randomBytes } from 'node:crypto'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { file, HubServer } from './hub-server.ts'

const content = randomBytes(30_000)
let hub: HubServer

beforeAll(async () => {
  hub = await HubServer.start()
})
afterAll(() => hub.remove())

async function filled(name: string, fields: object = {}): Promise<string> {
  await hub.create(name, fields)
  const line = await hub.upload(`alice/${name}`, 'w.bin', content)
  expect((await hub.commit(`alice/${name}`, [file('a b.txt', name), line])).status).toBe(200)
  return `alice/${name}`
}

const move = (fromRepo: string, toRepo: string, token = hub.alice) =>
  hub.post('/api/repos/move', { fromRepo, toRepo, type: 'model' }, token)
const locationOf = async (path: string, options: object = {}) => {
  const { status, headers } = await hub.ask(path, options)
  return [status, headers.location]
}

describe('a moved repository', () => {
  test('answers under its new name, and leads there from the old one', async () => {
    await filled('before')
    expect((await move('alice/before', 'alice/after')).status).toBe(200)
    expect((await hub.ask('/alice/after/resolve/main/a%20b.txt')).text).toBe('before')
    expect((await hub.ask('/alice/after/resolve/main/w.bin')).body.equals(content)).toBe(true)
    const old = '/alice/before/resolve/main/a%20b.txt?download=true'
    expect(await locationOf(old)).toEqual([307, '/alice/after/resolve/main/a%20b.txt?download=true'])
    expect(await locationOf(old, { method: 'HEAD' })).toEqual([
      307,
      '/alice/after/resolve/main/a%20b.txt?download=true',
    ])
    const api = '/api/models/ALICE/Before'
    expect(await locationOf(`${api}/tree/main?recursive=true`)).toEqual([
      307,
      '/api/models/alice/after/tree/main?recursive=true',
    ])
    expect(await locationOf(`${api}?blobs=true`)).toEqual([307, '/api/models/alice/after?blobs=true'])
    const batch = { method: 'POST', body: '{"operation":"download","objects":[]}', token: hub.alice }
    const lfs = await locationOf('/alice/before.git/info/lfs/objects/batch', batch)
    expect(lfs).toEqual([307, '/alice/after.git/info/lfs/objects/batch'])
    const moved = await hub.ask(api)
    expect(moved.json.code).toBe('REPO_MOVED')
    expect((await hub.commit('alice/after', [file('later', 'x')])).status).toBe(200)
  })

  test('gives its old name to whoever takes it, and its redirects end with it', async () => {
    await filled('one')
    await move('alice/one', 'alice/two')
    await hub.create('one')
    expect((await hub.ask('/api/models/alice/one')).json.id).toBe('alice/one')
    await filled('three')
    await move('alice/three', 'alice/four')
    const body = '{"name":"four","organization":"alice"}'
    await hub.ask('/api/repos/delete', { method: 'DELETE', token: hub.alice, body })
    expect((await hub.ask('/api/models/alice/three', { token: hub.alice })).headers['x-error-code']).toBe(
      'RepoNotFound',
    )
  })

  test('that others may not see is missing under both names', async () => {
    await filled('secret', { private: true })
    await move('alice/secret', 'alice/more-secret')
    const shown = async (id: string) => {
      const { status, text } = await hub.ask(`/api/models/${id}`, { token: hub.bob })
      return [status, text]
    }
    expect(await shown('alice/secret')).toEqual(await shown('alice/nothing'))
    expect((await shown('alice/more-secret'))[0]).toBe(404)
  })

  test('is not moved onto another, by others, or out of sight', async () => {
    await filled('stays')
    await hub.create('taken')
    expect((await move('alice/stays', 'alice/taken')).json.code).toBe('REPO_EXISTS')
    expect((await move('alice/stays', 'bob/stays')).status).toBe(403)
    expect((await move('alice/stays', 'bob/stays', hub.bob)).status).toBe(403)
    expect((await move('alice/none', 'alice/some')).headers['x-error-code']).toBe('RepoNotFound')
    expect((await move('alice/stays', 'alice/Stays')).status).toBe(200)
    expect((await hub.ask('/api/models/alice/stays')).json.id).toBe('alice/Stays')
  })
})

test('a move that a crash broke off is taken back at the next start', async () => {
  const first = await HubServer.start()
  await first.create('torn')
  await first.commit('alice/torn', [file('a.txt', 'kept')])
  const { accounts } = first.parts
  const record = accounts.repos.find({ type: 'model', namespace: 'alice', name: 'torn' })
  if (record === null) throw new Error('the repository is missing')
  accounts.moves.begin(record, { ...record, name: 'whole' })
  await first.stop()
  const folder = join(first.home, 'repos', 'models', 'alice')
  await rename(join(folder, 'torn.git'), join(folder, 'whole.git'))
  const second = await HubServer.start({ home: first.home })
  try {
    expect((await second.ask('/alice/torn/resolve/main/a.txt')).text).toBe('kept')
    expect(second.parts.accounts.moves.listUnfinished()).toEqual([])
    await second.stop()
    // Broken off before the folder moved: a start leaves it where it is.
    const third = await HubServer.start({ home: first.home })
    third.parts.accounts.moves.begin(record, { ...record, name: 'whole' })
    await third.stop()
    const fourth = await HubServer.start({ home: first.home })
    expect((await fourth.ask('/alice/torn/resolve/main/a.txt')).text).toBe('kept')
    await fourth.remove()
  } catch (error) {
    await second.stop()
    throw error
  }
})

describe('a duplicate', () => {
  const duplicate = (from: string, body: object, token = hub.alice) =>
    hub.post(`/api/models/${from}/duplicate`, body, token)

  test('holds branches, tags, history and large files, and goes its own way', async () => {
    const id = await filled('source')
    await hub.post(`/api/models/${id}/tag/main`, { tag: 'v1', message: 'first' })
    await hub.commit(id, [file('pr', 'x')], { rev: 'main?create_pr=1' })
    const made = await duplicate(id, { repository: 'alice/copy', visibility: 'private' })
    expect(made.json).toEqual({ url: `${hub.origin}/alice/copy`, filesCopyPending: false })
    expect((await hub.ask('/alice/copy/resolve/v1/w.bin', { token: hub.alice })).body.equals(content)).toBe(true)
    expect((await hub.ask('/alice/copy/resolve/v1/w.bin')).status).toBe(401)
    const refs = (await hub.ask('/api/models/alice/copy/refs?include_prs=1', { token: hub.alice })).json
    expect([refs.branches.length, refs.tags.length, refs.pullRequests.length]).toEqual([1, 1, 0])
    await hub.commit('alice/copy', [file('own', '1')])
    expect((await hub.ask(`/${id}/resolve/main/own`)).status).toBe(404)
    const body = '{"name":"source","organization":"alice"}'
    await hub.ask('/api/repos/delete', { method: 'DELETE', token: hub.alice, body })
    expect((await hub.ask('/alice/copy/resolve/main/w.bin', { token: hub.alice })).body.equals(content)).toBe(true)
  })

  test('onto a name that is taken says where it is; nobody copies into others’ namespaces', async () => {
    const id = await filled('source-2')
    const twice = await duplicate(id, { repository: id })
    expect([twice.status, twice.json.url]).toEqual([409, `${hub.origin}/${id}`])
    expect((await duplicate(id, { repository: 'bob/mine' }, hub.bob)).status).toBe(403)
    expect((await duplicate(id, { repository: 'bob/mine' })).status).toBe(403)
  })
})

describe('large files of a repository', () => {
  test('are listed with where they came in, page by page', async () => {
    const id = await filled('listed')
    await hub.commit(id, [
      await hub.upload(id, 'x.bin', randomBytes(20_000)),
      { key: 'deletedFile', value: { path: 'w.bin' } },
    ])
    const first = await hub.ask(`/api/models/${id}/lfs-files?limit=1`, { token: hub.alice })
    expect(first.json).toMatchObject([{ filename: 'w.bin', size: content.length }])
    const next = /<(.*)>; rel="next"/.exec(String(first.headers.link))?.[1] ?? ''
    const second = await hub.ask(next, { token: hub.alice })
    expect(second.json.map(({ filename }: { filename: string }) => filename)).toEqual(['x.bin'])
    expect(second.headers.link).toBeUndefined()
    const keeping = { deletions: { sha: [], rewriteHistory: false } }
    const batch = await hub.post(`/api/models/${id}/lfs-files/batch`, keeping)
    expect([batch.status, batch.json.code]).toEqual([501, 'LFS_DELETE_UNSUPPORTED'])
  })

  test('go into another repository without a byte sent, from what the caller may read', async () => {
    const id = await filled('giver', { private: true })
    await hub.create('taker')
    const line = await hub.upload(id, 'w.bin', content)
    const { oid } = (line as { value: { oid: string } }).value
    const body = {
      target: { type: 'model', name: 'alice/taker' },
      files: [{ sha256: oid, xetHash: null, filename: 'w.bin' }],
    }
    const api = `/api/models/${id}/lfs-files/duplicate`
    expect((await hub.post(api, body)).json).toEqual({ success: true, failed: [] })
    const unknown = { ...body, files: [{ sha256: '0'.repeat(64) }] }
    expect((await hub.post(api, unknown)).json).toMatchObject({ success: false, failed: [{ sha256: '0'.repeat(64) }] })
    expect((await hub.post(api, body, hub.bob)).status).toBe(404)
  })
})
