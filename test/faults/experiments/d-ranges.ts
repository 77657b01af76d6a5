/** Group D: going on where a broken read ended, with servers that know no ranges, give others, or have another file by now. */
import assert from 'node:assert/strict'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Answer, Exchange, Lie } from '../../farm/lying-proxy.ts'
import type { Experiments } from '../experiment.ts'
import { seededBytes } from '../forge.ts'
import type { Lab } from '../lab.ts'
import {
  assertEnded,
  assertRefusedWith,
  assertRight,
  isFileRead,
  onePart,
  publishWeights,
  pullLied,
  pullWeights,
  type Weights,
  weightsOf,
} from '../pulls.ts'
import { isXorbRead } from '../spoil.ts'
import { refused } from './d-refusals.ts'

const SPEED = 20

export const RANGE_EXPERIMENTS: Experiments = {
  async D16(lab) {
    const { content } = await weightsOf(lab)
    const whole = (_exchange: Exchange, answer: Answer): Answer => {
      const { 'content-range': _range, ...headers } = answer.headers
      return { status: 200, headers, body: content }
    }
    const plain = await pullCut(lab, (exchange, answer) => (isRest(exchange) ? whole(exchange, answer) : answer))
    await assertRight(plain, plain.weights)
    let hits = 0
    const xet = await pullLied(
      lab,
      (exchange, answer) => (isXorbRead(exchange) && hits++ < 8 ? whole(exchange, answer) : answer),
      { speed: SPEED },
    )
    await assertRight(xet, xet.weights)
  },
  async D17(lab) {
    for (const change of [shifted, unnamed]) {
      let hits = 0
      const lie: Lie = (exchange, answer) => (isRest(exchange) && hits++ < 1 ? change(answer) : answer)
      const once = await pullCut(lab, lie)
      await assertRight(once, once.weights)
      const always = await pullCut(lab, (exchange, answer) => (isRest(exchange) ? change(answer) : answer), true)
      await assertRefusedWith(always, always.weights, 14, /RANGE_REPLY_WRONG/)
      const rests = always.proxy.exchanges.filter(isRest)
      assert.equal(rests.length, 3, 'a server that gives other ranges is asked three times')
      const lieXet: Lie = (exchange, answer) => (isXorbRead(exchange) ? change(answer) : answer)
      const xet = await pullLied(lab, lieXet, { speed: SPEED })
      // Some stores name no range: of the right length, what came is taken for it, and its hashes tell.
      if (change === unnamed) await assertRight(xet, xet.weights)
      else await assertRefusedWith(xet, xet.weights, 14, /RANGE_REPLY_WRONG/)
    }
  },
  async D18(lab) {
    const { content, path } = await weightsOf(lab)
    for (const [bytes, reads] of [
      [content, 0],
      [Buffer.from(seededBytes(lab.next(), content.length)), 1],
    ] as const) {
      const first = await pullBroken(lab)
      await writeFile(join(await onePart(first.target), 'data'), bytes)
      const again = await pullLied(lab, refuseRests, { folder: first.folder, isPlain: true })
      await assertRight(again, again.weights)
      const asked = again.proxy.exchanges.filter(isFileRead).length
      assert.equal(asked, reads, `${path} was asked for ${asked} times`)
    }
  },
  async D19(lab) {
    const { content } = await weightsOf(lab)
    const first = await pullBroken(lab)
    await truncate(join(await onePart(first.target), 'data'), content.length + 1_000_000)
    const longer = await pullLied(lab, refuseRests, { folder: first.folder, isPlain: true })
    await assertRight(longer, longer.weights)
    // A part of the right kind, and a server that has another idea of how long the file is.
    const second = await pullBroken(lab)
    const refusing = await pullLied(lab, refuseRests, { folder: second.folder, isPlain: true })
    await assertRight(refusing, refusing.weights)
    assert.equal(refusing.proxy.exchanges.filter(isFileRead).length, 2)
  },
  D20: seesNewFile,
  async D21(lab) {
    const zipped = ({ status, headers, body }: Answer): Answer => {
      return { status, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzipSync(body, { level: 1 }) }
    }
    const plain = await pullCut(lab, (exchange, answer) => (isRest(exchange) ? zipped(answer) : answer))
    await assertRight(plain, plain.weights)
    let hits = 0
    const lie: Lie = (exchange, answer) => (isXorbRead(exchange) && hits++ < 6 ? zipped(answer) : answer)
    const xet = await pullLied(lab, lie, { speed: SPEED })
    await assertRight(xet, xet.weights)
    const all = [...plain.proxy.exchanges, ...xet.proxy.exchanges]
    assert.ok(all.every(({ requestHeaders }) => requestHeaders['accept-encoding'] === 'identity'))
  },
}

