import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { createIo } from './output.ts'
import {
  countOf,
  formatBytes,
  formatSeconds,
  Progress,
  type ProgressMode,
  printable,
  progressMode,
} from './progress.ts'

function watch(mode: ProgressMode, secondsBetween: number, columns = 100) {
  const out: string[] = []
  const err: string[] = []
  const streams = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
  }
  const io = createIo({ json: mode === 'json' }, streams, new AbortController().signal)
  const clock = new ManualClock()
  const progress = new Progress(mode, io, { write: (text) => err.push(text), columns }, clock)
  progress.on({ event: 'plan', files: 2, bytes: 4_000_000 })
  for (let i = 0; i < 4; i++) {
    clock.advance(secondsBetween)
    progress.on({ event: 'bytes', path: 'weights/\x1b[31mmodel.bin', bytes: 1_000_000 })
  }
  progress.end()
  return { out, err }
}

test('redraws one line on a terminal, within its width, and wipes it at the end', () => {
  const { out, err } = watch('tty', 1)
  expect(out).toEqual([])
  expect(err).toHaveLength(5)
  expect(err[1]).toContain('50 %')
  expect(err[1]).toContain('2.00 MB of 4.00 MB, 1.00 MB/s, 2.0 s left, 0 of 2 files')
  expect(err[1]?.split('\x1b[2K')[1]?.length).toBeLessThan(100)
  expect(err.at(-1)).toBe('\r\x1b[2K')
  expect(err.slice(0, 4).join('')).not.toContain('\x1b[31m')
})

test('leaves the bar out where there is no room for it', () => {
  const line = watch('tty', 1, 20).err[1]?.split('\x1b[2K')[1]
  expect(line).toContain(' 50 %  2.00 MB')
  expect(line?.length).toBeLessThan(20)
})

test('says a line every ten seconds where there is no terminal', () => {
  expect(watch('plain', 4).err).toEqual(['3.00 MB of 4.00 MB, 250 kB/s, 4.0 s left, 0 of 2 files\n'])
})

test('gives events, or nothing at all', () => {
  const { out, err } = watch('json', 1)
  expect(err).toEqual([])
  expect(JSON.parse(out.at(-1) as string)).toMatchObject({ event: 'progress', bytes: 4_000_000, bytesTotal: 4_000_000 })
  expect(watch('none', 60)).toEqual({ out: [], err: [] })
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
  expect(printable('a\x1b[2J\u202eb')).toBe('a\\x1b[2J\\x202eb')
})
