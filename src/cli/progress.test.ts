import { expect, test, vi } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { createIo } from './output.ts'
import { Progress, type ProgressMode, progressMode } from './progress.ts'
import { countOf, formatAge, formatBytes, formatSeconds, printable } from './quantities.ts'

const SIZES = new Map([
  ['weights/\x1b[31mmodel.bin', 3_000_000],
  ['here.bin', 1_000_000],
])

function watch(mode: ProgressMode, secondsBetween: number, columns = 100) {
  const out: string[] = []
  const err: string[] = []
  const streams = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
  }
  const io = createIo({ json: mode === 'json' }, streams, new AbortController().signal)
  const clock = new ManualClock()
  const progress = new Progress(mode, io, { write: (text) => err.push(text), columns, rows: 30 }, clock)
  progress.on({ event: 'plan', files: 2, bytes: 4_000_000, sizes: SIZES })
  progress.on({ event: 'bytes', path: 'here.bin', bytes: 1_000_000 })
  progress.on({ event: 'file', file: { path: 'here.bin', source: 'cache', bytes: 1_000_000 } })
  for (let i = 0; i < 3; i++) {
    clock.advance(secondsBetween)
    progress.on({ event: 'bytes', path: 'weights/\x1b[31mmodel.bin', bytes: 1_000_000 })
  }
  return { out, err, clock, progress }
}

/** What stands on the terminal after the last drawing. */
const drawn = (err: readonly string[]) => (err.at(-1)?.split('\x1b[J')[1] ?? '').split('\n')

test('redraws on a terminal: the files at work, the whole, where it comes from; and wipes it all at the end', () => {
  const { out, err, progress } = watch('tty', 1)
  expect(out).toEqual([])
  const [file = '', whole = '', sources = ''] = drawn(err)
  expect(file).toMatch(/^weights\/\\x1b\[31mmodel\.bin +█{12} 100 % +3\.00 MB of 3\.00 MB$/)
  expect(whole).toBe('████████████████████ 100 %  4.00 MB of 4.00 MB  1.00 MB/s  0.0 s left')
  expect(sources).toBe('1 of 2 files, 1.00 MB from the cache, 3.00 MB from the origin')
  expect(Math.max(...drawn(err).map((line) => line.length))).toBeLessThan(100)
  // Up over the two lines above the last before anything is drawn again.
  expect(err.at(-1)?.startsWith('\x1b[2A\r\x1b[J')).toBe(true)
  expect(err.join('')).not.toContain('\x1b[31m')
  progress.end()
  expect(err.at(-1)).toBe('\x1b[2A\r\x1b[J')
})

test('what was in the cache is no part of the speed', () => {
  const [, whole = ''] = drawn(watch('tty', 4).err)
  expect(whole).toContain('250 kB/s')
})

test('leaves the bars out where there is no room for them', () => {
  const lines = drawn(watch('tty', 1, 40).err)
  expect(lines).toEqual(['100 %  4.00 MB of 4.00 MB  1.00 MB/s'])
})

test('bars of signs that every terminal has, where the locale has no others', () => {
  const before = process.env.LC_ALL
  process.env.LC_ALL = 'C'
  try {
    expect(drawn(watch('tty', 1).err)[1]).toMatch(/^#{20} 100 %/)
  } finally {
    if (before === undefined) delete process.env.LC_ALL
    else process.env.LC_ALL = before
  }
})

test('the whole never goes back, though a file is fetched again', () => {
  const { err, clock, progress } = watch('tty', 1)
  progress.on({ event: 'bytes', path: 'weights/\x1b[31mmodel.bin', bytes: -3_000_000 })
  clock.advance(1)
  progress.on({ event: 'bytes', path: 'weights/\x1b[31mmodel.bin', bytes: 500_000 })
  expect(drawn(err)[0]).toContain('500 kB of 3.00 MB')
  expect(drawn(err)[1]).toContain('4.00 MB of 4.00 MB')
  progress.end()
})

test('says a line every ten seconds where there is no terminal', () => {
  expect(watch('plain', 4).err).toEqual(['4.00 MB of 4.00 MB, 250 kB/s, 0.0 s left, 1 of 2 files\n'])
})

test('says it also when nothing comes', async () => {
  vi.useFakeTimers()
  try {
    const { err, clock, progress } = watch('plain', 1)
    clock.advance(10)
    await vi.advanceTimersByTimeAsync(10_000)
    clock.advance(10)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(err).toHaveLength(2)
    expect(err[1]).toContain(' 0 B/s')
    progress.end()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(err).toHaveLength(2)
  } finally {
    vi.useRealTimers()
  }
})

test('gives events, or nothing at all', () => {
  const { out, err } = watch('json', 1)
  expect(err).toEqual([])
  const figures = { event: 'progress', bytes: 4_000_000, bytesTotal: 4_000_000, cache: 1_000_000, files: 1 }
  expect(JSON.parse(out.at(-1) as string)).toMatchObject(figures)
  expect(watch('none', 60)).toMatchObject({ out: [], err: [] })
})

test('chooses by what is there to see it, and refuses an unknown wish', () => {
  const streams = { stdout: { write: () => true }, stderr: { write: () => true } }
  const io = (flags: object) => createIo({ ...flags }, streams, new AbortController().signal)
  const screen = { write: () => true, isTTY: true }
  expect(progressMode({}, io({}), screen)).toBe('tty')
  expect(progressMode({}, io({ json: true }), screen)).toBe('none')
  expect(progressMode({}, io({ quiet: true }), screen)).toBe('none')
  expect(progressMode({}, io({}), { write: () => true })).toBe('plain')
  expect(progressMode({ progress: 'json' }, io({}), screen)).toBe('json')
  expect(() => progressMode({ progress: 'loud' }, io({}), screen)).toThrow(/--progress is auto/)
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [999_600, '1.00 MB'],
  [70_300_003, '70.3 MB'],
  [1_073_741_824, '1.07 GB'],
])('writes %d bytes as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test('counts one thing as one', () => {
  expect([countOf(0, 'file'), countOf(1, 'file'), countOf(2, 'file')]).toEqual(['0 files', '1 file', '2 files'])
})

test('writes durations and foreign names for people', () => {
  expect([0.04, 59, 61, 3700, Number.NaN].map(formatSeconds)).toEqual(['0.0 s', '59 s', '1 min 1 s', '1 h 1 min', '?'])
  expect([500, 5000, 90_000, 7_200_000, 90_000_000].map(formatAge)).toEqual([
    ...['now', '5 s ago', '1 min ago', '2 h ago', '1 d ago'],
  ])
  expect(printable('a\x1b[2J\u202eb')).toBe('a\\x1b[2J\\x202eb')
})
