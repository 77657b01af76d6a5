/** Group G: many at once. Idle connections, half sent headers, requests whose client goes away. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { systemClock } from '../../../src/base/clock.ts'
import { allowOpenFiles, closeCrowd, openCrowd } from '../../farm/crowd.ts'
import type { HubSettings } from '../../farm/hub-process.ts'
import type { Experiments } from '../experiment.ts'
import { seededChunks } from '../forge.ts'
import type { Lab } from '../lab.ts'

const CROWD = 10_000
/** Some are kept for files, git and databases. */
const FILES = CROWD + 3_000
const ROOMY: HubSettings = { before: ['prlimit', `--nofile=${FILES}:${FILES}`] }
const GOOD_MS_MAX = 5_000
const BYTES_PER_CONNECTION_MAX = 32 * 1024
/** What the server allows for headers, its own look every second, and a second for us to hear of it. */
const HEADERS_MS = 15_000
const HEADERS_LATE_MS = 3_000
const SERVED_MS = 5_000
const CANCELLED = 1_000
/** What they asked for is still begun on a busy machine, before it is seen that nobody waits. */
const FORGOTTEN_MS = 80_000

export const CROWD_EXPERIMENTS: Experiments = {
  G1: (lab) => lab.withAnother(ROOMY, servesBesideIdleCrowd),
  G2: (lab) => lab.withAnother(ROOMY, endsSlowHeaders),
  G26: forgetsTheCancelled,
}

