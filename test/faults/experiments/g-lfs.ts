/** Group G: LFS objects that are not what they are called, and batches that ask for too much or for nonsense. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Reply } from '../../farm/http-send.ts'
import type { Experiments } from '../experiment.ts'
import { seededBytes, seededChunks } from '../forge.ts'
import { assertRefused, type Lab } from '../lab.ts'

const LFS_TYPE = { 'content-type': 'application/vnd.git-lfs+json', accept: 'application/vnd.git-lfs+json' }
const BATCH_MEMORY_MAX = 128 << 20

export const LFS_EXPERIMENTS: Experiments = { G15: keepsObjectsTrue, G16: boundsBatches }

interface Answered {
  readonly oid: string
  readonly size: number
  readonly error?: { readonly code: number }
  readonly actions?: { readonly upload?: { readonly href: string } }
}

function batch(lab: Lab, repo: string, objects: readonly object[], more: object = {}): Promise<Reply> {
  const body = { operation: 'upload', transfers: ['basic'], hash_algo: 'sha256', objects, ...more }
  const path = `/${repo}.git/info/lfs/objects/batch`
  return lab.send(path, { method: 'POST', token: lab.alice, headers: LFS_TYPE, body })
}

async function answersTo(lab: Lab, repo: string, objects: readonly object[], more: object = {}): Promise<Answered[]> {
  const reply = await batch(lab, repo, objects, more)
  assert.equal(reply.status, 200, `${reply.body}`)
  return (reply.json() as { objects: Answered[] }).objects
}

/** G15: the bytes decide: others than the oid's are refused, and what is stored under the oid stays what it is. */
async function keepsObjectsTrue(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const content = seededBytes(lab.next(), 300_000)
  const oid = createHash('sha256').update(content).digest('hex')
  const href = async () => {
    const [object] = await answersTo(lab, repo, [{ oid, size: content.length }])
    return new URL(object?.actions?.upload?.href ?? assert.fail('no address to upload to'))
  }
  const put = async (body: Uint8Array) => {
    const { pathname, search } = await href()
    return lab.send(pathname + search, { method: 'PUT', body })
  }
  const flipped = Buffer.from(content)
  flipped[150_000] = (flipped[150_000] as number) ^ 1
  const wrong = [flipped, content.subarray(1), Buffer.concat([content, Buffer.from('x')]), new Uint8Array(0)]
  for (const body of wrong) {
    assertRefused(await put(body), [400, 413, 422])
    const verify = await lab.send(`/${repo}.git/info/lfs/objects/${oid}/verify`, {
      ...{ method: 'POST', token: lab.alice, headers: LFS_TYPE },
      body: { oid, size: content.length },
    })
    assert.equal(verify.status, 404, 'an object that was refused is there')
  }
  const line = { key: 'lfsFile', value: { path: 'a.bin', algo: 'sha256', oid, size: content.length } }
  assertRefused(await lab.commit(repo, [line]), 422)
  const address = await href()
  assertRefused(await put(content), 200)
  assertRefused(await lab.commit(repo, [line]), 200)
  // The same address again, with other bytes, when the object is there.
  assertRefused(await lab.send(address.pathname + address.search, { method: 'PUT', body: flipped }), [400, 422])
  const whole = await lab.send(`/${repo}/resolve/main/a.bin`, { token: lab.alice })
  assert.ok(whole.body.equals(content), 'the object was replaced')
}

/** G16: each object is judged for itself; what is too much or unknown is refused as a whole. */
async function boundsBatches(lab: Lab): Promise<string> {
  const file = await lab.publish(await lab.freshRepo(), 'a.bin', seededChunks(lab.next(), [10_000]))
  const oidOf = (i: number) => createHash('sha256').update(`${i}`).digest('hex')
  const growth = await lab.watchMemory()
  await lab.leavesNothing(async () => {
    for (const count of [1_001, 100_000]) {
      assertRefused(
        await batch(
          lab,
          file.repo,
          Array.from({ length: count }, (_, i) => ({ oid: oidOf(i), size: 1 })),
        ),
        413,
      )
    }
    assertRefused(await batch(lab, file.repo, [{ oid: oidOf(1), size: 1 }], { hash_algo: 'md5' }), [409, 422])
    assertRefused(
      await batch(lab, file.repo, [{ oid: oidOf(1), size: 1 }], { transfers: ['carrier-pigeon'] }),
      [400, 422],
    )
    assertRefused(await batch(lab, file.repo, [{ oid: oidOf(1), size: 1 }], { operation: 'destroy' }), [400, 422])
    for (const objects of [[null], [[]], [{ oid: 1, size: 1 }], [{ oid: oidOf(1) }], 'x']) {
      assertRefused(await batch(lab, file.repo, objects as object[]), [400, 422])
    }
    const bad = [
      { oid: oidOf(1), size: -1 },
      { oid: oidOf(1), size: 1.5 },
      { oid: oidOf(1), size: 2 ** 53 },
      { oid: oidOf(1).toUpperCase(), size: 1 },
      { oid: '../../etc/passwd', size: 1 },
    ]
    const good = { oid: oidOf(2), size: 7 }
    const answers = await answersTo(lab, file.repo, [...bad, good, good, { oid: file.sha256, size: 10_000 }])
    assert.deepEqual(
      answers.map(({ error }) => error?.code ?? 200),
      [...bad.map(() => 422), 200, 200, 200],
    )
    assert.ok(answers.slice(0, bad.length).every(({ actions }) => actions === undefined))
    assert.ok(answers.at(-2)?.actions?.upload, 'the second of two equal objects has no address')
    assert.equal(answers.at(-1)?.actions, undefined, 'what is there is asked for again')
  })
  const grown = growth()
  assert.ok(grown < BATCH_MEMORY_MAX, `memory grew by ${grown >> 20} MiB`)
  return `memory +${grown >> 20} MiB`
}
