/** What every catalog must do. */
import { describe, expect, test } from 'vitest'
import type { Catalog } from '../../src/store/catalog.ts'

export function catalogSuite(name: string, create: () => Promise<Catalog>): void {
  describe(name, () => {
    recordsAndIndex(create)
    pathsAndLeases(create)
    removals(create)
    order(create)
  })
}

function recordsAndIndex(create: () => Promise<Catalog>): void {
  test('keeps records by kind and key, the newest value of each', async () => {
    const catalog = await create()
    const value = (text: string) => new Uint8Array(Buffer.from(text))
    await catalog.write({ records: [{ kind: 'file', key: 'a', value: value('old') }] })
    await catalog.write({
      records: [
        { kind: 'file', key: 'a', value: value('new') },
        { kind: 'xorb', key: 'a', value: value('other') },
      ],
    })
    expect(await catalog.findRecord('file', 'a')).toEqual(value('new'))
    expect(await catalog.findRecord('xorb', 'a')).toEqual(value('other'))
    expect(await catalog.findRecord('file', 'b')).toBeNull()
  })

  test('lists more records than a page, in order of key', async () => {
    const catalog = await create()
    const keys = Array.from({ length: 250 }, (_, i) => String((i * 7919) % 1000).padStart(4, '0'))
    await catalog.write({ records: keys.map((key) => ({ kind: 'file', key, value: new Uint8Array([1]) })) })
    const listed: string[] = []
    for await (const { key } of catalog.listRecords('file')) listed.push(key)
    expect(listed).toEqual([...keys].sort())
  })

  test('an index key has several values, each once', async () => {
    const catalog = await create()
    const entry = (value: string) => ({ kind: 'chunk', key: 'c', value })
    await catalog.write({ index: [entry('x2'), entry('x1'), entry('x2')] })
    await catalog.write({ index: [entry('x3'), entry('x1')] })
    expect(await catalog.findIndex('chunk', 'c', 10)).toEqual(['x1', 'x2', 'x3'])
    expect(await catalog.findIndex('chunk', 'c', 2)).toEqual(['x1', 'x2'])
    expect(await catalog.findIndex('sha256', 'c', 10)).toEqual([])
  })
}

function pathsAndLeases(create: () => Promise<Catalog>): void {
  test('finds a path of one to three references, upward only', async () => {
    const catalog = await create()
    await catalog.write({
      references: [
        { from: 'repo:1', to: 'file:a' },
        { from: 'file:a', to: 'xorb:x' },
        { from: 'xorb:x', to: 'chunk:c' },
        { from: 'chunk:c', to: 'byte:b' },
      ],
    })
    expect(await catalog.hasPath(['repo:1'], 'file:a')).toBe(true)
    expect(await catalog.hasPath(['repo:2', 'repo:1'], 'xorb:x')).toBe(true)
    expect(await catalog.hasPath(['repo:1'], 'chunk:c')).toBe(true)
    expect(await catalog.hasPath(['repo:1'], 'byte:b')).toBe(false)
    expect(await catalog.hasPath(['xorb:x'], 'file:a')).toBe(false)
    expect(await catalog.hasPath(['file:a'], 'file:a')).toBe(false)
    expect(await catalog.hasPath([], 'file:a')).toBe(false)
    expect(await catalog.findHolders('xorb:x', 5)).toEqual(['file:a'])
  })

  test('lists what is above a name by one to three references, each page of the wanted prefix', async () => {
    const catalog = await create()
    const above = async (target: string) => {
      const found = new Set<string>()
      for await (const page of catalog.listAbove(target, 'repo:')) for (const name of page) found.add(name)
      return [...found].sort()
    }
    const many = Array.from({ length: 1000 }, (_, i) => `repo:${String(i).padStart(4, '0')}`)
    const files = Array.from({ length: 700 }, (_, i) => `file:${i}`)
    await catalog.write({
      references: [
        ...many.map((from) => ({ from, to: 'file:shared' })),
        { from: 'file:shared', to: 'xorb:x' },
        ...files.map((from) => ({ from, to: 'xorb:x' })),
        { from: 'zoo:1', to: 'file:5' },
        { from: 'repo:far', to: 'zoo:1' },
        { from: 'repo:near', to: 'file:699' },
        { from: 'repo:above', to: 'repo:far' },
        { from: 'xorb:x', to: 'chunk:c' },
      ],
    })
    expect(await above('file:shared')).toEqual(many)
    expect(await above('file:0')).toEqual([])
    expect(await above('xorb:x')).toEqual([...many, 'repo:far', 'repo:near'])
    expect(await above('chunk:c')).toEqual([...many, 'repo:near'])
    expect(await above('unknown')).toEqual([])
  })

  test('a circle of references ends', async () => {
    const catalog = await create()
    await catalog.write({
      references: [
        { from: 'a', to: 'b' },
        { from: 'b', to: 'a' },
      ],
    })
    expect(await catalog.hasPath(['c'], 'a')).toBe(false)
    expect(await catalog.hasPath(['a'], 'a')).toBe(true)
  })

  test('answers for a xorb with 8,192 holders among 1,000 readable repositories', async () => {
    const catalog = await create()
    const files = Array.from({ length: 8192 }, (_, i) => `file:${i}`)
    await catalog.write({
      references: files.flatMap((file) => [
        { from: file, to: 'xorb:x' },
        { from: 'repo:private', to: file },
      ]),
    })
    const readable = Array.from({ length: 1000 }, (_, i) => `repo:${i}`)
    expect(await catalog.hasPath(readable, 'xorb:x')).toBe(false)
    expect(await catalog.hasPath([...readable, 'repo:private'], 'xorb:x')).toBe(true)
  })

  test('a lease is lengthened, never shortened', async () => {
    const catalog = await create()
    const lease = (untilSeconds: number) => ({ leases: [{ holder: 'ann', target: 'xorb:x', untilSeconds }] })
    expect(await catalog.leaseUntil('ann', 'xorb:x')).toBe(0)
    await catalog.write(lease(100))
    await catalog.write(lease(50))
    expect(await catalog.leaseUntil('ann', 'xorb:x')).toBe(100)
    await catalog.write(lease(200))
    expect(await catalog.leaseUntil('ann', 'xorb:x')).toBe(200)
    expect(await catalog.leaseUntil('bob', 'xorb:x')).toBe(0)
  })
}

