/** Commits over a real listener: what they refuse, what they keep, and that none is lost. */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { file, HubServer } from './hub-server.ts'

let hub: HubServer
beforeAll(async () => {
  hub = await HubServer.start()
})
afterAll(() => hub.remove())

const git = (name: string, ...args: string[]) =>
  execFileSync('git', [`--git-dir=${join(hub.home, 'repos/models/alice', `${name}.git`)}`, ...args], {
    encoding: 'utf8',
  })

async function fresh(name: string): Promise<string> {
  expect((await hub.create(name)).status).toBe(200)
  return `alice/${name}`
}

const shaOf = async (id: string) => (await hub.ask(`/api/models/${id}`, { token: hub.alice })).json.sha
const pathsOf = async (id: string) => {
  const { json } = await hub.ask(`/api/models/${id}/tree/main?recursive=true`)
  return json.flatMap(({ type, path }: { type: string; path: string }) => (type === 'file' ? [path] : []))
}

describe('a commit', () => {
  test('is one commit with its message, author and files, in a repository that passes git fsck', async () => {
    const id = await fresh('plain')
    const { json } = await hub.commit(id, [file('a.txt', 'one\n'), file('d/ü "x".txt', 'two')], {
      header: { description: 'why' },
    })
    expect(json).toMatchObject({ success: true, commitUrl: `${hub.origin}/${id}/commit/${json.commitOid}` })
    expect(git('plain', 'log', '-1', '--format=%H|%an|%s|%b')).toBe(`${json.commitOid}|alice|change|why\n\n`)
    expect(git('plain', 'show', 'main:d/ü "x".txt')).toBe('two')
    expect(git('plain', 'rev-list', '--count', 'main')).toBe('2\n')
    git('plain', 'fsck', '--strict', '--full')
  })

  test('that changes nothing gives the commit that is there', async () => {
    const id = await fresh('same')
    const first = await hub.commit(id, [file('a', '1')])
    expect((await hub.commit(id, [file('a', '1')])).json.commitOid).toBe(first.json.commitOid)
  })

  test('deletes then adds in order, copies, and answers 404 for what is not there', async () => {
    const id = await fresh('ordered')
    await hub.commit(id, [file('d/a', '1'), file('d/b', '2'), file('c', '3')])
    const start = await shaOf(id)
    const copy = { key: 'copyFile', value: { path: 'e/b', srcPath: 'd/b', srcRevision: start } }
    const drop = { key: 'deletedFolder', value: { path: 'd/' } }
    expect((await hub.commit(id, [drop, file('d/a', '1'), copy])).status).toBe(200)
    expect(await pathsOf(id)).toEqual(['.gitattributes', 'c', 'd/a', 'e/b'])
    const missing = await hub.commit(id, [{ key: 'deletedFile', value: { path: 'none' } }])
    expect([missing.status, missing.headers['x-error-code']]).toEqual([404, 'EntryNotFound'])
  })

  test('puts large files as pointers and covers exactly the paths that no attribute covers', async () => {
    const id = await fresh('large')
    const content = randomBytes(50_000)
    const lines = await Promise.all(['w.bin', 'odd name', 'd/x.dat'].map((path) => hub.upload(id, path, content)))
    expect((await hub.commit(id, lines)).status).toBe(200)
    const sha256 = createHash('sha256').update(content).digest('hex')
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize 50000\n`
    expect((await hub.ask(`/${id}/raw/main/odd%20name`)).text).toBe(pointer)
    const added = (await hub.ask(`/${id}/resolve/main/.gitattributes`)).text.split('\n').slice(-3)
    const lfs = 'filter=lfs diff=lfs merge=lfs -text'
    expect(added).toEqual([`/odd[[:space:]]name ${lfs}`, `d/x.dat ${lfs}`, ''])
    expect((await hub.ask(`/${id}/resolve/main/d/x.dat`)).body.equals(content)).toBe(true)
    const { json } = await hub.ask(`/api/models/${id}/tree/main/d`)
    expect(json[0]).toMatchObject({ size: 50_000, lfs: { oid: sha256, size: 50_000, pointerSize: pointer.length } })
    expect(json[0].xetHash).toMatch(/^[0-9a-f]{64}$/)
  })

  test.each([
    ['../x', 'PATH_UNSAFE'],
    ['/etc/passwd', 'PATH_UNSAFE'],
    ['a/.git/hooks/x', 'PATH_UNSAFE'],
    ['.cache/x', 'PATH_UNSAFE'],
    ['a\u202eb', 'PATH_UNSAFE'],
    ['.gitattributes/x', 'PATH_IS_FILE'],
  ])('below %s is refused and leaves nothing', async (path, code) => {
    const id = await fresh(`path-${randomBytes(3).toString('hex')}`)
    const before = await shaOf(id)
    const answer = await hub.commit(id, [file('good', '1'), file(path, 'bad')])
    expect([answer.status, answer.json.code]).toEqual([400, code])
    expect(await shaOf(id)).toBe(before)
    expect(git(id.slice(6), 'count-objects')).toMatch(/^0 objects/)
  })
})

describe('large files', () => {
  test('that nobody verified for the committer are 422 with the list; knowing a SHA-256 gives nothing', async () => {
    const secret = randomBytes(40_000)
    const oid = createHash('sha256').update(secret).digest('hex')
    const closed = await hub.create('closed', { private: true })
    expect(closed.status).toBe(200)
    expect((await hub.commit('alice/closed', [await hub.upload('alice/closed', 's.bin', secret)])).status).toBe(200)
    hub.parts.accounts.createUser('mallory')
    const { token } = hub.parts.accounts.createToken('mallory', { scope: 'write' })
    await hub.post('/api/repos/create', { name: 'grab' }, token)
    const named = { key: 'lfsFile', value: { path: 's.bin', algo: 'sha256', oid, size: secret.length } }
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${secret.length}\n`
    for (const line of [named, file('s.bin', pointer)]) {
      const answer = await hub.commit('mallory/grab', [line], { token })
      expect([answer.status, answer.json.code]).toEqual([422, 'LFS_OBJECT_MISSING'])
      expect(answer.json.missing).toEqual([{ path: 's.bin', oid }])
    }
    const batch = { operation: 'upload', objects: [{ oid, size: secret.length }] }
    const asked = await hub.post('/mallory/grab.git/info/lfs/objects/batch', batch, token)
    expect(asked.json.objects[0].actions.upload).toBeDefined()
    const read = { operation: 'download', objects: [{ oid, size: secret.length }] }
    expect((await hub.post('/mallory/grab.git/info/lfs/objects/batch', read, token)).json.objects[0].error.code).toBe(
      404,
    )
    // Who has the bytes may send them.
    expect(
      (await hub.commit('mallory/grab', [await hub.upload('mallory/grab', 's.bin', secret, token)], { token })).status,
    ).toBe(200)
  })

  test('a size that lies is 422', async () => {
    const id = await fresh('lies')
    const line = (await hub.upload(id, 'w.bin', randomBytes(2000))) as { value: { size: number } }
    line.value.size = 1999
    expect((await hub.commit(id, [line])).status).toBe(422)
  })

  test('an upload of other bytes, another length or to a changed address is refused and stores nothing', async () => {
    const id = await fresh('puts')
    const content = randomBytes(3000)
    const oid = createHash('sha256').update(content).digest('hex')
    const batch = { operation: 'upload', objects: [{ oid, size: 3000 }] }
    const { href } = (await hub.post(`/${id}.git/info/lfs/objects/batch`, batch)).json.objects[0].actions.upload
    const put = async (url: string, body: Buffer) => {
      const answer = await hub.ask(url, { method: 'PUT', body })
      return [answer.status, answer.json.code]
    }
    expect(await put(href, randomBytes(3000))).toEqual([400, 'LFS_OID_MISMATCH'])
    expect(await put(href, content.subarray(1))).toEqual([400, 'LFS_SIZE_MISMATCH'])
    expect(await put(href.replace('puts', 'lies'), content)).toEqual([403, 'LFS_URL_BAD'])
    expect(await put(href.replace('size=3000', 'size=3001'), content)).toEqual([403, 'LFS_URL_BAD'])
    expect(await put(href.replace(oid, 'a'.repeat(64)), content)).toEqual([403, 'LFS_URL_BAD'])
    expect(await put(href.replace(oid, oid.toUpperCase()), content)).toEqual([400, 'LFS_OID_INVALID'])
    const verify = await hub.ask(`/${id}.git/info/lfs/objects/${oid}/verify`, {
      method: 'POST',
      token: hub.alice,
      body: JSON.stringify({ oid, size: 3000 }),
    })
    expect([verify.status, verify.json.code]).toEqual([404, 'LFS_OBJECT_UNKNOWN'])
  })

  test('batches that ask for what is not served say so', async () => {
    const id = await fresh('batches')
    const ask = async (batch: object) => {
      const answer = await hub.post(`/${id}.git/info/lfs/objects/batch`, batch)
      return [answer.status, answer.json.code ?? answer.json.objects[0].error.code]
    }
    const object = { oid: 'a'.repeat(64), size: 1 }
    expect(await ask({ operation: 'upload', objects: [object], hash_algo: 'md5' })).toEqual([409, 'LFS_HASH_UNKNOWN'])
    expect(await ask({ operation: 'upload', objects: [object], transfers: ['ssh'] })).toEqual([
      400,
      'LFS_TRANSFER_UNKNOWN',
    ])
    expect(await ask({ operation: 'upload', objects: Array(1001).fill(object) })).toEqual([413, 'LFS_BATCH_TOO_LARGE'])
    for (const bad of [
      { ...object, oid: 'A'.repeat(64) },
      { ...object, size: -1 },
      { ...object, oid: '../../etc/passwd' },
    ]) {
      expect(await ask({ operation: 'upload', objects: [bad] })).toEqual([200, 422])
    }
    const locks = await hub.ask(`/${id}.git/info/lfs/locks/verify`, { method: 'POST', token: hub.alice, body: '{}' })
    expect([locks.status, locks.json.code]).toEqual([404, 'LFS_LOCKS_UNKNOWN'])
  })
})

