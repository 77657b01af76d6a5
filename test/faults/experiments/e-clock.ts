/** Group E19: the wall clock goes back an hour, leaps a year, starts in 1970. Durations and promises do not. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../../src/base/clock.ts'
import { ROOT } from '../../farm/hub-process.ts'
import { forgeShard, forgeXorb, listOf, seededChunks, wholeFile } from '../forge.ts'
import { assertRefused, type Lab } from '../lab.ts'
import { startSlowUpload } from '../slow-upload.ts'

const HOUR = 3600
const DAY = 86_400

export async function outlivesClockJumps(lab: Lab): Promise<void> {
  const file = join(await lab.scratch(), 'offset')
  const setClock = (seconds: number) => writeFile(file, String(seconds))
  await setClock(0)
  const shim = pathToFileURL(join(ROOT, 'test', 'farm', 'clock-shim.ts')).href
  const env = { NODE_OPTIONS: `--import=${shim}`, WALL_CLOCK_OFFSET_FILE: file }
  await lab.withAnother({ env }, async (own) => {
    const published = await own.publish(await own.freshRepo(), 'a.bin', seededChunks(own.next(), [50_000]))
    const repo = await own.freshRepo()
    const pending = await uploadUncommitted(own, repo)
    const readable = async () => {
      const reply = await own.send(`/${published.repo}/resolve/main/a.bin`, { token: own.alice })
      assert.ok(reply.body.equals(published.content), `a read got ${reply.status}`)
    }
    const gc = () => own.run(['gc', '--home', own.hub.home, '--json'], { env: { HF_TOKEN: own.hub.adminToken } })

    // An hour back, in the middle of an upload: it goes on, and so does the token that was got before.
    const cas = await own.cas(repo)
    const upload = await startSlowUpload(own, cas)
    await setClock(-HOUR)
    assert.equal(await upload.finish(), 200)
    await readable()
    assertRefused(await plan(own, published), 200)
    await own.publish(repo, 'back.bin', seededChunks(own.next(), [30_000]))
    const swept = await gc()
    assert.equal(swept.code, 0, swept.stdout + swept.stderr)

    // 400 days ahead: tokens end and are got anew; nothing is swept on the word of such a clock.
    await setClock(400 * DAY)
    await readable()
    assertRefused(await plan(own, published), 401)
    const renewed = await own.cas(published.repo)
    assertRefused(await plan(own, { ...published, cas: renewed }), 200)
    const refused = await gc()
    assert.equal(refused.code, 18, refused.stdout + refused.stderr)
    assert.match(refused.stdout, /CLOCK_JUMPED/)
    await setClock(0)
    await own.commitLarge(repo, pending)

    // A machine whose clock was lost starts in 1970, and is set right while it serves.
    const second = await uploadUncommitted(own, repo)
    await own.hub.stop()
    await setClock(-systemClock.nowSeconds() + HOUR)
    await own.hub.start()
    await readable()
    const early = await gc()
    assert.equal(early.code, 0, early.stdout + early.stderr)
    await own.publish(repo, 'early.bin', seededChunks(own.next(), [30_000]))
    await setClock(0)
    assert.equal((await gc()).code, 18, 'a sweep trusted a clock that had just leapt')
    await own.commitLarge(repo, second)
    await readable()
    await own.hub.stop()
    await own.hub.start()
    const last = await gc()
    assert.equal(last.code, 0, last.stdout + last.stderr)
    for (const { path, content } of [pending, second]) {
      const reply = await own.send(`/${repo}/resolve/main/${path}`, { token: own.alice })
      assert.ok(reply.body.equals(content), `${path}: ${reply.status}`)
    }
    await own.checkSound()
  })
}

function plan(lab: Lab, { cas, fileHash }: { cas: { path: string; token: string }; fileHash: string }) {
  return lab.send(`${cas.path}/v1/reconstructions/${fileHash}`, { token: cas.token })
}

/** A file of which the server has promised all, and which no commit names yet. */
async function uploadUncommitted(lab: Lab, repo: string) {
  const cas = await lab.cas(repo)
  const chunks = seededChunks(lab.next(), [40_000, 30_000])
  const xorb = forgeXorb(chunks)
  const content = Buffer.concat(chunks)
  const sha256 = createHash('sha256').update(content).digest('hex')
  assertRefused(await lab.putXorb(cas, xorb.hash, xorb.body), 200)
  const shard = forgeShard({ files: [{ ...wholeFile(xorb), sha256 }], xorbs: [listOf(xorb)] })
  assertRefused(await lab.putShard(cas, shard), 200)
  return { path: `pending-${lab.next()}.bin`, content, sha256 }
}