/** Asks for the rest of the file. */
function isRest(exchange: Exchange): boolean {
  return isFileRead(exchange) && exchange.requestHeaders.range !== undefined
}

const refuseRests: Lie = (exchange, answer) => (isRest(exchange) ? refused(416) : answer)

/** By plain HTTP, the first read (or each of the whole) cut in the middle. */
function pullCut(lab: Lab, lie: Lie, always = false) {
  let hits = 0
  return pullLied(
    lab,
    (exchange, answer) => {
      const isWhole = isFileRead(exchange) && !isRest(exchange)
      if (!isWhole || (hits++ > 0 && !always)) return lie(exchange, answer)
      return cut(answer)
    },
    { isPlain: true, speed: SPEED },
  )
}

function cut(answer: Answer): Answer {
  const { body, headers } = answer
  return {
    ...answer,
    deliver: (reply) =>
      reply
        .writeHead(200, { ...headers, 'content-length': body.length })
        .write(body.subarray(0, body.length >> 1), () => reply.destroy()),
  }
}

function shifted(answer: Answer): Answer {
  const [, start = '', end = '', size = ''] =
    /bytes (\d+)-(\d+)\/(.*)/.exec(answer.headers['content-range'] ?? '') ?? []
  const range = `bytes ${Number(start) + 1}-${Number(end) + 1}/${size}`
  return { ...answer, headers: { ...answer.headers, 'content-range': range } }
}

function unnamed(answer: Answer): Answer {
  const { 'content-range': _range, ...headers } = answer.headers
  return { ...answer, headers }
}

/** A pull by plain HTTP that has half of the file and is then refused: its part stays. */
async function pullBroken(lab: Lab, weights?: Weights) {
  const lie: Lie = (exchange, answer) => {
    if (isRest(exchange)) return refused(401)
    return isFileRead(exchange) ? cut(answer) : answer
  }
  const pulled = await pullLied(lab, lie, {
    isPlain: true,
    speed: SPEED,
    ...(weights === undefined ? {} : { weights }),
  })
  await assertRefusedWith(pulled, pulled.weights, 11)
  return pulled
}

/** Between two attempts the repository gets another file of the name; or the address gives other bytes than it did. */
async function seesNewFile(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const old = await publishWeights(lab, repo)
  const first = await pullBroken(lab, old)
  const fresh = await publishWeights(lab, repo)
  const again = await pullWeights(lab, fresh, { folder: first.folder, isPlain: true })
  assertEnded(again.finished, 0)
  assert.ok((await readFile(join(again.target, fresh.path))).equals(fresh.content), 'not the new file')
  const other = Buffer.from(seededBytes(lab.next(), fresh.content.length))
  const spliced: Lie = (exchange, answer) => {
    if (!isRest(exchange)) return answer
    const from = Number(/bytes=(\d+)-/.exec(exchange.requestHeaders.range ?? '')?.[1])
    return { ...answer, headers: { ...answer.headers, etag: `"${'0'.repeat(64)}"` }, body: other.subarray(from) }
  }
  const pulled = await pullCut(lab, spliced)
  await assertRight(pulled, pulled.weights)
}
