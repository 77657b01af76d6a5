/** Groups G and J: clients that send too slowly, for ever, only half, or in shapes that two readers read differently. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../../src/base/clock.ts'
import { connectTo, untilClosed } from '../../farm/crowd.ts'
import type { HubSettings } from '../../farm/hub-process.ts'
import type { Experiments } from '../experiment.ts'
import { forgeRecord, forgeXorb, seededBytes, seededChunks } from '../forge.ts'
import { assertRefused, JSON_TYPE, type Lab } from '../lab.ts'

/** The server's minutes last two seconds. */
const FASTER = 30
/** Readers are given more time than senders. */
const FASTEST = 60
/** Its clock runs fast, its processor does not: a busy machine needs more of ours. */
const DROPPED_MS = 90_000
const STEADY_BYTES_PER_SECOND = (FASTER * 1_000_000) / 8
const ENDLESS_MEMORY_MAX = 256 << 20

export const SENDER_EXPERIMENTS: Experiments = {
  G3: (lab) => lab.withAnother(fast(FASTER), dropsSlowBodies),
  G5: boundsEndlessBodies,
  G6: refusesSmuggling,
  J6: servesBesideHalfRequests,
  J8: (lab) => lab.withAnother(fast(FASTEST), dropsReadersThatStandStill),
}

function fast(factor: number): HubSettings {
  const preload = new URL('../../farm/fast-clock.ts', import.meta.url).href
  return { env: { NODE_OPTIONS: `--import=${preload}`, FAST_CLOCK: String(factor) } }
}

/** G3: one byte a second is dropped, whatever it is for; 1 Mbit/s is taken to its end, minutes later. */
async function dropsSlowBodies(lab: Lab): Promise<string> {
  const cas = await lab.cas()
  const { hash, body } = forgeXorb(seededChunks(lab.next(), new Array(250).fill(100_000)))
  const length = 1_000_000
  const posts = [
    { path: `${cas.path}/v1/xorbs/default/${hash}`, token: cas.token },
    { path: `${cas.path}/v1/shards`, token: cas.token },
    { path: '/api/models/alice/good/commit/main', token: lab.alice },
    { path: '/api/repos/create', token: lab.alice },
  ]
  const begun = systemClock.monotonicMs()
  const dropped = posts.map(async ({ path, token }) => {
    const socket = await post(lab, path, { token, length })
    const drip = setInterval(() => socket.write('{'), 1000 / FASTER)
    const end = await untilClosed(socket, DROPPED_MS)
    clearInterval(drip)
    socket.destroy()
    assert.notEqual(end, null, `1 byte a second is still taken for ${path}`)
    return (systemClock.monotonicMs() - begun) * FASTER
  })
  const steady = lab.putXorb(cas, hash, atPace(body)).then((reply) => {
    assert.equal(reply.status, 200, `a steady upload: ${reply.status} ${reply.body}`)
    return (systemClock.monotonicMs() - begun) * FASTER
  })
  const [lastedMs, ...droppedMs] = await Promise.all([steady, ...dropped])
  const [lasted, slowest] = [lastedMs / 1000, Math.max(...droppedMs) / 1000]
  return `1 B/s dropped within ${Math.round(slowest)} s, 1 Mbit/s taken for ${Math.round(lasted)} s`
}

async function post(lab: Lab, path: string, { token, length }: { token: string; length: number }): Promise<Socket> {
  const socket = await connectTo(lab.hub.url)
  const { host } = new URL(lab.hub.url)
  const head = [`POST ${path} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${token}`, `Content-Length: ${length}`]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  return socket
}

async function* atPace(body: Uint8Array): AsyncIterable<Uint8Array> {
  const begun = systemClock.monotonicMs()
  const piece = 16 * 1024
  for (let at = 0; at < body.length; at += piece) {
    const due = begun + (at / STEADY_BYTES_PER_SECOND) * 1000
    await pause(Math.max(due - systemClock.monotonicMs(), 0))
    yield body.subarray(at, at + piece)
  }
}