function removals(create: () => Promise<Catalog>): void {
  test('lists keys, sources by prefix and targets, more than a page, in order', async () => {
    const catalog = await create()
    const names = Array.from({ length: 230 }, (_, i) => String((i * 7919) % 1000).padStart(4, '0'))
    await catalog.write({
      records: names.map((key) => ({ kind: 'file', key, value: new Uint8Array(1) })),
      references: names.flatMap((name) => [
        { from: 'repo:1', to: `file:${name}` },
        { from: `file:${name}`, to: 'xorb:x' },
      ]),
    })
    const sorted = [...names].sort()
    expect(await listed(catalog.listKeys('file'))).toEqual(sorted)
    expect(await listed(catalog.listTargets('repo:1'))).toEqual(sorted.map((name) => `file:${name}`))
    expect(await listed(catalog.listSources('repo:'))).toEqual(['repo:1'])
    expect(await listed(catalog.listSources('file:'))).toHaveLength(230)
    expect(await listed(catalog.listSources('xorb:'))).toEqual([])
  })

  test('removes a name only while nobody refers to it and no lease on it runs', async () => {
    const catalog = await create()
    const value = new Uint8Array([1])
    await catalog.write({
      records: [{ kind: 'file', key: 'f', value }],
      references: [
        { from: 'repo:1', to: 'file:f' },
        { from: 'file:f', to: 'xorb:x' },
      ],
      leases: [{ holder: 'ann', target: 'file:f', untilSeconds: 100 }],
      index: [{ kind: 'sha256', key: 's', value: 'f' }],
    })
    const removal = {
      name: 'file:f',
      leasesAfter: 100,
      records: [{ kind: 'file', key: 'f' }],
      index: [{ kind: 'sha256', key: 's', value: 'f' }],
      put: [{ kind: 'trash', key: 'file:f', value }],
    }
    expect(await catalog.findLeased(['file:f', 'xorb:x'], 99)).toEqual(['file:f'])
    expect(await catalog.findLeased(['file:f'], 100)).toEqual([])
    expect(await catalog.removeFree([removal])).toEqual([])
    await catalog.remove({ references: [{ from: 'repo:1', to: 'file:f' }] })
    expect(await catalog.removeFree([{ ...removal, leasesAfter: 99 }])).toEqual([])
    expect(await catalog.findRecord('file', 'f')).toEqual(value)
    expect(await catalog.removeFree([removal])).toEqual(['file:f'])
    expect(await catalog.findRecord('file', 'f')).toBeNull()
    expect(await catalog.findIndex('sha256', 's', 1)).toEqual([])
    expect(await catalog.findHolders('xorb:x', 1)).toEqual([])
    expect(await catalog.leaseUntil('ann', 'file:f')).toBe(0)
    expect(await catalog.findRecord('trash', 'file:f')).toEqual(value)
    await catalog.remove({ records: [{ kind: 'trash', key: 'file:f' }] })
    expect(await catalog.findRecord('trash', 'file:f')).toBeNull()
  })
}

function order(create: () => Promise<Catalog>): void {
  test('changes that nobody waited for happen in the order in which they were asked for', async () => {
    const catalog = await create()
    const value = new Uint8Array([1])
    const removal = { name: 'file:f', leasesAfter: 0, records: [{ kind: 'file', key: 'f' }] }
    const held = { references: [{ from: 'repo:1', to: 'file:f' }] }
    const [, kept, , gone] = await Promise.all([
      catalog.write({ records: [{ kind: 'file', key: 'f', value }], ...held }),
      catalog.removeFree([removal]),
      catalog.remove(held),
      catalog.removeFree([removal]),
      catalog.write(held),
    ])
    expect([kept, gone]).toEqual([[], ['file:f']])
    expect(await catalog.findRecord('file', 'f')).toBeNull()
    expect(await catalog.findHolders('file:f', 1)).toEqual(['repo:1'])
  })

  test('what is looked at after a removal was asked for is seen as that leaves it', async () => {
    const catalog = await create()
    const names = Array.from({ length: 20 }, (_, i) => `f${i}`)
    const records = names.map((key) => ({ kind: 'file', key, value: new Uint8Array([1]) }))
    await catalog.write({ records, references: names.map((key) => ({ from: 'repo:1', to: `file:${key}` })) })
    for (const key of names) {
      const name = `file:${key}`
      const taken = catalog.remove({ references: [{ from: 'repo:1', to: name }] })
      expect(await catalog.hasPath(['repo:1'], name)).toBe(false)
      const removed = catalog.removeFree([{ name, leasesAfter: 0, records: [{ kind: 'file', key }] }])
      expect(await catalog.findRecord('file', key)).toBeNull()
      expect([await taken, await removed]).toEqual([undefined, [name]])
    }
    expect(await listed(catalog.listKeys('file'))).toEqual([])
  })
}

async function listed(names: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const name of names) all.push(name)
  return all
}
