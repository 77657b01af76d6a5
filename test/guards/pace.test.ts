/** Senders and readers that crawl, with windows of seconds in place of minutes; and those that are only slow. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { BODIES_HELD_BYTES_MAX } from '../../src/http/limits.ts'
import { file, HubServer } from '../hub/hub-server.ts'

const PACE = { senderMs: 1_500, readerMs: 1_500, bytesMin: 2_000, lookMs: 100 }
const MIB = 1 << 20
let hub: HubServer
beforeAll(async () => {
  hub = await HubServer.start({ pace: PACE })
  await hub.create('x')
  await hub.commit('alice/x', [await hub.upload('alice/x', 'large.bin', randomBytes(40 * MIB))])
})
afterAll(() => hub.remove())

function opened(head: string): Socket {
  const socket = connect(hub.port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.write(`${head}Host: localhost\r\nAuthorization: Bearer ${hub.alice}\r\n`)
  return socket
}

const commitOf = (length: number) =>
  opened(`POST /api/models/alice/x/commit/main HTTP/1.1\r\nContent-Length: ${length}\r\n`)

/** Sends so much every 100 ms until it is answered or ended; gives the answer's first line, or null. */
async function drip(socket: Socket, body: Buffer, bytes: number): Promise<string | null> {
  socket.write('\r\n')
  const answered = new Promise<string | null>((resolve) => {
    socket.once('data', (data) => resolve(data.toString('latin1').split('\r\n', 1)[0] ?? null))
    socket.once('close', () => resolve(null))
  })
  for (let at = 0; at < body.length && !socket.destroyed; at += bytes) {
    socket.write(body.subarray(at, at + bytes))
    await systemClock.sleep(100)
  }
  const line = await answered
  socket.destroy()
  return line
}

const lines = (content: string) =>
  Buffer.from(
    [{ key: 'header', value: { summary: 'slow' } }, file('slow.txt', content)]
      .map((line) => JSON.stringify(line))
      .join('\n'),
  )

test('a body that comes byte by byte is ended, one that is steady is not, however long it takes', async () => {
  const body = lines('x'.repeat(12_000))
  const [crawling, standing, steady] = await Promise.all([
    drip(commitOf(body.length), body, 5),
    drip(commitOf(2 * body.length), body.subarray(0, 1), 1),
    drip(commitOf(body.length), body, 300),
  ])
  expect([crawling, standing, steady]).toEqual([null, null, 'HTTP/1.1 200 OK'])
})

/** Reads a download at so many bytes every 100 ms; gives how much came before the end of the connection or of it all. */
async function sip(bytes: number, most: number): Promise<{ got: number; isEnded: boolean }> {
  const socket = opened('GET /alice/x/resolve/main/large.bin HTTP/1.1\r\n')
  socket.write('Connection: close\r\n\r\n')
  let got = 0
  let isEnded = false
  socket.once('close', () => {
    isEnded = true
  })
  socket.pause()
  const begun = systemClock.monotonicMs()
  while (!isEnded && got < most && systemClock.monotonicMs() - begun < 8_000) {
    await systemClock.sleep(100)
    if (bytes > 0) got += (socket.read(Math.min(bytes, socket.readableLength || 1)) as Buffer | null)?.length ?? 0
  }
  socket.destroy()
  return { got, isEnded }
}

test('a reader that takes nothing is ended, with what was held for it; one that is slow is not', async () => {
  const standing = opened('GET /alice/x/resolve/main/large.bin HTTP/1.1\r\n')
  standing.write('\r\n')
  standing.pause()
  const connections = () =>
    new Promise<number>((resolve, reject) =>
      hub.parts.server.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    )
  const [slow] = await Promise.all([
    sip(512 * 1024, 20 * MIB),
    expect
      .poll(connections, { timeout: 10_000 })
      .toBe(1)
      .then(() => expect.poll(connections, { timeout: 10_000 }).toBe(0)),
  ])
  expect(slow).toEqual({ got: expect.any(Number), isEnded: false })
  expect(slow.got).toBeGreaterThan(4 * MIB)
  standing.destroy()
})

test('many bodies at once are refused before they fill the memory, and the memory is free again', async () => {
  const body = Buffer.from(`{"content":"${'x'.repeat(7 * MIB)}"}`)
  const count = Math.ceil(BODIES_HELD_BYTES_MAX / body.length) + 4
  const sockets = Array.from({ length: count }, () =>
    opened(`POST /api/validate-yaml HTTP/1.1\r\nContent-Length: ${body.length + 1}\r\n`),
  )
  const answers: string[] = []
  for (const socket of sockets) {
    socket.on('data', (data) => answers.push(data.toString('latin1')))
    socket.write('\r\n')
    socket.write(body)
  }
  await expect.poll(() => answers.join(''), { timeout: 40_000 }).toMatch(/^HTTP\/1.1 503 [\s\S]*BODIES_BUSY/)
  for (const socket of sockets) socket.destroy()
  const ask = () => hub.ask('/api/validate-yaml', { method: 'POST', body: '{"content":""}' })
  await expect.poll(async () => (await ask()).status).toBe(200)
})
