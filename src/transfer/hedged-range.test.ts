import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { HttpClient } from '../base/http-client.ts'
import { type RangeLane, readHedged } from './hedged-range.ts'
import { RangeRates } from './range-rates.ts'

const CONTENT = Buffer.alloc(3_000_000, 'some content of thirty-one bytes')
/** How the connection with this number (from 0) answers a range. */
type Answer = (socket: Socket, body: Buffer) => unknown

let server: Server
let http: HttpClient
const sockets = new Set<Socket>()
afterEach(async () => {
  await http.close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

async function serving(answerOf: (connection: number) => Answer): Promise<string> {
  let connections = 0
  server = createServer((socket) => {
    sockets.add(socket)
    const answer = answerOf(connections++)
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes) => {
      const [, start = '0', last = '0'] = /range: bytes=(\d+)-(\d+)/i.exec(bytes.toString()) ?? []
      const body = CONTENT.subarray(Number(start), Number(last) + 1)
      const head = [
        'HTTP/1.1 206 Partial Content',
        `Content-Range: bytes ${start}-${last}/${CONTENT.length}`,
        `Content-Length: ${body.length}`,
      ]
      socket.write(`${head.join('\r\n')}\r\n\r\n`)
      answer(socket, body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  http = new HttpClient({ env: {} })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/xorb`
}

const whole: Answer = (socket, body) => socket.write(body)
const stopsAfter =
  (bytes: number): Answer =>
  (socket, body) =>
    socket.write(body.subarray(0, bytes))
/** So many bytes every 100 ms. */
const trickles =
  (bytes: number): Answer =>
  (socket, body) => {
    let at = 0
    const timer = setInterval(() => {
      socket.write(body.subarray(at, at + bytes))
      at += bytes
      if (at >= body.length) clearInterval(timer)
    }, 100)
    socket.once('close', () => clearInterval(timer))
  }

async function read(url: string, rates: RangeRates, range = { start: 0, end: CONTENT.length }) {
  const open = ({ start, signal, fresh, onBytes }: RangeLane) =>
    http.range({ url, signal, fresh, onBytes }, { start, end: range.end })
  const options = { open, ...range, fresh: false, rates, signal: new AbortController().signal, clock: systemClock }
  const pieces: Uint8Array[] = []
  for await (const piece of readHedged(options)) pieces.push(Uint8Array.from(piece))
  return Buffer.concat(pieces)
}

test('a range that comes is asked for once', async () => {
  const url = await serving(() => whole)
  const rates = new RangeRates(systemClock)
  expect((await read(url, rates)).equals(CONTENT)).toBe(true)
  expect([sockets.size, rates.seconds]).toEqual([1, 0])
  sockets.clear()
})

test('a range that stands still is finished over a second connection, long before the deadline', async () => {
  const url = await serving((connection) => (connection === 0 ? stopsAfter(1_000_000) : whole))
  const rates = new RangeRates(systemClock)
  const begun = systemClock.monotonicMs()
  expect((await read(url, rates)).equals(CONTENT)).toBe(true)
  expect(systemClock.monotonicMs() - begun).toBeLessThan(15_000)
  expect(rates.seconds).toBe(1)
  sockets.clear()
}, 30_000)

test('the last range, clearly slower than the others were, is finished over a second connection', async () => {
  // 100 KB/s: 30 s alone.
  const url = await serving((connection) => (connection === 1 ? trickles(10_000) : whole))
  const rates = new RangeRates(systemClock)
  // The first range keeps its connection busy while the slow one begins.
  const quick = read(url, rates)
  const slow = read(url, rates)
  await quick
  const begun = systemClock.monotonicMs()
  expect((await slow).equals(CONTENT)).toBe(true)
  expect(systemClock.monotonicMs() - begun).toBeLessThan(15_000)
  expect(rates.seconds).toBe(1)
  sockets.clear()
}, 30_000)

test('when all are equally slow nothing is fetched twice', async () => {
  const url = await serving(() => trickles(60_000))
  const rates = new RangeRates(systemClock)
  await Promise.all([read(url, rates), read(url, rates), read(url, rates)])
  expect(rates.seconds).toBe(0)
  sockets.clear()
}, 30_000)

test('how often ranges are asked for again is bounded by what was received', () => {
  const rates = new RangeRates(systemClock)
  const meter = { stalledMs: 60_000, isHopeless: false, secondAtMs: Number.NEGATIVE_INFINITY, left: 1 } as never
  const judged = Array.from({ length: 10 }, () => {
    ;(meter as { secondAtMs: number }).secondAtMs = Number.NEGATIVE_INFINITY
    return rates.judge(meter)
  })
  expect(judged.filter((verdict) => verdict === 'second').length).toBe(4)
  rates.count(meter, 100 * 1024 * 1024)
  expect(rates.judge({ ...(meter as object), secondAtMs: Number.NEGATIVE_INFINITY } as never)).toBe('second')
})

test('what comes below any use is given up, for another attempt', async () => {
  const url = await serving(() => trickles(20))
  let now = 0
  const clock = { ...systemClock, monotonicMs: () => now + systemClock.monotonicMs() }
  const rates = new RangeRates(clock)
  const options = {
    open: ({ start, signal, onBytes }: RangeLane) =>
      http.range({ url, signal, onBytes }, { start, end: CONTENT.length }),
    start: 0,
    end: CONTENT.length,
    fresh: false,
    rates,
    signal: new AbortController().signal,
    clock,
  }
  const reading = readHedged(options).next()
  await new Promise((resolve) => setTimeout(resolve, 600))
  now = 21_000
  await expect(reading).rejects.toMatchObject({ kind: 'timeout', code: 'NO_PROGRESS' })
  sockets.clear()
})

test('an abort ends both connections at once', async () => {
  const url = await serving(() => stopsAfter(10))
  const stop = new AbortController()
  const open = ({ start, signal, onBytes }: RangeLane) => http.range({ url, signal, onBytes }, { start, end: 1000 })
  const rates = new RangeRates(systemClock)
  const reading = readHedged({
    open,
    start: 0,
    end: 1000,
    fresh: false,
    rates,
    signal: stop.signal,
    clock: systemClock,
  })
  setTimeout(() => stop.abort(new Error('enough')), 100)
  // What came before may be given first.
  const all = async () => {
    for await (const piece of reading) expect(piece.length).toBe(10)
  }
  await expect(all()).rejects.toMatchObject({ kind: 'cancelled' })
  sockets.clear()
})
