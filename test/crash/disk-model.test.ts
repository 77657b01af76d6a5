/** The model of a power cut keeps what was synced and nothing else; a forgotten fsync shows. */
import { expect, test } from 'vitest'
import type { DiskEvent } from './disk-event.ts'
import { type Cut, DiskModel, type Found } from './disk-model.ts'

const CONTENT = Buffer.alloc(2000, 'x')
const PUT: readonly DiskEvent[] = [
  { op: 'create', path: '/home/a/f.tmp', inode: 7 },
  { op: 'write', inode: 7, at: 0, bytes: CONTENT },
  { op: 'sync', inode: 7 },
  { op: 'rename', from: '/home/a/f.tmp', to: '/home/a/f' },
  { op: 'sync-folder', path: '/home/a' },
]

function after(events: readonly DiskEvent[], cut: Cut, seed = 0): Found {
  const model = new DiskModel('/home')
  model.layFolder('/home/a')
  model.lay('/home/a/old', 1, Buffer.from('old'))
  for (const event of events) model.take(event)
  return model.cut(cut, seed).get('a') as Found
}

const without = (op: DiskEvent['op']) => PUT.filter((event) => event.op !== op)
const names = (found: Found) => [...found.keys()].sort()

test('what was written, synced, named and synced again is there whole after every cut', () => {
  for (const cut of ['synced', 'named', 'torn'] as const) {
    for (let seed = 0; seed < 20; seed++) expect(after(PUT, cut, seed).get('f')).toEqual(CONTENT)
  }
})

test('without the fsync of the file its name leads to no bytes, or to zeros', () => {
  expect(after(without('sync'), 'synced').get('f')).toEqual(Buffer.alloc(0))
  expect(after(without('sync'), 'named').get('f')).toEqual(Buffer.alloc(CONTENT.length))
  const torn = Array.from({ length: 50 }, (_, seed) => after(without('sync'), 'torn', seed).get('f') as Buffer)
  expect(new Set(torn.map(({ length }) => length))).toEqual(new Set([0, 512, 1024, 1536, 2000]))
})

test('without the fsync of the folder the name is not there, and what it replaced is', () => {
  expect(names(after(without('sync-folder'), 'synced'))).toEqual(['old'])
  expect(names(after(without('sync-folder'), 'named'))).toEqual(['f', 'old'])
  const gone: DiskEvent = { op: 'remove', path: '/home/a/old' }
  expect(names(after([gone], 'synced'))).toEqual(['old'])
  expect(names(after([gone, { op: 'sync-folder', path: '/home/a' }], 'synced'))).toEqual([])
})

test('a folder that its parent was not synced for is lost with all that is in it', () => {
  const made: DiskEvent = { op: 'make-folder', path: '/home/b' }
  const inside: DiskEvent[] = [
    made,
    { op: 'create', path: '/home/b/g', inode: 9 },
    { op: 'sync', inode: 9 },
    { op: 'sync-folder', path: '/home/b' },
  ]
  const model = new DiskModel('/home')
  for (const event of inside) model.take(event)
  expect(model.cut('synced').has('b')).toBe(false)
  model.take({ op: 'sync-folder', path: '/home' })
  expect(names(model.cut('synced').get('b') as Found)).toEqual(['g'])
})

test('a file moved between folders can be lost when the first is synced before the second, and is in both otherwise', () => {
  const move: readonly DiskEvent[] = [
    { op: 'make-folder', path: '/home/b' },
    { op: 'sync-folder', path: '/home' },
    { op: 'rename', from: '/home/a/old', to: '/home/b/old' },
  ]
  const found = (folder: string) => {
    const model = new DiskModel('/home')
    model.layFolder('/home/a')
    model.lay('/home/a/old', 1, Buffer.from('old'))
    for (const event of [...move, { op: 'sync-folder', path: folder } as const]) model.take(event)
    const root = model.cut('synced')
    return ['a', 'b'].filter((name) => (root.get(name) as Found).has('old'))
  }
  expect(found('/home/a')).toEqual([])
  expect(found('/home/b')).toEqual(['a', 'b'])
})

test('bytes rewritten since the last fsync are the old ones, or torn, never others', () => {
  const rewrite: DiskEvent[] = [{ op: 'write', inode: 1, at: 1, bytes: Buffer.from('-w') }]
  expect(String(after(rewrite, 'synced').get('old'))).toBe('old')
  const torn = Array.from({ length: 40 }, (_, seed) => String(after(rewrite, 'torn', seed).get('old')))
  expect(new Set(torn)).toEqual(new Set(['old', 'o-w']))
  const shorter: DiskEvent[] = [{ op: 'resize', inode: 1, length: 1 }]
  expect(String(after(shorter, 'synced').get('old'))).toBe('old')
  expect(String(after([...shorter, { op: 'sync', inode: 1 }], 'synced').get('old'))).toBe('o')
})
