/** Group D: connections that break, end early, fall silent or crawl. What came counts; what is missing is asked for again. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { Answer, Exchange, Lie } from '../../farm/lying-proxy.ts'
import { ToxicProxy, type Toxics } from '../../farm/toxic-proxy.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { assertRefusedWith, assertRight, isFileRead, pullLied, pullWeights, WEIGHT_BYTES, weightsOf } from '../pulls.ts'
import { isXorbRead } from '../spoil.ts'

const CUTS = 20
/** Of a cut: the chunk that was not whole, and what a socket held. */
const LOST_BYTES_MAX = 160 * 1024
/** Headers, plan and listing, all together. */
const AROUND_BYTES = 64 * 1024
const IDLE_SECONDS = 30
/** Each is left after half a minute. */
const ATTEMPTS = 6
/** Four streams, and a second try beside each. */
const READS_AT_ONCE = 8
/** The wait before the next attempt, and a busy machine. */
const RETRY_SECONDS = 10

export const BROKEN_EXPERIMENTS: Experiments = {
  D11: (lab) => resumes(lab, { cutBy: 'reset' }, CUTS),
  D12: (lab) => resumes(lab, { cutBy: 'fin' }, 6),
  async D13(lab) {
    for (const deliver of [sendChunked, sendUntilClosed]) {
      for (const isPlain of [false, true]) {
        await outlives(lab, { isPlain, reads: 6, deliver: (reply, answer) => deliver(reply, answer, 0.6), speed: 10 })
      }
    }
    for (const isPlain of [false, true]) {
      const short: Deliver = (reply, answer) => sendChunked(reply, answer, 0)
      const { pulled } = await pullSpoilt(lab, { isPlain, reads: Number.POSITIVE_INFINITY, deliver: short, speed: 20 })
      await assertRefusedWith(pulled, pulled.weights, 14)
    }
  },
  D14: outlivesSilence,
  async D15(lab) {
    const crawl: Deliver = (reply, { status, headers, body }) => {
      reply.writeHead(status, { ...headers, 'content-length': body.length })
      let at = 0
      const timer = setInterval(() => reply.write(body.subarray(at, ++at)), 1000 / CRAWL_SPEED)
      reply.on('close', () => clearInterval(timer))
    }
    for (const isPlain of [true, false]) {
      const { proxy, spoilt } = await outlives(lab, {
        isPlain,
        reads: isPlain ? 1 : 4,
        deliver: crawl,
        speed: CRAWL_SPEED,
      })
      const seconds = CRAWL_SPEED * switchOf(spoilt[0] as Exchange, proxy.exchanges)
      assert.ok(seconds < 2 * IDLE_SECONDS, `${isPlain ? 'plain' : 'Xet'}: asked again after ${seconds} s`)
    }
  },
}

const CRAWL_SPEED = 10

type Deliver = (reply: ServerResponse, answer: Answer) => void

interface Spoilt {
  readonly isPlain: boolean
  /** How many reads of the file's bytes are answered so. */
  readonly reads: number
  readonly deliver: Deliver
  readonly speed?: number
}

async function pullSpoilt(lab: Lab, { isPlain, reads, deliver, speed = 1 }: Spoilt) {
  let hits = 0
  const spoilt: Exchange[] = []
  const lie: Lie = (exchange, answer) => {
    if (!isData(exchange) || answer.status >= 300 || hits++ >= reads) return answer
    spoilt.push(exchange)
    return { ...answer, deliver: (reply) => deliver(reply, answer) }
  }
  const pulled = await pullLied(lab, lie, { isPlain, speed })
  return { pulled, hits, spoilt }
}

function isData(exchange: Exchange): boolean {
  return isXorbRead(exchange) || isFileRead(exchange)
}

async function outlives(lab: Lab, spoilt: Spoilt) {
  const { pulled, hits, spoilt: reads } = await pullSpoilt(lab, spoilt)
  await assertRight(pulled, pulled.weights)
  assert.ok(hits > spoilt.reads, 'it was right although nothing was asked for again')
  return { ...pulled, spoilt: reads }
}

