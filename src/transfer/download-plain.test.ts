import { createHash } from 'node:crypto'
import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { closeServer, listen } from '../../test/farm/fake-origin.ts'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { type Clock, ManualClock, systemClock } from '../base/clock.ts'
import { HttpClient } from '../base/http-client.ts'
import { RETRY_POLICY } from '../base/retry.ts'
import { downloadPlainFile } from './download-plain.ts'

const CONTENT = splitmix64(1, 300_000)
const SHA256 = createHash('sha256').update(CONTENT).digest('hex')
const entry = { path: 'a.bin', size: CONTENT.length, oid: 'b'.repeat(40), sha256: SHA256, xetHash: null }
const retry = { ...RETRY_POLICY, retries: 2, firstMs: 1 }
const http = new HttpClient({ env: {}, retry })

type Answer = (from: number | null, response: ServerResponse, hit: number) => void

let folder: string
let file: FileHandle
let server: Server | null = null
/** What each request asked for: where its range begins, null without one. */
let asked: (number | null)[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-plain-'))
  file = await open(join(folder, 'file'), 'w+')
  asked = []
})
afterEach(async () => {
  await file.close()
  await rm(folder, { recursive: true })
  if (server !== null) await closeServer(server)
})

/** The file's bytes from `from` on, of which `bytes` are sent before the connection is cut. */
function sendRest(response: ServerResponse, from: number | null, bytes = Number.POSITIVE_INFINITY): void {
  const body = CONTENT.subarray(from ?? 0)
  const range = { 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` }
  response.writeHead(from === null ? 200 : 206, { 'content-length': body.length, ...(from === null ? {} : range) })
  if (bytes >= body.length) response.end(body)
  else response.write(body.subarray(0, bytes), () => response.destroy())
}

async function download(answer: Answer): Promise<void> {
  server = createServer(({ headers }, response) => {
    const from = /^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1]
    asked.push(from === undefined ? null : Number(from))
    answer(asked.at(-1) ?? null, response, asked.length - 1)
  })
  const request = { url: `${await listen(server)}/a.bin` }
  await downloadPlainFile({ http, request, entry, file, onBytes: () => undefined, retry })
  expect(await readFile(join(folder, 'file'))).toEqual(Buffer.from(CONTENT))
}

test('D11 D12 a connection that breaks again and again, more often than there are retries, goes on where it was', async () => {
  await download((from, response, hit) => sendRest(response, from, hit < 8 ? 30_000 : undefined))
  expect(asked.length).toBe(9)
  expect(asked.slice(1).every((from, i) => from !== null && from > (asked[i] ?? 0))).toBe(true)
})

test('what an earlier attempt left is kept when it is right, and thrown away when it is not', async () => {
  await file.write(CONTENT.subarray(0, 100_000))
  await download(sendRestOf)
  expect(asked).toEqual([100_000])
  await file.write('changed', 50)
  await download(sendRestOf)
  // It was whole, but wrong: nothing is asked for before that is known.
  expect(asked).toEqual([100_000, null])
})

const sendRestOf: Answer = (from, response) => sendRest(response, from)

test('D21 a range that comes encoded has the file asked for whole', async () => {
  await file.write(CONTENT.subarray(0, 1000))
  await download((from, response) => {
    if (from !== null) response.setHeader('content-encoding', 'gzip')
    sendRest(response, from)
  })
  expect(asked).toEqual([1000, null])
})

test('D15 a connection that crawls is left for another one, which goes on there', async () => {
  const clock = new ManualClock()
  server = createServer(({ headers }, response) => {
    const from = /^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1]
    asked.push(from === undefined ? null : Number(from))
    if (asked.length > 1) return sendRest(response, asked.at(-1) ?? null)
    response.writeHead(200, { 'content-length': CONTENT.length })
    // Byte by byte, a second apart by the downloader's clock.
    let at = 0
    const timer = setInterval(() => response.write(CONTENT.subarray(at, ++at)), 5)
    response.on('close', () => clearInterval(timer))
  })
  const onBytes = (count: number) => clock.advance(asked.length === 1 ? count : 0)
  const request = { url: `${await listen(server)}/a.bin` }
  await downloadPlainFile({ http, request, entry, file, onBytes, retry, clock: withRealSleep(clock) })
  expect(await readFile(join(folder, 'file'))).toEqual(Buffer.from(CONTENT))
  // Bytes that came together count together.
  expect(asked).toEqual([null, expect.toSatisfy((at: number) => at >= 20 && at <= 60)])
})

function withRealSleep(clock: ManualClock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    nowSeconds: () => clock.nowSeconds(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: () => systemClock.sleep(1),
  }
}

test('E7 bytes that a disk says it has written and has not are fetched again', async () => {
  let writes = 0
  const lying: FileHandle = new Proxy(file, {
    get(target, name) {
      if (name !== 'write') return Reflect.get(target, name).bind(target)
      return (bytes: Uint8Array, from: number, length: number, at: number) =>
        // Ten bytes of the third write.
        writes++ === 2 ? { bytesWritten: 10 } : target.write(bytes, from, length, at)
    },
  })
  server = createServer((_request, response) => {
    asked.push(null)
    sendRest(response, null)
  })
  const request = { url: `${await listen(server)}/a.bin` }
  await downloadPlainFile({ http, request, entry, file: lying, onBytes: () => undefined, retry })
  expect(await readFile(join(folder, 'file'))).toEqual(Buffer.from(CONTENT))
  expect(asked).toHaveLength(2)
})

test('D16 a server that ignores the range has the file begun anew', async () => {
  await file.write(CONTENT.subarray(0, 1000))
  await download((_from, response) => sendRest(response, null))
  expect(asked).toEqual([1000])
})

test('D17 a wrong Content-Range has the whole asked for; three times end it', async () => {
  await file.write(CONTENT.subarray(0, 1000))
  await download((from, response) => sendRest(response, from === null ? null : from + 1))
  expect(asked).toEqual([1000, null])
  const cutThenWrong: Answer = (from, response, hit) => {
    if (from === null) sendRest(response, null, 20_000 + hit)
    else sendRest(response, from + 1)
  }
  await file.truncate(1000)
  await expect(download(cutThenWrong)).rejects.toMatchObject({ kind: 'upstream', code: 'RANGE_REPLY_WRONG' })
})

test('a server that ignores ranges and always breaks at the same place does not keep us for ever', async () => {
  const broken = download((_from, response) => sendRest(response, null, 20_000))
  await expect(broken).rejects.toMatchObject({ kind: 'network' })
  expect(asked.length).toBeLessThan(8)
})

test('D18 a part that is complete is proved without a request, D19 a longer one begun anew', async () => {
  await file.write(CONTENT)
  await download((_from, response) => response.writeHead(500).end())
  expect(asked).toEqual([])
  await file.write('longer', CONTENT.length)
  await download(sendRestOf)
  expect(asked).toEqual([null])
})

test('D13 a reply without length that ends early is no success', async () => {
  await download((from, response, hit) => {
    if (hit > 0) return sendRest(response, from)
    response.writeHead(200, { 'transfer-encoding': 'chunked' })
    response.end(CONTENT.subarray(0, 10_000))
  })
  expect(asked).toEqual([null, 10_000])
})

test('bytes that stay wrong are an integrity error after the second whole attempt', async () => {
  const wrong = CONTENT.slice().fill(7, 500, 600)
  const answer: Answer = (_from, response) => response.writeHead(200, { 'content-length': wrong.length }).end(wrong)
  await expect(download(answer)).rejects.toMatchObject({ kind: 'integrity', code: 'CONTENT_MISMATCH' })
  expect(asked).toEqual([null, null])
})
