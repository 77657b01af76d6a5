/** Group E: disks that are full, read-only, gone or that fail. */
import assert from 'node:assert/strict'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../../src/base/app-error.ts'
import { runInside } from '../../farm/hub-process.ts'
import { Injection, SYNCS, WRITES } from '../../farm/injection.ts'
import type { Experiments } from '../experiment.ts'
import { forgeShard, forgeXorb, listOf, seededChunks, wholeFile } from '../forge.ts'
import { assertRefused, fileLine, JSON_TYPE, type Lab } from '../lab.ts'
import { namesBelow } from '../spoil.ts'

export const DISK_EXPERIMENTS: Experiments = {
  E3: keepsOnWithoutRoom,
  E5: survivesUnreadableBlob,
  E6: believesNoFailedSync,
  E28: keepsOnWithoutInodes,
  E30: noticesMissingDisk,
}

/** A file that was uploaded up to its shard, and what is left to do. */
async function prepared(lab: Lab) {
  const repo = await lab.freshRepo()
  const cas = await lab.cas(repo)
  const xorb = forgeXorb(seededChunks(lab.next(), [40_000, 50_000]))
  const file = wholeFile(xorb)
  const shard = forgeShard({ files: [file], xorbs: [listOf(xorb)] })
  const plan = () => lab.send(`${cas.path}/v1/reconstructions/${file.hash}`, { token: cas.token })
  return {
    repo,
    putXorb: () => lab.putXorb(cas, xorb.hash, xorb.body),
    putShard: () => lab.putShard(cas, shard),
    plan,
  }
}

function createRepo(lab: Lab, name: string) {
  const body = { name, organization: 'alice', type: 'model' }
  return lab.send('/api/repos/create', { method: 'POST', token: lab.alice, headers: JSON_TYPE, body })
}

/** E3: the databases find no room, on an injected error and on a disk that is really full. */
async function keepsOnWithoutRoom(lab: Lab): Promise<void> {
  const file = await prepared(lab)
  assertRefused(await file.putXorb(), 200)
  const name = `full${lab.next()}`
  const logs = ['catalog.db-wal', 'accounts.db-wal'].map((database) => join(lab.hub.home, database))
  const rule = { calls: WRITES, effect: 'error=ENOSPC' }
  await Injection.during(
    lab.hub.pid,
    [rule],
    async () => {
      assertRefused(await file.putShard(), 507)
      assertRefused(await createRepo(lab, name), 507)
      assertRefused(await file.plan(), 404)
      await lab.checkSound()
    },
    { paths: logs },
  )
  assertRefused(await file.plan(), 404)
  assertRefused(await lab.send(`/api/models/alice/${name}`, { token: lab.alice }), 404)
  assertRefused(await file.putShard(), 200)
  assertRefused(await createRepo(lab, name), 200)
  await lab.withAnother({ disk: 'size=24m' }, async (small) => {
    await lacks(small, (folder) => fill(join(folder, 'filler'), 1 << 20))
  })
}

/** E28: bytes are free, names are not. */
async function keepsOnWithoutInodes(lab: Lab): Promise<void> {
  await lab.withAnother({ disk: 'size=64m,nr_inodes=400' }, async (small) => {
    await lacks(small, async (folder) => {
      await mkdir(join(folder, 'filler'))
      await untilFull(async (i) => writeFile(join(folder, 'filler', `${i}`), ''))
    })
  })
}

/** What is published before is read while the disk lacks what `take` took; nothing new is taken, until it is free again. */
async function lacks(lab: Lab, take: (folder: string) => Promise<void>): Promise<void> {
  const before = await lab.publish(await lab.freshRepo(), 'before.bin', seededChunks(lab.next(), [60_000]))
  const file = await prepared(lab)
  await take(lab.hub.home)
  await lab.leavesNothing(async () => {
    assertRefused(await file.putXorb(), 507)
    assertRefused(await createRepo(lab, 'more'), 507)
    assertRefused(await lab.commit(before.repo, [fileLine('more.txt', 'x'.repeat(20_000))]), 507)
  })
  const read = await lab.send(`/${before.repo}/resolve/main/before.bin`, { token: lab.alice })
  assert.ok(read.body.equals(before.content), `a read got ${read.status}`)
  assertRefused(await lab.send('/readyz'), 503)
  await rm(join(lab.hub.home, 'filler'), { recursive: true })
  assertRefused(await file.putXorb(), 200)
  assertRefused(await file.putShard(), 200)
  assertRefused(await createRepo(lab, 'more'), 200)
  assertRefused(await lab.commit(before.repo, [fileLine('more.txt', 'x')]), 200)
  await lab.checkSound()
  lab.checkSameProcess()
}

async function fill(path: string, piece: number): Promise<void> {
  for (let bytes = piece; bytes >= 1; bytes >>= 1) {
    await untilFull(() => writeFile(path, Buffer.alloc(bytes, 1), { flag: 'a' }))
  }
}