/** A share of the body in chunks, ended as if it were all. */
function sendChunked(reply: ServerResponse, { status, headers, body }: Answer, share: number): void {
  const { 'content-length': _length, ...rest } = headers
  reply.writeHead(status, rest).end(body.subarray(0, Math.floor(share * body.length)))
}

/** Without a length: the end of the connection is the end of the body. */
function sendUntilClosed(reply: ServerResponse, { status, headers, body }: Answer, share: number): void {
  const lines = Object.entries(headers).filter(([name]) => !/^(content-length|connection|keep-alive)$/.test(name))
  const head = [`HTTP/1.1 ${status} X`, ...lines.map(([name, value]) => `${name}: ${value}`), 'connection: close']
  reply.socket?.write(`${head.join('\r\n')}\r\n\r\n`)
  reply.socket?.end(body.subarray(0, Math.floor(share * body.length)))
}

/** Connections cut at random places; all together little more than the file comes. */
async function resumes(lab: Lab, toxic: Toxics, cuts: number): Promise<string> {
  const weights = await weightsOf(lab)
  const ratios: string[] = []
  for (const isPlain of [false, true]) {
    const proxy = await ToxicProxy.start(lab.hub.url)
    let state = lab.next()
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 32
    }
    proxy.choose = () => (proxy.cuts < cuts ? { ...toxic, cutDownAfter: 40_000 + Math.floor(random() * 260_000) } : {})
    try {
      const pulled = await pullWeights(lab, weights, { endpoint: proxy.url, isPlain, speed: 20 })
      await assertRight(pulled, weights)
      assert.ok(proxy.cuts >= cuts, `cut ${proxy.cuts} times`)
      const allowed = WEIGHT_BYTES + AROUND_BYTES + proxy.cuts * LOST_BYTES_MAX
      assert.ok(proxy.bytesDown < allowed, `${proxy.bytesDown} bytes for ${WEIGHT_BYTES} with ${proxy.cuts} cuts`)
      ratios.push((proxy.bytesDown / WEIGHT_BYTES).toFixed(3))
    } finally {
      await proxy.close()
    }
  }
  return `moved ${ratios[0]} (Xet), ${ratios[1]} (plain) of the file's bytes`
}

const SILENCES: Readonly<Record<string, Deliver>> = {
  'before headers': () => undefined,
  'after headers': (reply, { status, headers, body }) =>
    reply.writeHead(status, { ...headers, 'content-length': body.length }).flushHeaders(),
  'after bytes': (reply, { status, headers, body }) =>
    void reply.writeHead(status, { ...headers, 'content-length': body.length }).write(body.subarray(0, 200_000)),
}

/** A read that falls silent is left within half a minute; when all do, the end comes as a network error. */
async function outlivesSilence(lab: Lab): Promise<string> {
  const seconds = new Map<string, number>()
  const once = Object.entries(SILENCES).flatMap(([name, deliver]) =>
    [false, true].map(async (isPlain) => {
      const { proxy, spoilt } = await outlives(lab, { isPlain, reads: 1, deliver })
      seconds.set(`${name} (${isPlain ? 'plain' : 'Xet'})`, switchOf(spoilt[0] as Exchange, proxy.exchanges))
    }),
  )
  await Promise.all(once)
  const told = [...seconds].map(([name, count]) => `${name} ${count.toFixed(1)} s`).join(', ')
  assert.ok(Math.max(...seconds.values()) < IDLE_SECONDS + RETRY_SECONDS, told)
  for (const isPlain of [false, true]) {
    const silent = { isPlain, reads: Number.POSITIVE_INFINITY, speed: 60 }
    const { pulled, hits } = await pullSpoilt(lab, { ...silent, deliver: SILENCES['before headers'] as Deliver })
    await assertRefusedWith(pulled, pulled.weights, 14)
    assert.ok(hits <= (isPlain ? 1 : READS_AT_ONCE) * ATTEMPTS, `asked ${hits} times`)
  }
  return told
}

/** Seconds until the same bytes, or the rest of them, were asked for again. */
function switchOf(silent: Exchange, exchanges: readonly Exchange[]): number {
  const next = exchanges.find(({ path, atMs }) => path === silent.path && atMs > silent.atMs)
  return ((next?.atMs ?? Number.POSITIVE_INFINITY) - silent.atMs) / 1000
}
