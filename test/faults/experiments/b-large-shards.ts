/** Group B: extremes of size, and a server that dies before it has answered. */
import assert from 'node:assert/strict'
import { systemClock } from '../../../src/base/clock.ts'
import { send } from '../../farm/http-send.ts'
import { ToxicProxy } from '../../farm/toxic-proxy.ts'
import {
  type ForgedXorb,
  forgeFile,
  forgeShard,
  forgeXorb,
  listOf,
  seededBytes,
  seededChunks,
  wholeFile,
} from '../forge.ts'
import { assertRefused, type Cas, type Lab } from '../lab.ts'
import { whileAsking } from '../latency-probe.ts'

const CHUNKS_MAX = 8192
const LATENCY_MS_MAX = 100

async function put(lab: Lab, cas: Cas, xorb: ForgedXorb): Promise<void> {
  const reply = await lab.putXorb(cas, xorb.hash, xorb.body)
  assert.equal(reply.status, 200, `${reply.body}`)
}

/** B17: the smallest files, and one that uses one chunk a million times. */
export async function takesExtremes(lab: Lab): Promise<string> {
  const cas = await lab.cas(await lab.freshRepo())
  const empty = await lab.putShard(
    cas,
    forgeShard({ files: [{ hash: '0'.repeat(64) as never, terms: [], ranges: [], sha256: null }] }),
  )
  assert.equal(empty.status, 200, `empty file: ${empty.body}`)
  const one = forgeXorb(seededChunks(lab.next(), [1]))
  await put(lab, cas, one)
  const single = await lab.putShard(cas, forgeShard({ files: [wholeFile(one)], xorbs: [listOf(one)] }))
  assert.equal(single.status, 200, `one chunk: ${single.body}`)
  const chunk = seededBytes(lab.next(), 40)
  const many = forgeXorb(new Array<Uint8Array>(CHUNKS_MAX).fill(chunk))
  await put(lab, cas, many)
  const times = 1_000_000
  const whole = Math.floor(times / CHUNKS_MAX)
  const ranges = new Array(whole).fill({ xorb: many, start: 0, end: CHUNKS_MAX })
  const file = forgeFile([...ranges, { xorb: many, start: 0, end: times - whole * CHUNKS_MAX }])
  const started = systemClock.monotonicMs()
  const reply = await lab.putShard(cas, forgeShard({ files: [file], xorbs: [listOf(many)] }))
  assert.equal(reply.status, 200, `a million chunks: ${reply.body}`)
  const seconds = ((systemClock.monotonicMs() - started) / 1000).toFixed(1)
  const last = await lab.send(`${cas.path}/v2/reconstructions/${file.hash}`, {
    token: cas.token,
    headers: { range: `bytes=${40 * times - 10}-${40 * times - 1}` },
  })
  assert.equal(last.status, 200, `${last.body}`)
  return `10^6 chunks in ${seconds} s`
}

/** B19: the answer is lost and the server killed around its commit; the client sends the shard again. */
export async function keepsOneCopy(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  for (const waitMs of [0, 1, 3, 8, 20]) {
    const cas = await lab.cas(repo)
    const xorb = forgeXorb(seededChunks(lab.next(), [50_000, 60_000]))
    await put(lab, cas, xorb)
    const shard = forgeShard({ files: [wholeFile(xorb)], xorbs: [listOf(xorb)] })
    const proxy = await ToxicProxy.start(lab.hub.url, { blackHoleAfter: 0 })
    const before = (await lab.hub.storedFiles()).length
    const lost = send(proxy.url, `${cas.path}/v1/shards`, { method: 'POST', token: cas.token, body: shard }).then(
      () => 'answered',
      () => 'lost',
    )
    await waitFor(async () => (await lab.hub.storedFiles()).length > before)
    await systemClock.sleep(waitMs)
    await lab.restart('SIGKILL')
    await proxy.close()
    assert.equal(await lost, 'lost')
    const again = await lab.putShard(cas, shard)
    assert.equal(again.status, 200, `after ${waitMs} ms: ${again.body}`)
    assert.equal((await lab.hub.storedFiles()).length, before + 1, 'more than one copy')
    const plan = await lab.send(`${cas.path}/v1/reconstructions/${wholeFile(xorb).hash}`, { token: cas.token })
    assert.equal(plan.status, 200, `${plan.body}`)
  }
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  const end = systemClock.monotonicMs() + 10_000
  while (!(await condition())) {
    if (systemClock.monotonicMs() > end) throw new Error('waited 10 s in vain')
    await systemClock.sleep(2)
  }
}

/** B20: few bytes that would make the server hash for minutes; others are served as if nothing were. */
export async function refusesExplosion(lab: Lab): Promise<string> {
  const cas = await lab.cas(await lab.freshRepo())
  const xorb = forgeXorb(Array.from({ length: CHUNKS_MAX }, (_, i) => seededBytes(i + 77, 2)))
  await put(lab, cas, xorb)
  const { hash, terms, ranges } = wholeFile(xorb)
  const [term] = terms
  const [range] = ranges
  assert.ok(term && range)
  // What a request takes on a busy machine when nobody attacks is not the attack's doing.
  const { worst: usual } = await whileAsking(lab.hub.url, () => systemClock.sleep(2_000))
  let worst = 0
  const times: string[] = []
  for (const count of [200, 2_000, 680_000]) {
    const file = { hash, terms: new Array(count).fill(term), ranges: new Array(count).fill(range) }
    const shard = forgeShard({ files: [file] })
    const growth = await lab.watchMemory()
    const started = systemClock.monotonicMs()
    const asked = await whileAsking(lab.hub.url, () => lab.putShard(cas, shard))
    worst = Math.max(worst, asked.worst)
    times.push(`${Math.round(systemClock.monotonicMs() - started)} ms`)
    if (count * CHUNKS_MAX > 4_000_000) assertRefused(asked.result, 413)
    assert.ok(growth() < 320 << 20, `resident memory grew by ${growth()}`)
  }
  const figure = `others within ${Math.round(worst)} ms, ${Math.round(usual)} ms without the attack`
  assert.ok(worst < LATENCY_MS_MAX + 2 * usual, figure)
  return `answers in ${times.join(', ')}; ${figure}`
}
