/** RecordWork by threads gives the answers of the driver that works where it is called, and survives a thread's end. */
import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import { PAIR_BYTES } from '../xet/constants.ts'
import { chunkHash } from '../xet/hash.ts'
import { XorbBuilder } from '../xet/xorb-writer.ts'
import { RecordThreads } from './record-threads.ts'
import { inlineRecordWork, type RecordWork } from './record-work.ts'

const ENTRY = new URL('../app/record-worker.ts', import.meta.url)
const workers: Worker[] = []

function startThreads(count: number): RecordThreads {
  const start = () => {
    const worker = new Worker(ENTRY)
    workers.push(worker)
    return worker
  }
  return new RecordThreads({ count, start, log: silentLog })
}

const threads = startThreads(2)
afterAll(() => threads.close())

function xorbOf(...plains: Uint8Array[]) {
  const builder = new XorbBuilder()
  for (const plain of plains) builder.add(chunkHash(plain), plain)
  return builder.finish()
}

const plains = [randomBytes(20_000), Buffer.alloc(60_000, 'text that shrinks '), randomBytes(9_000)]
const xorb = xorbOf(...plains)
const body = () => xorb.body.slice()
/** A copy of the records in which one byte of the last payload differs. */
function spoilt(): Uint8Array<ArrayBuffer> {
  const bytes = body()
  bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1
  return bytes
}

describe.each<[string, RecordWork]>([
  ['inline', inlineRecordWork],
  ['by threads', threads],
])('%s', (_name, work) => {
  test('hashes records, in shared memory or not, and leaves them as they are', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(xorb.body.length + 7)).subarray(7)
    shared.set(xorb.body)
    for (const records of [body(), shared]) {
      expect(Buffer.from(await work.hash(records, 0)).equals(xorb.chunks.packed)).toBe(true)
      expect(Buffer.from(records).equals(xorb.body)).toBe(true)
    }
  })

  test('refuses a record that cannot be decoded, with its index', async () => {
    const bytes = body()
    bytes.set([9], 4)
    await expect(work.hash(bytes, 7)).rejects.toMatchObject({ kind: 'unsupported', code: 'COMPRESSION_UNKNOWN' })
    const short = body().slice(0, -1)
    await expect(work.hash(short, 7)).rejects.toMatchObject({
      kind: 'integrity',
      code: 'XORB_TRUNCATED',
      data: { index: 9 },
    })
  })

  test('decodes what it was told to expect, up to the first record that is something else', async () => {
    const good = await work.decode(body(), xorb.chunks.packed.slice())
    expect([Buffer.from(good.plain).equals(Buffer.concat(plains)), good.bad]).toEqual([true, null])
    const bad = await work.decode(spoilt(), xorb.chunks.packed.slice())
    expect([Buffer.from(bad.plain).equals(Buffer.concat(plains.slice(0, 2))), bad.bad]).toEqual([true, 2])
    const lying = xorb.chunks.packed.slice()
    lying[PAIR_BYTES] = (lying[PAIR_BYTES] as number) ^ 1
    expect((await work.decode(body(), lying)).bad).toBe(1)
  })

  test('takes the SHA-256 of files at the same time', async () => {
    const passes = [work.openSha256(), work.openSha256(), work.openSha256()]
    for (let round = 0; round < 3; round++) await Promise.all(passes.map((pass) => pass.add(body())))
    const { createHash } = await import('node:crypto')
    const whole = Buffer.concat([...plains, ...plains, ...plains])
    const expected = createHash('sha256').update(whole).digest('hex')
    expect(await Promise.all(passes.map((pass) => pass.digest()))).toEqual([expected, expected, expected])
    for (const pass of passes) pass.close()
  })
})

test('a thread that ends fails what it was doing, says to send it again, and is replaced', async () => {
  const pool = startThreads(1)
  const worker = workers.at(-1) as Worker
  const pass = pool.openSha256()
  await pass.add(body())
  const running = pool.hash(body(), 0)
  await worker.terminate()
  await expect(running).rejects.toMatchObject({ kind: 'busy', code: 'CHECK_INTERRUPTED' })
  await expect(pass.add(body())).rejects.toMatchObject({ kind: 'busy', code: 'CHECK_INTERRUPTED' })
  await expect(pass.digest()).rejects.toMatchObject({ code: 'CHECK_INTERRUPTED' })
  pass.close()
  expect(Buffer.from(await pool.hash(body(), 0)).equals(xorb.chunks.packed)).toBe(true)
  await pool.close()
})