async function untilFull(more: (i: number) => Promise<void>): Promise<void> {
  for (let i = 0; ; i++) {
    try {
      await more(i)
    } catch (error) {
      if (systemCode(error) === 'ENOSPC') return
      throw error
    }
  }
}

/** E5: the disk does not give a blob's bytes back: a failure of that request, and of that blob alone. */
async function survivesUnreadableBlob(lab: Lab): Promise<void> {
  const bad = await lab.publish(await lab.freshRepo(), 'bad.bin', seededChunks(lab.next(), [60_000, 70_000]))
  const good = await lab.publish(await lab.freshRepo(), 'good.bin', seededChunks(lab.next(), [60_000]))
  const read = ({ repo, path }: typeof bad) => lab.send(`/${repo}/resolve/main/${path}`, { token: lab.alice })
  const blob = join(lab.hub.home, 'blobs', 'xorbs', bad.xorb.hash.slice(0, 2), bad.xorb.hash)
  const rule = { calls: ['pread64', 'read', 'preadv'], effect: 'error=EIO' }
  await Injection.during(
    lab.hub.pid,
    [rule],
    async () => {
      const reply = await read(bad)
      assert.ok([500, 502].includes(reply.status) || !reply.complete, `EIO was answered ${reply.status}`)
      assert.ok((await read(good)).body.equals(good.content), 'another file was not served')
    },
    { paths: [blob] },
  )
  // Set aside: not tried again until somebody brings it.
  assertRefused(await read(bad), [404, 500, 502])
  const doctor = await lab.run(['doctor', '--home', lab.hub.home, '--json'], { env: { HF_TOKEN: lab.hub.adminToken } })
  assert.match(doctor.stdout, new RegExp(bad.xorb.hash), 'doctor does not name the blob')
  assertRefused(await lab.putXorb(bad.cas, bad.xorb.hash, bad.xorb.body), 200)
  assert.ok((await read(bad)).body.equals(bad.content), 'sending it again did not heal it')
}

/** E6: each sync in turn fails: never "ok", nothing left, and the next attempt writes anew. */
async function believesNoFailedSync(lab: Lab): Promise<string> {
  let failed = 0
  const attempt = async (nth: number, action: () => Promise<{ status: number }>): Promise<boolean> => {
    const rule = { calls: SYNCS, effect: `error=EIO:when=${nth}` }
    const { status } = await Injection.during(lab.hub.pid, [rule], action)
    if (status === 200) return false
    assert.ok([500, 507].includes(status), `sync ${nth} failed and the answer was ${status}`)
    failed++
    return true
  }
  const rule = { calls: SYNCS, effect: 'error=EIO' }
  const file = await prepared(lab)
  await lab.leavesNothing(() =>
    Injection.during(lab.hub.pid, [rule], async () => assertRefused(await file.putXorb(), [500, 507])),
  )
  for (const step of ['putXorb', 'putShard'] as const) {
    let nth = 1
    while (await attempt(nth, file[step])) nth++
    assert.ok(nth > 1, `${step} synced nothing`)
  }
  assertRefused(await file.plan(), 200)
  const lines = [fileLine('synced.txt', `${lab.next()}`)]
  for (let nth = 1; await attempt(nth, () => lab.commit(file.repo, lines)); nth++) {
    const reply = await lab.send(`/${file.repo}/resolve/main/synced.txt`, { token: lab.alice })
    // Git may have moved the ref before its last sync failed: then the file is whole.
    assertRefused(reply, [200, 404])
  }
  return `${failed} syncs failed`
}

/** E30: the disk under the home goes: no answer of success, and nothing is written where it was mounted. */
async function noticesMissingDisk(lab: Lab): Promise<void> {
  await lab.withAnother({ disk: 'size=64m' }, async (small) => {
    const file = await prepared(small)
    const home = small.hub.home
    const inside = home.slice(home.indexOf('/root/') + '/root'.length)
    const umount = await runInside(small.hub.pid, ['umount', '-l', inside])
    assert.equal(umount.code, 0, umount.stderr)
    const isFailure = (status: number) => status >= 500
    for (const reply of [
      await file.putXorb(),
      await file.putShard(),
      await createRepo(small, 'lost'),
      await small.commit('alice/good', [fileLine('lost.txt', 'x')]),
      await small.send('/alice/good/resolve/main/good.txt', { token: small.alice }),
    ]) {
      assert.ok(isFailure(reply.status), `without its disk the server answered ${reply.status}`)
    }
    assertRefused(await small.send('/readyz'), 503)
    assert.deepEqual(await namesBelow(home), [], 'something was written below the mount point')
    assert.deepEqual(await readdir(home), [])
    await small.hub.stop()
    assert.deepEqual(await namesBelow(inside), [], 'something was written below the mount point')
  })
}