/** G5: a body without end is refused at the limit of what it is for, in little memory, and leaves nothing. */
async function boundsEndlessBodies(lab: Lab): Promise<string> {
  const cas = await lab.cas()
  const record = forgeRecord({ payload: seededBytes(lab.next(), 65_536), plainLength: 65_536 })
  const text = Buffer.alloc(65_536, ' ')
  const targets = [
    { path: '/api/repos/create', token: lab.alice, piece: text, limit: 8 << 20 },
    { path: '/api/validate-yaml', token: lab.alice, piece: text, limit: 8 << 20 },
    { path: '/alice/good.git/info/lfs/objects/batch', token: lab.alice, piece: text, limit: 8 << 20 },
    { path: '/api/models/alice/good/preupload/main', token: lab.alice, piece: text, limit: 64 << 20 },
    { path: '/api/models/alice/good/commit/main', token: lab.alice, piece: text, limit: 64 << 20 },
    { path: `${cas.path}/v1/xorbs/default/${'a'.repeat(64)}`, token: cas.token, piece: record, limit: 68 << 20 },
    { path: `${cas.path}/v1/shards`, token: cas.token, piece: text, limit: 64 << 20 },
  ]
  const growth = await lab.watchMemory()
  await lab.leavesNothing(async () => {
    for (const { path, token, piece, limit } of targets) {
      let sent = 0
      const endless = async function* () {
        for (; sent < 4 * limit; sent += piece.length) yield piece
      }
      const reply = await lab.send(path, { method: 'POST', token, headers: JSON_TYPE, body: endless() })
      assertRefused(reply, 413)
      assert.ok(sent < 2 * limit + (96 << 20), `${path} took ${sent >> 20} MiB`)
    }
  })
  const grown = growth()
  assert.ok(grown < ENDLESS_MEMORY_MAX, `resident memory grew by ${grown >> 20} MiB`)
  return `memory +${grown >> 20} MiB`
}

/** G6: what two readers could read differently is refused, the connection ends, and no hidden request runs. */
async function refusesSmuggling(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const { host } = new URL(lab.hub.url)
  const gone = JSON.stringify({ organization: 'alice', name: repo.split('/')[1], type: 'model' })
  const auth = `Host: ${host}\r\nAuthorization: Bearer ${lab.alice}\r\n`
  const hidden = `DELETE /api/repos/delete HTTP/1.1\r\n${auth}Content-Type: application/json\r\nContent-Length: ${gone.length}\r\n\r\n${gone}`
  const head = `POST /api/validate-yaml HTTP/1.1\r\n${auth}`
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`
  const shapes = [
    `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    `${head}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${hidden}`,
    `${head}Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    `${head}Content-Length: 0, ${hidden.length}\r\n\r\n${hidden}`,
    `${head}Content-Length: +0\r\n\r\n${hidden}`,
    `${head}Content-Length: -1\r\n\r\n${hidden}`,
    `${head}Content-Length: 0x10\r\n\r\n${hidden}`,
    `${head}Content-Length : 0\r\n\r\n${hidden}`,
    `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`,
    `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
    `${head}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n${hidden}`,
    `${chunked}g\r\n\r\n${hidden}`,
    `${chunked}-1\r\n\r\n${hidden}`,
    `${chunked}0x5\r\nhello\r\n0\r\n\r\n${hidden}`,
    `${chunked}ffffffffffffffffff\r\n${hidden}`,
    `${chunked}5\nhello\n0\n\n${hidden}`,
    `${chunked}5\r\nhelloXX0\r\n\r\n${hidden}`,
    `${chunked.replaceAll('\r\n', '\n')}0\n\n${hidden}`,
    `GET /livez HTTP/1.1\nHost: ${host}\n\n${hidden}`,
    `GET /livez HTTP/1.1\rHost: ${host}\r\r${hidden}`,
    `GET /livez HTTP/1.1\r\n Host: ${host}\r\n\r\n${hidden}`,
    `GET /livez HTTP/1.1\r\nHost: ${host}\r\nX: a\r\n\tb: c\x00\r\n\r\n${hidden}`,
    `GET /livez HTTP/9.9\r\nHost: ${host}\r\n\r\n${hidden}`,
  ]
  await lab.leavesNothing(async () => {
    for (const shape of shapes) {
      const socket = await connectTo(lab.hub.url)
      socket.write(shape, 'latin1')
      const text = await untilClosed(socket, 5_000)
      socket.destroy()
      const name = JSON.stringify(shape.slice(0, shape.length - hidden.length).replace(lab.alice, 'T'))
      assert.notEqual(text, null, `the connection stays open after ${name}`)
      assert.match(text ?? '', /^HTTP\/1\.1 400 /, `${name} got ${text?.slice(0, 60)}`)
      assert.equal(text?.match(/HTTP\/1\.1 \d/g)?.length, 1, `${name} was read as two requests`)
    }
  })
  assertRefused(await lab.send(`/api/models/${repo}`, { token: lab.alice }), 200)
}