describe('many writers', () => {
  test('without a parent all commits are kept; of those with the same parent one is', async () => {
    const id = await fresh('crowd')
    const names = Array.from({ length: 20 }, (_, i) => `f${i}`)
    const answers = await Promise.all(names.map((name) => hub.commit(id, [file(name, name)])))
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200))
    expect(await pathsOf(id)).toEqual(['.gitattributes', ...names].sort())
    expect(git('crowd', 'rev-list', '--count', 'main')).toBe('21\n')
    const header = { parentCommit: await shaOf(id) }
    const race = await Promise.all(names.map((name) => hub.commit(id, [file(`r${name}`, name)], { header })))
    expect(race.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(412)])
    git('crowd', 'fsck', '--strict', '--full')
  })

  test('an upload cut anywhere leaves no trace and the next one works', async () => {
    const id = await fresh('cut')
    const before = await shaOf(id)
    const body = [
      '{"key":"header","value":{"summary":"cut"}}',
      ...Array.from({ length: 5 }, (_, i) => JSON.stringify(file(`f${i}`, Buffer.alloc(20_000, i)))),
    ].join('\n')
    for (let i = 1; i <= 8; i++) {
      const length = Math.floor((body.length * i) / 9)
      await new Promise<void>((resolve) => {
        const socket = connect(hub.port, '127.0.0.1', () => {
          const head = `POST /api/models/${id}/commit/main HTTP/1.1\r\nhost: 127.0.0.1:${hub.port}\r\n`
          socket.write(`${head}authorization: Bearer ${hub.alice}\r\ncontent-length: ${body.length}\r\n\r\n`)
          socket.write(body.slice(0, length), () => socket.resetAndDestroy())
        })
        socket.on('close', () => resolve())
        socket.on('error', () => resolve())
      })
    }
    expect((await hub.commit(id, [file('after', '1')])).status).toBe(200)
    expect(await shaOf(id)).not.toBe(before)
    expect(await pathsOf(id)).toEqual(['.gitattributes', 'after'])
    await expect.poll(() => git('cut', 'count-objects', '-v')).toMatch(/packs: 2\n/)
  })
})

