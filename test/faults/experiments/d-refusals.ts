/** Group D: a Hub or CAS that refuses for a while, or for ever: what is renewed, what is waited for, and how long. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AppError } from '../../../src/base/app-error.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { planRetry, retryDelayMs } from '../../../src/base/retry.ts'
import type { Answer, Exchange, Lie, LyingProxy } from '../../farm/lying-proxy.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { assertRefusedWith, assertRight, isFileRead, partsIn, pullLied, pullWeights, WEIGHT_BYTES } from '../pulls.ts'
import { isReconstruction, isXorbRead } from '../spoil.ts'

const SPEED = 20
/** What starting the command and the rest of the pull may take, in seconds. */
const SLACK = 3

type Wanted = (exchange: Exchange) => boolean

const isRevision: Wanted = ({ path }) => path.includes('/revision/')
const isToken: Wanted = ({ path }) => path.includes('/xet-read-token/')

export const REFUSAL_EXPERIMENTS: Experiments = {
  D1: (lab) => renews(lab, 403),
  async D2(lab) {
    const pulled = await pullLied(lab, (exchange, answer) => (isXorbRead(exchange) ? refused(403) : answer))
    await assertRefusedWith(pulled, pulled.weights, 11)
  },
  async D3(lab) {
    await renews(lab, 401)
    await keepsWhenUnauthorized(lab)
  },
  async D4(lab) {
    for (const wanted of [isRevision, isFileRead]) {
      const waits = await waitsOf(lab, wanted, [{ 'retry-after': '2' }])
      assert.ok((waits[0] as number) >= 2 && (waits[0] as number) < 3, `waited ${waits} s`)
    }
    await asksRarely(lab)
  },
  async D5(lab) {
    const at = (ms: number) => ({ 'retry-after': new Date(systemClock.nowMs() + ms).toUTCString() })
    const [later] = await waitsOf(lab, isRevision, [at(3500)])
    assert.ok((later as number) > 1 && (later as number) < 3.6, `waited ${later} s for a moment to come`)
    const [past] = await waitsOf(lab, isRevision, [at(-90_000)])
    assert.ok((past as number) < 0.5, `waited ${past} s for a moment that is over`)
  },
  async D6(lab) {
    const waits = await waitsOf(lab, isFileRead, [{}, {}])
    const [first, second] = waits as [number, number]
    assert.ok(first >= 0.74 && first < 1.5 && second >= 1.49 && second < 2.5, `waited ${waits} s`)
  },
  async D7(lab) {
    const plain = await pullLied(lab, () => refused(429), { speed: SPEED })
    await assertRefusedWith(plain, plain.weights, 12, /429/)
    const asked = await pullLied(lab, () => refused(429, { 'retry-after': '7' }), { speed: SPEED })
    await assertRefusedWith(asked, asked.weights, 12, /wait 7 s/)
    for (const { seconds } of [plain, asked]) assert.ok(seconds < 35 + SLACK * SPEED, `took ${seconds} s`)
    return `given up after ${plain.seconds.toFixed(0)} and ${asked.seconds.toFixed(0)} s`
  },
  async D8(lab) {
    for (const wanted of [isRevision, isFileRead]) {
      const lie: Lie = (exchange, answer) => (wanted(exchange) ? refused(429, { 'retry-after': '99999999' }) : answer)
      const pulled = await pullLied(lab, lie, { isPlain: true })
      await assertRefusedWith(pulled, pulled.weights, 12, /99999999 s/)
      assert.equal(pulled.proxy.exchanges.filter(wanted).length, 1, 'it was asked again')
    }
  },
  async D9(lab) {
    for (const statuses of [
      [500, 502],
      [503, 504],
    ]) {
      await Promise.all(statuses.map((status) => outlivesThree(lab, status)))
    }
  },
  D10: keepsSchedule,
}

export function refused(status: number, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: Buffer.from('{"error":"no"}') }
}

/** Addresses end in the middle of the file; for 401 the token does as well. One new plan serves all who wait. */
async function renews(lab: Lab, status: 401 | 403): Promise<void> {
  let [plans, served, refusals] = [0, 0, 0]
  const lie: Lie = (exchange, answer) => {
    if (isReconstruction(exchange)) {
      if (status === 401 && plans === 1 && refusals++ === 0) return refused(401)
      plans++
    }
    return isXorbRead(exchange) && plans < 2 && served++ > 0 ? refused(403) : answer
  }
  const prepare = (proxy: LyingProxy) => {
    // Addresses name the second in which they end: new ones are to be others.
    proxy.onRequest = (exchange) => systemClock.sleep(isReconstruction(exchange) && plans === 1 ? 1100 : 0)
  }
  const pulled = await pullLied(lab, lie, { prepare })
  await assertRight(pulled, pulled.weights)
  assert.equal(plans, 2, 'another number of plans was asked for')
  assert.equal(pulled.proxy.exchanges.filter(isToken).length, status === 401 ? 2 : 1, 'tokens asked for')
  assert.equal(pulled.finished.stderr, '', 'the user was told')
}