/** J6: halves of requests stay open; others are served as before. */
async function servesBesideHalfRequests(lab: Lab): Promise<string> {
  const cas = await lab.cas()
  const usual = await worstOf(lab)
  const { host } = new URL(lab.hub.url)
  const halves = [
    'GE',
    `GET /api/whoami-v2 HTTP/1.1\r\nHost: ${host}\r\nAuthor`,
    `POST /api/repos/create HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${lab.alice}\r\nContent-Length: 100\r\n\r\n{"na`,
    `POST ${cas.path}/v1/shards HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${cas.token}\r\nContent-Length: 100000\r\n\r\nHF`,
    `POST /api/models/alice/good/commit/main HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${lab.alice}\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"key"`,
  ]
  const sockets: Socket[] = []
  for (const half of halves) {
    const socket = await connectTo(lab.hub.url)
    socket.write(half)
    sockets.push(socket)
  }
  const worst = await worstOf(lab)
  assert.ok(
    sockets.every(({ closed }) => !closed),
    'a half was ended before the others were asked',
  )
  for (const socket of sockets) socket.destroy()
  assert.ok(worst < 10 * usual + 500, `${worst} ms beside halves, ${usual} ms without`)
  return `worst of 20 requests ${Math.round(worst)} ms, without halves ${Math.round(usual)} ms`
}

async function worstOf(lab: Lab): Promise<number> {
  let worst = 0
  for (let i = 0; i < 20; i++) {
    const begun = systemClock.monotonicMs()
    const reply = await lab.send('/api/models/alice/good/tree/main', { token: lab.alice })
    assert.equal(reply.status, 200)
    worst = Math.max(worst, systemClock.monotonicMs() - begun)
  }
  return worst
}

const READERS = 20
/** A piece that is sent, one that is decoded, one that is read, and what the heap grows by meanwhile. */
const HELD_BYTES_MAX = 6 << 20

/** J8: who takes nothing of an answer costs little and is dropped; who takes it slowly gets all of it. */
async function dropsReadersThatStandStill(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const file = await lab.publish(repo, 'large.bin', seededChunks(lab.next(), new Array(180).fill(100_000)))
  const { host } = new URL(lab.hub.url)
  const head = `GET /${repo}/resolve/main/large.bin HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${lab.alice}\r\n\r\n`
  const before = lab.openFiles()
  const growth = await lab.watchMemory()
  const readers = await Promise.all(Array.from({ length: READERS }, () => connectTo(lab.hub.url)))
  for (const socket of readers) socket.pause().write(head)
  const steady = await connectTo(lab.hub.url)
  steady.pause().write(head)
  // The slow one holds its connection and its file.
  const [taken] = await Promise.all([takeSlowly(steady, file.content.length), untilDropped(lab, before + 4)])
  const grown = growth()
  for (const socket of readers) socket.destroy()
  assert.ok(grown < READERS * HELD_BYTES_MAX, `memory grew by ${grown >> 20} MiB for ${READERS} readers`)
  assert.ok(taken.subarray(-file.content.length).equals(file.content), 'the slow reader got other bytes')
  return `memory +${grown >> 20} MiB for ${READERS} readers`
}

async function untilDropped(lab: Lab, files: number): Promise<void> {
  const end = systemClock.monotonicMs() + DROPPED_MS
  while (lab.openFiles() > files) {
    assert.ok(systemClock.monotonicMs() < end, `${lab.openFiles()} files are open: readers that stand still hold them`)
    await pause(50)
  }
}

/** Some bytes every now and then, at a pace far below the sender's. */
async function takeSlowly(socket: Socket, length: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let left = Number.POSITIVE_INFINITY
  while (left > 0) {
    const part: Buffer | null = socket.read()
    if (part !== null) {
      // The headers come with the first bytes.
      left = parts.length === 0 ? part.indexOf('\r\n\r\n') + 4 + length - part.length : left - part.length
      parts.push(part)
    } else if (!socket.closed) await Promise.race([once(socket, 'readable'), once(socket, 'close')])
    else throw new Error(`cut ${left} bytes short of ${length}`)
    await pause(5)
  }
  socket.destroy()
  return Buffer.concat(parts)
}
