/** Group D: answers without end, answers of somebody else, and a file that is listed and not there. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { Exchange, Intercept, Lie, LyingProxy } from '../../farm/lying-proxy.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { assertRefusedWith, isFileRead, partsIn, pullLied } from '../pulls.ts'
import { isReconstruction, isXorbRead } from '../spoil.ts'

const ENDLESS_BYTES = 2 ** 30
/** The limit on JSON, and what sockets hold. */
const TAKEN_BYTES_MAX = 80 << 20
/** Four streams, and each asks in two ways. */
const READS_MAX = 8
const PAGE = Buffer.from('<!DOCTYPE html><html><body>Please log in to the network</body></html>')

type Wanted = (exchange: Exchange) => boolean

const isRevision: Wanted = ({ path }) => path.includes('/revision/')
const isTree: Wanted = ({ path }) => path.includes('/tree/')

export const ANSWER_EXPERIMENTS: Experiments = {
  async D27(lab) {
    const bytes = await Promise.all([isTree, isReconstruction].map((wanted) => takesNoEnd(lab, wanted)))
    const deep = Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))
    for (const wanted of [isRevision, isTree, isReconstruction]) {
      const pulled = await pullLied(lab, (exchange, answer) => (wanted(exchange) ? { ...answer, body: deep } : answer))
      await assertRefusedWith(pulled, pulled.weights, 19, /JSON_TOO_DEEP/)
    }
    for (const wanted of [isRevision, isFileRead, isXorbRead]) {
      const lie: Lie = (exchange, answer) => {
        const headers = { ...answer.headers, 'x-long': 'x'.repeat(1 << 20) }
        return wanted(exchange) ? { ...answer, headers } : answer
      }
      const pulled = await pullLied(lab, lie, { isPlain: wanted === isFileRead })
      await assertRefusedWith(pulled, pulled.weights, 19, /REPLY_HEADERS_TOO_LARGE/)
      assert.ok(pulled.proxy.exchanges.filter(wanted).length <= READS_MAX, 'it was asked again and again')
    }
    return `read ${bytes.map((count) => count >> 20).join(' and ')} MiB of 1 GiB`
  },
  async D28(lab) {
    const portal = { status: 200, headers: { 'content-type': 'text/html' }, body: PAGE }
    const always: Wanted = () => true
    for (const wanted of [always, isTree, isReconstruction, isXorbRead, isFileRead]) {
      const lie: Lie = (exchange, answer) => (wanted(exchange) ? portal : answer)
      const pulled = await pullLied(lab, lie, { isPlain: wanted === isFileRead })
      await assertRefusedWith(pulled, pulled.weights, 13, /looks like HTML/)
      assert.deepEqual(await partsIn(pulled.target), [], 'a part is left')
      assert.ok(pulled.proxy.exchanges.filter(wanted).length <= 2 * READS_MAX, 'it was asked again and again')
    }
  },
  async D33(lab) {
    const gone = {
      status: 404,
      headers: { 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found', 'content-type': 'text/plain' },
      body: Buffer.from('Entry not found'),
    }
    const lie: Lie = (exchange, answer) => (isFileRead(exchange) ? gone : answer)
    const pulled = await pullLied(lab, lie, { isPlain: true })
    await assertRefusedWith(pulled, pulled.weights, 14, /weights\.bin.*ENTRY_NOT_FOUND|ENTRY_NOT_FOUND.*weights\.bin/)
    assert.equal(pulled.proxy.exchanges.filter(isFileRead).length, 1, 'it was asked again')
  },
}

/** An answer of a gibibyte of JSON is left long before its end. Returns how much of it was taken. */
async function takesNoEnd(lab: Lab, wanted: Wanted): Promise<number> {
  let taken = 0
  const intercept: Intercept = (exchange, reply) => {
    if (!wanted(exchange)) return false
    void sendEndless(reply, (bytes) => {
      taken += bytes
    })
    return true
  }
  const prepare = (proxy: LyingProxy) => {
    proxy.intercept = intercept
  }
  const pulled = await pullLied(lab, (_exchange, answer) => answer, { prepare })
  await assertRefusedWith(pulled, pulled.weights, 19, /REPLY_TOO_LARGE/)
  assert.ok(taken < TAKEN_BYTES_MAX, `${taken} bytes were taken`)
  return taken
}

async function sendEndless(reply: ServerResponse, onTaken: (bytes: number) => void): Promise<void> {
  const piece = Buffer.alloc(1 << 18, '[1],')
  reply.writeHead(200, { 'content-type': 'application/json', 'content-length': ENDLESS_BYTES })
  const closed = new Promise((resolve) => reply.once('close', resolve))
  for (let sent = 0; sent < ENDLESS_BYTES && !reply.destroyed; sent += piece.length) {
    if (!reply.write(piece)) await Promise.race([new Promise((resolve) => reply.once('drain', resolve)), closed])
    if (!reply.destroyed) onTaken(piece.length)
  }
}