/** G1: 10,000 connections that were served once and stay open; a good client does not notice. */
async function servesBesideIdleCrowd(lab: Lab): Promise<string> {
  allowOpenFiles(FILES)
  const before = lab.openFiles()
  const memory = lab.hub.memory().now
  const { host } = new URL(lab.hub.url)
  const sockets = await openCrowd(lab.hub.url, CROWD, async (socket) => {
    socket.write(`GET /livez HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    await once(socket, 'data')
  })
  try {
    const bytesEach = (lab.hub.memory().now - memory) / CROWD
    const worst = await worstGood(lab)
    const held = sockets.filter(({ readyState }) => readyState === 'open').length
    assert.equal(held, CROWD, `only ${held} of ${CROWD} connections are still open`)
    assert.ok(worst < GOOD_MS_MAX, `a good request took ${worst} ms`)
    assert.ok(bytesEach < BYTES_PER_CONNECTION_MAX, `a connection costs ${Math.round(bytesEach)} bytes`)
    return `${(bytesEach / 1024).toFixed(1)} KiB a connection, a good request ${Math.round(worst)} ms`
  } finally {
    closeCrowd(sockets)
    await filesBackTo(lab, before)
  }
}

async function worstGood(lab: Lab): Promise<number> {
  let worst = 0
  for (let i = 0; i < 10; i++) {
    const begun = systemClock.monotonicMs()
    await lab.checkSound()
    worst = Math.max(worst, systemClock.monotonicMs() - begun)
  }
  return worst
}

/** G2: headers that never end are answered 408 in time, all of them, and meanwhile others are served. */
async function endsSlowHeaders(lab: Lab): Promise<string> {
  allowOpenFiles(FILES)
  const before = lab.openFiles()
  const { host } = new URL(lab.hub.url)
  const ends: Promise<{ text: string; ms: number }>[] = []
  let own = 0
  const sockets = await openCrowd(lab.hub.url, CROWD, (socket) => {
    socket.write(`GET /api/whoami-v2 HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `)
    ends.push(endOf(socket))
  })
  try {
    const drip = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write('a')
    }, 4_000)
    const lag = ownLag((ms) => {
      own = Math.max(own, ms)
    })
    const worst = await worstGood(lab)
    const answers = await Promise.all(ends)
    clearInterval(drip)
    clearInterval(lag)
    const refused = answers.filter(({ text }) => text.startsWith('HTTP/1.1 408 ')).length
    assert.equal(refused, CROWD, `${refused} of ${CROWD} were answered 408`)
    const slowest = answers.reduce((most, { ms }) => Math.max(most, ms), 0)
    assert.ok(slowest < HEADERS_MS + HEADERS_LATE_MS + 2 * own, `the last one ended after ${Math.round(slowest)} ms`)
    assert.ok(worst < GOOD_MS_MAX, `a good request took ${worst} ms`)
    return `${refused} of ${CROWD} ended within ${(slowest / 1000).toFixed(1)} s, a good request ${Math.round(worst)} ms`
  } finally {
    closeCrowd(sockets)
    await filesBackTo(lab, before)
  }
}

/** How late our own timers run: what we measure of others is no better than that. */
function ownLag(report: (ms: number) => void): NodeJS.Timeout {
  let expected = systemClock.monotonicMs() + 100
  return setInterval(() => {
    const now = systemClock.monotonicMs()
    report(now - expected)
    expected = now + 100
  }, 100)
}

/** The first of what is answered, and how long the connection lived. */
function endOf(socket: Socket): Promise<{ text: string; ms: number }> {
  const begun = systemClock.monotonicMs()
  let text = ''
  socket.on('data', (part: Buffer) => {
    if (text.length < 100) text += part.toString('latin1')
  })
  return new Promise((resolve) => {
    socket.once('close', () => resolve({ text, ms: systemClock.monotonicMs() - begun }))
  })
}

/** The first good answer; what is busy for a moment is asked again, for five seconds. */
async function servedSoon(ask: () => ReturnType<Lab['send']>) {
  const end = systemClock.monotonicMs() + SERVED_MS
  for (;;) {
    const reply = await ask()
    if (reply.status === 200 || systemClock.monotonicMs() > end) return reply
    assert.equal(reply.status, 503, reply.body.toString().slice(0, 300))
    await systemClock.sleep(100)
  }
}

/** G26: 1,000 clients of all kinds go away at one moment; nothing of them stays. */
async function forgetsTheCancelled(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const file = await lab.publish(repo, 'large.bin', seededChunks(lab.next(), new Array(40).fill(100_000)))
  const { host } = new URL(lab.hub.url)
  const cas = file.cas
  const auth = `Host: ${host}\r\nAuthorization: Bearer`
  const upload = `Content-Length: 5000000\r\n\r\n${'x'.repeat(1000)}`
  const requests = [
    `GET /${repo}/resolve/main/large.bin HTTP/1.1\r\n${auth} ${lab.alice}\r\n\r\n`,
    `GET /api/models/${repo}/tree/main?expand=true HTTP/1.1\r\n${auth} ${lab.alice}\r\n\r\n`,
    `GET /api/models?full=true HTTP/1.1\r\n${auth} ${lab.alice}\r\n\r\n`,
    `POST ${cas.path}/v1/xorbs/default/${'a'.repeat(64)} HTTP/1.1\r\n${auth} ${cas.token}\r\n${upload}`,
    `POST ${cas.path}/v1/shards HTTP/1.1\r\n${auth} ${cas.token}\r\n${upload}`,
    `POST /api/models/${repo}/commit/main HTTP/1.1\r\n${auth} ${lab.alice}\r\n${upload}`,
  ]
  const stored = await lab.hub.storedFiles()
  const before = lab.openFiles()
  const log = (await lab.hub.logTail()).length
  const sockets = await openCrowd(lab.hub.url, CANCELLED, (socket, i) => {
    socket.write(requests[i % requests.length] as string)
  })
  closeCrowd(sockets)
  await filesBackTo(lab, before)
  await storedBackTo(lab, stored)
  const said = (await lab.hub.logTail()).slice(log)
  assert.doesNotMatch(said, /unhandled|request failed by a bug/i, said)
  lab.checkSameProcess()
  const whole = await servedSoon(() => lab.send(`/${repo}/resolve/main/large.bin`, { token: lab.alice }))
  const differs = `${whole.body.length} of ${file.content.length} bytes came, ${await lab.hub.logTail()}`
  assert.ok(whole.body.equals(file.content), `the file is not served whole afterwards: ${differs}`)
}

/** A few more are fine: databases and git helpers come and go. */
async function filesBackTo(lab: Lab, before: number): Promise<void> {
  const end = systemClock.monotonicMs() + FORGOTTEN_MS
  while (lab.openFiles() > before + 20) {
    assert.ok(systemClock.monotonicMs() < end, `${lab.openFiles()} files are open, ${before} were`)
    await systemClock.sleep(50)
  }
}

/** What a broken commit had begun goes when its git process has ended. */
async function storedBackTo(lab: Lab, before: readonly string[]): Promise<void> {
  const end = systemClock.monotonicMs() + FORGOTTEN_MS
  for (;;) {
    const left = (await lab.hub.storedFiles()).filter((path) => !before.includes(path))
    if (left.length === 0) return
    assert.ok(systemClock.monotonicMs() < end, `left behind: ${left.slice(0, 5)}`)
    await systemClock.sleep(100)
  }
}
