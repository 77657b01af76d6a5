/** Group G: many at one branch, and deletions and sweeps beside those who upload and download. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkRepo } from '../../farm/check-repo.ts'
import { connectTo } from '../../farm/crowd.ts'
import type { Experiments } from '../experiment.ts'
import { forgeFile, forgeShard, forgeXorb, listOf, seededBytes, seededChunks, wholeFile } from '../forge.ts'
import { assertRefused, fileLine, JSON_TYPE, type Lab, type Published } from '../lab.ts'

const WRITERS = 50
const PUSHES = 3

export const TOGETHER_EXPERIMENTS: Experiments = {
  G12: keepsAllCommits,
  G17: sweepsBesideUploads,
  G18: deletesBesideDownloads,
}

/** G12: 50 writers at once, half of them with a parent; each is in the history or was told 409 or 412. */
async function keepsAllCommits(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const parentCommit = await headOf(lab, repo)
  const told = await Promise.all(
    Array.from({ length: WRITERS }, async (_, i) => {
      const header = { summary: `writer ${i}`, description: '', ...(i % 2 === 0 ? { parentCommit } : {}) }
      const lines = [{ key: 'header', value: header }, fileLine(`w/${i}.txt`, `by ${i}`)]
      const body = lines.map((line) => JSON.stringify(line)).join('\n')
      return lab.commit(repo, [], { body, timeoutMs: 60_000 })
    }),
  )
  const commits: string[] = []
  for (let page = 0; ; page++) {
    const reply = await lab.send(`/api/models/${repo}/commits/main?limit=100&p=${page}`, { token: lab.alice })
    const ids = (reply.json() as unknown as { id: string }[]).map(({ id }) => id)
    commits.push(...ids)
    if (ids.length < 100) break
  }
  const acknowledged = new Map<string, Buffer>()
  const paths = await filesOf(lab, repo)
  for (const [i, reply] of told.entries()) {
    assert.ok([200, 409, 412].includes(reply.status), `writer ${i} was told ${reply.status}: ${reply.body}`)
    if (reply.status === 200) {
      assert.ok(
        commits.includes((reply.json() as { commitOid: string }).commitOid),
        `the commit of writer ${i} is lost`,
      )
      acknowledged.set(`w/${i}.txt`, Buffer.from(`by ${i}`))
    } else assert.ok(!paths.includes(`w/${i}.txt`), `writer ${i} was refused, and its file is there`)
  }
  assert.equal(commits.length, acknowledged.size + 1, 'the history holds other commits than were acknowledged')
  // Without a parent nobody need be refused; of those with one, the first only.
  assert.ok(acknowledged.size >= 1, 'nobody could write')
  await checkRepo(lab.hub, { repo, token: lab.alice, acknowledged })
  return `${acknowledged.size} of ${WRITERS} in the history, the others told`
}

async function headOf(lab: Lab, repo: string): Promise<string> {
  return ((await lab.send(`/api/models/${repo}`, { token: lab.alice })).json() as { sha: string }).sha
}

async function filesOf(lab: Lab, repo: string): Promise<string[]> {
  const tree = await lab.send(`/api/models/${repo}/tree/main?recursive=true`, { token: lab.alice })
  return (tree.json() as unknown as { path: string }[]).map(({ path }) => path)
}

async function sweep(lab: Lab, ...flags: string[]): Promise<void> {
  const done = await lab.run(['gc', '--home', lab.hub.home, '--json', ...flags])
  assert.equal(done.code, 0, done.stdout + done.stderr)
}

async function removeRepo(lab: Lab, repo: string): Promise<void> {
  const body = { organization: 'alice', name: repo.split('/')[1] as string, type: 'model' }
  const reply = await lab.send('/api/repos/delete', { method: 'DELETE', token: lab.alice, headers: JSON_TYPE, body })
  assert.equal(reply.status, 200, `delete ${repo}: ${reply.body}`)
}

/** G17: sweeps between every two steps of an upload, and beside whole pushes; every upload completes. */
async function sweepsBesideUploads(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const cas = await lab.cas(repo)
  const chunks = seededChunks(lab.next(), [40_000, 50_000])
  const xorb = forgeXorb(chunks)
  const file = { ...wholeFile(xorb), sha256: sha256Of(chunks) }
  assertRefused(await lab.putXorb(cas, xorb.hash, xorb.body), 200)
  await sweep(lab)
  assertRefused(await lab.putShard(cas, forgeShard({ files: [file], xorbs: [listOf(xorb)] })), 200)
  await sweep(lab)
  const line = { key: 'lfsFile', value: { path: 'a.bin', algo: 'sha256', oid: file.sha256, size: 90_000 } }
  assertRefused(await lab.commit(repo, [line]), 200)

  // A dedup answer is a promise, also when what it spoke of is deleted before the shard comes.
  const old = await lab.freshRepo()
  const known = await lab.publish(old, 'b.bin', seededChunks(lab.next(), [30_000, 30_000]))
  const asked = `${cas.path}/v1/chunks/default-merkledb/${known.xorb.nodes[0]?.hash}`
  assertRefused(await lab.send(asked, { token: cas.token }), 200)
  await removeRepo(lab, old)
  await sweep(lab)
  await sweep(lab)
  const reused = { ...forgeFile([{ xorb: known.xorb, start: 1, end: 2 }]), sha256: sha256Of(known.xorb.plain.slice(1)) }
  assertRefused(await lab.putShard(cas, forgeShard({ files: [reused] })), 200)
  const second = { key: 'lfsFile', value: { path: 'b.bin', algo: 'sha256', oid: reused.sha256, size: 30_000 } }
  assertRefused(await lab.commit(repo, [second]), 200)

  await pushBesideSweeps(lab)
  await sweep(lab)
  const acknowledged = new Map([
    ['a.bin', Buffer.concat(chunks)],
    ['b.bin', Buffer.from(known.xorb.plain[1] as Uint8Array)],
  ])
  await checkRepo(lab.hub, { repo, token: lab.alice, acknowledged })
}

