/** What every blob store must do. `flip` is a failing disk: it changes one stored byte behind the store's back. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AppError } from '../../src/base/app-error.ts'
import type { ByteRange } from '../../src/base/byte-range.ts'
import type { BlobInfo, BlobKey, BlobStore, OnDamage } from '../../src/store/blob-store.ts'

export interface StoreUnderTest {
  readonly store: BlobStore
  flip(key: BlobKey, offset: number): Promise<void>
}

export function blobStoreSuite(name: string, create: (onDamage?: OnDamage) => Promise<StoreUnderTest>): void {
  describe(name, () => {
    wholeBlobs(create)
    lentMemory(create)
    repeatedPuts(create)
    damagedBlobs(create)
    trashedBlobs(create)
  })
}

export const keyOf = (text: string): BlobKey => ({
  kind: 'xorb',
  name: createHash('sha256').update(text).digest('hex'),
})

export async function* segmentsOf(...segments: (Uint8Array | string)[]): AsyncIterable<Uint8Array> {
  for (const segment of segments) yield typeof segment === 'string' ? Buffer.from(segment) : segment
}

export async function readAll(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts)
}

const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'no error',
    (error: AppError) => error.code,
  )

type Create = (onDamage?: OnDamage) => Promise<StoreUnderTest>

function wholeBlobs(create: Create): void {
  test('gives back any range of any segments', async () => {
    const { store } = await create()
    let count = 0
    const shape = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(shape, fc.nat(), fc.nat(), async (segments, a, b) => {
        const key = keyOf(`range ${count++}`)
        const { info } = await store.put(key, segmentsOf(...segments))
        const whole = Buffer.concat(segments)
        expect(info.length).toBe(whole.length)
        expect([...info.ends]).toEqual(segments.map((_, i) => Buffer.concat(segments.slice(0, i + 1)).length))
        const range: ByteRange = { start: a % (whole.length + 1), end: b % (whole.length + 1) }
        expect(await readAll(store.open(key, range))).toEqual(
          whole.subarray(range.start, Math.max(range.start, range.end)),
        )
        expect(await readAll(store.open(key))).toEqual(whole)
      }),
      { numRuns: 40 },
    )
  })

  test('holds a blob above one read batch whole, and one without segments', async () => {
    const { store } = await create()
    const segments = Array.from({ length: 40 }, (_, i) => Buffer.alloc(100_000, i))
    await store.put(keyOf('big'), segmentsOf(...segments))
    expect((await readAll(store.open(keyOf('big')))).equals(Buffer.concat(segments))).toBe(true)
    await store.put(keyOf('empty'), segmentsOf())
    expect(await readAll(store.open(keyOf('empty')))).toHaveLength(0)
  })

  test('yields pieces that end where segments end', async () => {
    const { store } = await create()
    const { info } = await store.put(
      keyOf('pieces'),
      segmentsOf(...Array.from({ length: 30 }, () => Buffer.alloc(90_000))),
    )
    let at = 0
    for await (const piece of store.open(keyOf('pieces'))) {
      at += piece.length
      expect(info.ends).toContain(at)
    }
    expect(at).toBe(info.length)
  })

  test('names nothing when the iterable throws, and leaves no trace', async () => {
    const { store } = await create()
    const failing = async function* () {
      yield Buffer.alloc(600_000)
      throw new Error('the check failed')
    }
    await expect(store.put(keyOf('failing'), failing())).rejects.toThrow('the check failed')
    expect(await store.find(keyOf('failing'))).toBeNull()
    expect(await store.has(keyOf('failing'))).toBe(false)
    expect((await store.put(keyOf('failing'), segmentsOf('good'))).inserted).toBe(true)
  })
}

function lentMemory(create: Create): void {
  test('runs of segments out of one memory are stored as the same segments one by one are', async () => {
    const { store } = await create()
    const segments = Array.from({ length: 9 }, (_, i) => Buffer.alloc(1 + i * 700, i + 1))
    const { info } = await store.put(keyOf('one by one'), segmentsOf(...segments))
    async function* runs() {
      const memory = Buffer.alloc(20_000)
      for (const [from, to] of [[0, 4] as const, [4, 5] as const, [5, 9] as const]) {
        const run = segments.slice(from, to)
        const bytes = memory.subarray(0, Buffer.concat(run).copy(memory))
        yield { bytes, ends: run.map((_, i) => Buffer.concat(run.slice(0, i + 1)).length) }
        memory.fill(0xff)
      }
    }
    const stored = await store.put(keyOf('in runs'), runs())
    expect([...stored.info.ends]).toEqual([...info.ends])
    expect(stored.info.copy).toBe(info.copy)
    expect(await readAll(store.open(keyOf('in runs')))).toEqual(Buffer.concat(segments))
  })

  test('lent pieces, each looked at before the next is asked for, are the same bytes; kept, they are not', async () => {
    const { store } = await create()
    const key = keyOf('lent')
    const segments = Array.from({ length: 40 }, (_, i) => Buffer.alloc(100_000, i + 1))
    await store.put(key, segmentsOf(...segments))
    const whole = Buffer.concat(segments)
    for (const range of [undefined, { start: 150_001, end: 3_900_007 }]) {
      const copied: Buffer[] = []
      const kept: Uint8Array[] = []
      for await (const piece of store.open(key, range, { isLent: true })) {
        copied.push(Buffer.from(piece))
        kept.push(piece)
      }
      const expected = range === undefined ? whole : whole.subarray(range.start, range.end)
      expect(Buffer.concat(copied).equals(expected)).toBe(true)
      expect(Buffer.concat(kept).equals(expected)).toBe(false)
    }
  })
}

function repeatedPuts(create: Create): void {
  test('reads a put of a known key to its end, so that its checks run', async () => {
    const { store } = await create()
    await store.put(keyOf('twice'), segmentsOf('first'))
    let seen = 0
    const counted = async function* () {
      for (const part of ['fi', 'rst']) {
        seen++
        yield Buffer.from(part)
      }
    }
    expect((await store.put(keyOf('twice'), counted())).inserted).toBe(false)
    expect(seen).toBe(2)
    const failing = async function* () {
      yield Buffer.from('f')
      throw new Error('not what it claims')
    }
    await expect(store.put(keyOf('twice'), failing())).rejects.toThrow('not what it claims')
    expect((await readAll(store.open(keyOf('twice')))).toString()).toBe('first')
  })

  test('inserts one of two puts of a key at once', async () => {
    const { store } = await create()
    const both = [1, 2, 3].map(() => store.put(keyOf('race'), segmentsOf('same', 'bytes')))
    expect((await Promise.all(both)).filter(({ inserted }) => inserted)).toHaveLength(1)
    expect((await readAll(store.open(keyOf('race')))).toString()).toBe('samebytes')
  })

  test('lists what it has, by kind', async () => {
    const { store } = await create()
    const keys = ['a', 'b', 'c'].map(keyOf)
    for (const key of keys) await store.put(key, segmentsOf(key.name))
    await store.put({ ...keyOf('d'), kind: 'shard' }, segmentsOf('shard'))
    const listed: string[] = []
    for await (const name of store.list('xorb')) listed.push(name)
    expect(listed.sort()).toEqual(keys.map(({ name }) => name).sort())
  })

  test.each(['', '../../etc/passwd', 'A'.repeat(64), 'a'.repeat(63), `${'a'.repeat(63)}/`])(
    'refuses the name %j',
    async (name) => {
      const { store } = await create()
      const key: BlobKey = { kind: 'xorb', name }
      expect(await codeOf(store.put(key, segmentsOf('x')))).toBe('BLOB_KEY_BAD')
      expect(await codeOf(readAll(store.open(key)))).toBe('BLOB_KEY_BAD')
      expect(await codeOf(store.find(key))).toBe('BLOB_KEY_BAD')
    },
  )

  test('says what is not there', async () => {
    const { store } = await create()
    expect(await store.find(keyOf('absent'))).toBeNull()
    expect(await codeOf(readAll(store.open(keyOf('absent'))))).toBe('BLOB_NOT_FOUND')
    expect(await codeOf(store.quarantine(keyOf('absent'), [0]))).toBe('BLOB_NOT_FOUND')
  })
}

function damagedBlobs(create: Create): void {
  const key = keyOf('damage')
  const ten = Array.from({ length: 10 }, (_, i) => Buffer.alloc(200_000, i + 1))

  test('never yields a byte of a flipped segment, remembers it, and keeps the others readable', async () => {
    const { store, flip } = await create()
    await store.put(key, segmentsOf(...ten))
    await flip(key, 700_001)
    const got: Uint8Array[] = []
    const read = async () => {
      for await (const piece of store.open(key)) got.push(piece)
    }
    expect(await codeOf(read())).toBe('BLOB_DAMAGED')
    expect(Buffer.concat(got).length).toBeLessThanOrEqual(600_000)
    expect((await store.find(key))?.damaged).toEqual([3])
    expect(await readAll(store.open(key, { start: 0, end: 600_000 }))).toHaveLength(600_000)
    expect(await readAll(store.open(key, { start: 800_000, end: 2_000_000 }))).toHaveLength(1_200_000)
    expect(await codeOf(readAll(store.open(key, { start: 799_999, end: 800_001 })))).toBe('BLOB_DAMAGED')
  })

  test('finds one flipped bit anywhere', async () => {
    const { store, flip } = await create()
    const segments = Array.from({ length: 10 }, (_, i) => Buffer.from(`segment ${i}`))
    for (let offset = 0; offset < 90; offset++) {
      const each = keyOf(`flip ${offset}`)
      await store.put(each, segmentsOf(...segments))
      await flip(each, offset)
      expect(await codeOf(readAll(store.open(each)))).toBe('BLOB_DAMAGED')
    }
  })

  test('replaces a damaged copy by a good put', async () => {
    const { store, flip } = await create()
    const before = (await store.put(key, segmentsOf(...ten))).info
    await flip(key, 5)
    await codeOf(readAll(store.open(key)))
    expect((await store.put(key, segmentsOf(...ten))).inserted).toBe(true)
    const after = (await store.find(key)) as BlobInfo
    expect(after).toMatchObject({ damaged: [], copy: before.copy })
    expect((await readAll(store.open(key))).equals(Buffer.concat(ten))).toBe(true)
  })

  test('a replacement of other bytes is another copy, and old offsets are refused', async () => {
    const { store } = await create()
    const { copy } = (await store.put(key, segmentsOf('stored so'))).info
    await store.quarantine(key, [0])
    expect(await codeOf(readAll(store.open(key)))).toBe('BLOB_DAMAGED')
    const replaced = (await store.put(key, segmentsOf('stored', 'otherwise'))).info
    expect(replaced.copy).not.toBe(copy)
    expect(await codeOf(readAll(store.open(key, undefined, { copy })))).toBe('BLOB_REPLACED')
    expect(await readAll(store.open(key, undefined, { copy: replaced.copy }))).toHaveLength(15)
  })

  test('tells of each damaged segment once, before it is recorded', async () => {
    const told: { segments: readonly number[]; recorded: number }[] = []
    const under: StoreUnderTest = await create(async (of, segments) => {
      told.push({ segments, recorded: (await under.store.find(of))?.damaged.length ?? 0 })
    })
    await under.store.put(key, segmentsOf(...ten))
    await under.store.quarantine(key, [2, 7])
    await under.store.quarantine(key, [7, 2, 99])
    expect((await under.store.find(key))?.damaged).toEqual([2, 7])
    expect(told).toEqual([{ segments: [2, 7], recorded: 0 }])
  })

  test('a put that found the blob whole but ended after damage was found asks for the bytes again', async () => {
    const { store } = await create()
    await store.put(key, segmentsOf('whole'))
    const slow = async function* () {
      yield Buffer.from('whole')
      await store.quarantine(key, [0])
    }
    expect(await codeOf(store.put(key, slow()))).toBe('BLOB_CHANGED')
  })
}

function trashedBlobs(create: Create): void {
  const free = async () => true
  const names = async (keys: AsyncIterable<unknown>) => {
    const all: unknown[] = []
    for await (const key of keys) all.push(key)
    return all
  }

  test('a blob in the trash comes back to whoever asks for it: a reader, a look, a writer', async () => {
    const { store } = await create()
    const key = keyOf('trashed')
    await store.put(key, segmentsOf('one', 'two'))
    for (const ask of [
      async () => expect(String(await readAll(store.open(key)))).toBe('onetwo'),
      async () => expect((await store.find(key))?.length).toBe(6),
      async () => expect((await store.put(key, segmentsOf('one', 'two'))).inserted).toBe(false),
      async () => expect(await store.restore(key)).toBe(true),
    ]) {
      expect(await store.trash(key, free)).toBeGreaterThanOrEqual(6)
      expect(await names(store.listTrash())).toEqual([key])
      expect(await names(store.list('xorb'))).toEqual([])
      await ask()
      expect(await names(store.listTrash())).toEqual([])
      expect(await names(store.list('xorb'))).toEqual([key.name])
    }
    expect(await store.restore(key)).toBe(false)
  })

  test('what is found in use stays, in its place and in the trash', async () => {
    const { store } = await create()
    const key = keyOf('wanted')
    expect(await store.trash(key, free)).toBeNull()
    await store.put(key, segmentsOf('one'))
    expect(await store.trash(key, async () => false)).toBeNull()
    expect(await names(store.list('xorb'))).toEqual([key.name])
    expect(await store.purge(key, free)).toBeNull()
    await store.trash(key, free)
    expect(await store.purge(key, async () => false)).toBeNull()
    expect(await store.purge(key, free)).toBeGreaterThanOrEqual(3)
    expect(await store.has(key)).toBe(false)
    expect(await codeOf(readAll(store.open(key)))).toBe('BLOB_NOT_FOUND')
    expect((await store.put(key, segmentsOf('one'))).inserted).toBe(true)
  })

  test('what is known to be damaged is so after the trash too', async () => {
    const { store } = await create()
    const key = keyOf('damaged and trashed')
    await store.put(key, segmentsOf('one', 'two'))
    await store.quarantine(key, [1])
    await store.trash(key, free)
    expect((await store.find(key))?.damaged).toEqual([1])
  })

  test('lists from any name on', async () => {
    const { store } = await create()
    const keys = ['a', 'b', 'c', 'd', 'e'].map(keyOf)
    for (const key of keys) await store.put(key, segmentsOf('x'))
    const sorted = keys.map(({ name }) => name).sort()
    expect(await names(store.list('xorb', sorted[2]))).toEqual(sorted.slice(3))
    expect(await names(store.list('xorb'))).toEqual(sorted)
  })
}