describe('branches, tags and names', () => {
  test('branches start where they should, move only when told, and main stays', async () => {
    const id = await fresh('refs')
    const first = await shaOf(id)
    await hub.commit(id, [file('a', '1')])
    const api = `/api/models/${id}`
    expect((await hub.post(`${api}/branch/old`, { startingPoint: first })).status).toBe(200)
    expect((await hub.post(`${api}/branch/none`, { emptyBranch: true })).status).toBe(200)
    expect((await hub.post(`${api}/tag/${first}`, { tag: 'v1', message: 'first' })).status).toBe(200)
    expect((await hub.ask(`${api}/tree/none`)).json).toEqual([])
    const { json } = await hub.ask(`${api}/refs?include_prs=1`)
    expect(json.branches.map(({ name }: { name: string }) => name)).toEqual(['main', 'none', 'old'])
    expect(json.tags).toEqual([{ name: 'v1', ref: 'refs/tags/v1', targetCommit: first }])
    expect([json.converts, json.pullRequests]).toEqual([[], []])
    expect((await hub.ask(`/${id}/resolve/v1/a`)).status).toBe(404)
    for (const [path, status, code] of [
      ['branch/main', 403, 'BRANCH_PROTECTED'],
      ['branch/absent', 404, 'REVISION_NOT_FOUND'],
      ['branch/a..b', 400, 'REVISION_INVALID'],
      ['tag/-x', 400, 'REF_NAME_INVALID'],
    ] as const) {
      const answer = await hub.ask(`${api}/${path}`, { method: 'DELETE', token: hub.alice })
      expect([path, answer.status, answer.json.code]).toEqual([path, status, code])
    }
    expect((await hub.ask(`${api}/tag/v1`, { method: 'DELETE', token: hub.alice })).status).toBe(200)
    expect((await hub.ask(`${api}/branch/old`, { method: 'DELETE', token: hub.alice })).status).toBe(200)
    expect((await hub.ask(`${api}/refs`)).json.branches).toHaveLength(2)
  })

  test('commits are listed with their number, page by page', async () => {
    const id = await fresh('history')
    for (const text of ['1', '2', '3']) await hub.commit(id, [file('a', text)], { header: { summary: `<${text}>` } })
    const page = await hub.ask(`/api/models/${id}/commits/main?limit=3&expand[]=formatted`)
    expect(page.headers['x-total-count']).toBe('4')
    expect(page.json.map(({ title }: { title: string }) => title)).toEqual(['<3>', '<2>', '<1>'])
    expect(page.json[0].formatted.title).toBe('&lt;3&gt;')
    const next = await hub.ask(/<([^>]+)>/.exec(page.headers.link as string)?.[1] as string)
    expect([next.json.length, next.json[0].title, next.headers.link]).toEqual([1, 'initial commit', undefined])
    expect((await hub.ask(`/api/models/${id}/commits/main?p=x`)).json.code).toBe('PAGE_INVALID')
    const tree = await hub.ask(`/api/models/${id}/tree/main?expand=true`)
    expect(tree.json.map(({ lastCommit }: { lastCommit: { title: string } }) => lastCommit.title)).toEqual([
      'initial commit',
      '<3>',
    ])
  })

  test('a deleted repository is gone, and its name is free for one without its past', async () => {
    const id = await fresh('gone')
    await hub.commit(id, [file('a', '1')])
    const body = JSON.stringify({ name: 'gone', organization: 'alice' })
    expect((await hub.ask('/api/repos/delete', { method: 'DELETE', token: hub.alice, body })).status).toBe(200)
    expect((await hub.ask(`/api/models/${id}`, { token: hub.alice })).headers['x-error-code']).toBe('RepoNotFound')
    const again = await hub.ask('/api/repos/delete', { method: 'DELETE', token: hub.alice, body })
    expect([again.status, again.json.code]).toEqual([404, 'REPO_NOT_FOUND'])
    expect((await hub.create('gone', { files: [{ encoding: 'base64', path: 'b', content: 'Yg==' }] })).status).toBe(200)
    expect(await pathsOf(id)).toEqual(['.gitattributes', 'b'])
  })
})