async function pushBesideSweeps(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const acknowledged = new Map<string, Buffer>()
  let isOver = false
  const pushes = Array.from({ length: PUSHES }, async (_, i) => {
    const folder = await lab.scratch()
    const content = Buffer.from(seededBytes(lab.next(), 2 << 20))
    await mkdir(join(folder, 'in'))
    await writeFile(join(folder, 'in', `${i}.bin`), content)
    const push = await lab.run(['push', repo, join(folder, 'in'), '--json'], { folder })
    assert.equal(push.code, 0, `push beside a sweep: ${push.stdout}${push.stderr}`)
    acknowledged.set(`${i}.bin`, content)
  })
  const sweeps = (async () => {
    while (!isOver) {
      const url = `${lab.hub.url}/-/v1/care/gc`
      const headers = { authorization: `Bearer ${lab.hub.adminToken}`, 'content-type': 'application/json' }
      const reply = await fetch(url, { method: 'POST', headers, body: '{}' })
      assert.match(await reply.text(), /"result"/)
    }
  })()
  try {
    await Promise.all(pushes)
  } finally {
    isOver = true
    await sweeps
  }
  await checkRepo(lab.hub, { repo, token: lab.alice, acknowledged })
}

function sha256Of(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** G18: a download that runs while its repository or branch goes ends whole or cut short; others keep what they share. */
async function deletesBesideDownloads(lab: Lab): Promise<string> {
  const chunks = seededChunks(lab.next(), new Array(160).fill(100_000))
  const kept = await lab.publish(await lab.freshRepo(), 'shared.bin', chunks)
  const ends: string[] = []
  for (const what of ['repository', 'branch'] as const) {
    const file = await lab.publish(await lab.freshRepo(), 'shared.bin', chunks)
    const branch = `/api/models/${file.repo}/branch/side`
    assertRefused(await lab.send(branch, { method: 'POST', token: lab.alice, headers: JSON_TYPE, body: {} }), 200)
    const path = `/${file.repo}/resolve/${what === 'branch' ? 'side' : 'main'}/shared.bin`
    const reading = await begunDownload(lab, path)
    if (what === 'repository') await removeRepo(lab, file.repo)
    else assertRefused(await lab.send(branch, { method: 'DELETE', token: lab.alice }), 200)
    await sweep(lab, '--now')
    ends.push(await checkDownload(await reading.rest(), file, what))
    assertRefused(await lab.send(path, { token: lab.alice }), 404)
  }
  const reply = await lab.send(`/${kept.repo}/resolve/main/shared.bin`, { token: lab.alice })
  assert.ok(reply.status === 200 && reply.body.equals(kept.content), 'another repository lost what it shared')
  return ends.join(', ')
}

/** A download that has its first bytes and takes no more until it is asked to. */
async function begunDownload(lab: Lab, path: string): Promise<{ rest(): Promise<Buffer> }> {
  const socket = await connectTo(lab.hub.url)
  const { host } = new URL(lab.hub.url)
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${lab.alice}\r\nConnection: close\r\n\r\n`,
  )
  const pieces = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const parts: Buffer[] = []
  const take = async () => {
    const { value, done } = await pieces.next()
    if (done !== true) parts.push(value)
    return done !== true
  }
  assert.ok(await take(), `${path}: no answer`)
  return {
    async rest() {
      // A cut connection ends the bytes as a finished one does: their number tells.
      while (await take().catch(() => false));
      return Buffer.concat(parts)
    },
  }
}

function checkDownload(answer: Buffer, { content }: Published, what: string): string {
  const end = answer.indexOf('\r\n\r\n')
  const head = answer.toString('latin1', 0, end)
  assert.match(head, /^HTTP\/1\.1 200 /)
  assert.match(head, new RegExp(`content-length: ${content.length}\\b`, 'i'))
  const body = answer.subarray(end + 4)
  assert.ok(content.subarray(0, body.length).equals(body), `other bytes came after the ${what} was deleted`)
  return `${what}: ${body.length === content.length ? 'whole' : `cut at ${body.length}`}`
}