/** No token is given any more: what came is kept, and the next pull goes on there. */
async function keepsWhenUnauthorized(lab: Lab): Promise<void> {
  for (const isPlain of [false, true]) {
    let [plans, served] = [0, 0]
    const pulled = await pullLied(
      lab,
      (exchange, answer) => {
        if (isReconstruction(exchange) && plans++ > 0) return refused(401)
        if (isXorbRead(exchange) && served++ > 0) return refused(403)
        if (!isFileRead(exchange)) return answer
        if (served++ > 0) return refused(401)
        return { ...answer, deliver: (reply) => reply.writeHead(200).write(half(answer), () => reply.destroy()) }
      },
      { isPlain },
    )
    await assertRefusedWith(pulled, pulled.weights, 11)
    assert.equal((await partsIn(pulled.target)).length, 1, 'what came was not kept')
    const again = await pullLied(lab, (_exchange, answer) => answer, { folder: pulled.folder, isPlain })
    await assertRight(again, again.weights)
    const moved = again.proxy.exchanges.filter((one) => isXorbRead(one) || isFileRead(one))
    const bytes = moved.reduce((sum, one) => sum + one.bytes, 0)
    assert.ok(bytes < 0.85 * WEIGHT_BYTES, `${bytes} bytes came again`)
  }
}

function half({ body }: Answer): Buffer {
  return body.subarray(0, body.length >> 1)
}

/** Refuses the first requests with these headers each; the seconds between one and the next. */
async function waitsOf(lab: Lab, wanted: Wanted, headers: readonly Record<string, string>[]): Promise<number[]> {
  let refusals = 0
  const lie: Lie = (exchange, answer) => {
    if (!wanted(exchange) || refusals >= headers.length) return answer
    return refused(429, headers[refusals++])
  }
  const pulled = await pullLied(lab, lie, { isPlain: true })
  await assertRight(pulled, pulled.weights)
  return gapsOf(pulled.proxy.exchanges.filter(wanted))
}

function gapsOf(exchanges: readonly Exchange[]): number[] {
  return exchanges.slice(1).map(({ atMs }, i) => (atMs - (exchanges[i] as Exchange).atMs) / 1000)
}

/** A storage that asks to wait is not asked again by each stream all the time. */
async function asksRarely(lab: Lab): Promise<void> {
  let until = Number.POSITIVE_INFINITY
  const lie: Lie = (exchange, answer) => {
    if (!isXorbRead(exchange)) return answer
    if (until === Number.POSITIVE_INFINITY) until = exchange.atMs + 1500
    return exchange.atMs < until ? refused(429, { 'retry-after': '2' }) : answer
  }
  const pulled = await pullLied(lab, lie)
  await assertRight(pulled, pulled.weights)
  const early = pulled.proxy.exchanges.filter((one) => isXorbRead(one) && one.status === 429).length
  assert.ok(early <= 8, `asked ${early} times by four streams that were told to wait`)
}

/** Every request is refused three times before it is answered. */
async function outlivesThree(lab: Lab, status: number): Promise<void> {
  const hits = new Map<string, number>()
  for (const isPlain of [false, true]) {
    const pulled = await pullLied(
      lab,
      ({ path, requestHeaders: { range = '' } }, answer) => {
        const key = `${path} ${range} ${isPlain}`
        const hit = hits.get(key) ?? 0
        hits.set(key, hit + 1)
        return hit < 3 ? refused(status) : answer
      },
      { speed: 4 * SPEED, isPlain },
    )
    await assertRight(pulled, pulled.weights)
  }
}

/** Never a shorter wait than the one before, none above the cap, all together bounded: by rule, and as a server sees it. */
async function keepsSchedule(lab: Lab): Promise<string> {
  const settings = fc.record({
    retries: fc.integer({ min: 0, max: 50 }),
    firstMs: fc.integer({ min: 0, max: 60_000 }),
    factor: fc.double({ min: 1, max: 100, noNaN: true }),
    capMs: fc.integer({ min: 0, max: 600_000 }),
    retryAfterMsMax: fc.integer({ min: 0, max: 600_000 }),
  })
  const asked = fc.option(fc.double({ min: 0, max: 1e15, noNaN: true }))
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(settings, asked, random, (policy, retryAfterMs, spread) => {
      const error = new AppError('busy', 'UPSTREAM_BUSY', 'no', { data: retryAfterMs === null ? {} : { retryAfterMs } })
      let total = 0
      for (let retry = 0; ; retry++) {
        const delayMs = planRetry(policy, retry, error, spread)
        if (delayMs === null) return retry <= policy.retries
        assert.ok(delayMs >= 0 && delayMs <= Math.max(policy.capMs, policy.retryAfterMsMax))
        assert.ok(retry === 0 || retryDelayMs(policy, retry) >= retryDelayMs(policy, retry - 1))
        total += delayMs
        assert.ok(total <= policy.retries * Math.max(policy.capMs, policy.retryAfterMsMax))
      }
    }),
  )
  const pulled = await pullLied(lab, () => refused(503), { speed: SPEED })
  assert.equal(pulled.finished.code, 18)
  const waits = gapsOf(pulled.proxy.exchanges).map((seconds) => seconds * SPEED)
  assert.equal(waits.length, 5, 'another number of attempts')
  waits.forEach((wait, i) => {
    assert.ok(wait >= 0.7 * 2 ** i, `waited ${waits} s`)
  })
  const dead = await pullWeights(lab, pulled.weights, { endpoint: 'http://127.0.0.1:9', speed: SPEED })
  assert.equal(dead.finished.code, 14)
  assert.ok(dead.seconds < 31 + SLACK * SPEED, `took ${dead.seconds} s`)
  return `waited ${waits.map((wait) => wait.toFixed(1)).join(', ')} s`
}
