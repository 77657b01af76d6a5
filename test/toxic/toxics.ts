/** What is done to connections, and what may come of it: the right bytes, or one of these ends. */
import type { Toxics } from '../farm/toxic-proxy.ts'

export type Way = 'pull by Xet' | 'pull by plain HTTP' | 'push'

export interface ToxicRow {
  readonly name: string
  /** Of a connection by its number, from 1. */
  readonly toxics: (connection: number) => Toxics
  /** So many times as fast runs the command's clock, where waiting is what it does. */
  readonly speed?: number
  readonly ways?: readonly Way[]
  /** Exit codes besides 0 by which it may end; none unless said. */
  readonly mayEnd?: readonly number[]
  /** What no retry can mend must not end well. */
  readonly mustEnd?: boolean
}

const PULLS = ['pull by Xet', 'pull by plain HTTP'] as const
/** In the middle of the first bodies, whatever headers are. */
const MIDDLE = 700_000
const first = (count: number, toxics: Toxics) => (connection: number) => (connection <= count ? toxics : {})
const always = (toxics: Toxics) => () => toxics

export const TOXICS: readonly ToxicRow[] = [
  { name: 'none', toxics: always({}) },
  { name: 'latency 30 ms a piece', toxics: always({ latencyMs: 30 }) },
  { name: 'bandwidth 3 MB/s a connection', toxics: always({ bytesPerSecond: 3e6 }) },
  { name: '1-byte pieces for 30 kB, then 1 kB', toxics: always({ sliceBytes: 1, slicedBytes: 30_000 }) },
  { name: 'headers at 200 B/s', toxics: always({ trickledBytes: 250, trickleMs: 5 }) },
  { name: 'reset after 700 kB, every time', toxics: always({ cutDownAfter: MIDDLE }), speed: 10, ways: PULLS },
  {
    name: 'clean end after 700 kB, every time',
    toxics: always({ cutDownAfter: MIDDLE, cutBy: 'fin' }),
    speed: 10,
    ways: PULLS,
  },
  { name: 'reset on the way up, four times', toxics: first(4, { cutUpAfter: MIDDLE }), speed: 10, ways: ['push'] },
  {
    ...{ name: 'reset on the way up, every time', toxics: always({ cutUpAfter: MIDDLE }), speed: 10, ways: ['push'] },
    ...{ mayEnd: [14], mustEnd: true },
  },
  { name: 'black hole after 700 kB, twice', toxics: first(2, { blackHoleAfter: MIDDLE }), speed: 10, ways: PULLS },
  {
    ...{ name: 'black hole, every time', toxics: always({ blackHoleAfter: 0 }), speed: 60 },
    ...{ mayEnd: [14], mustEnd: true },
  },
  { name: 'a bit flipped, in the first three', toxics: first(3, { flipBitAt: MIDDLE }), mayEnd: [13], ways: PULLS },
  {
    ...{ name: 'a bit flipped, every time', toxics: always({ flipBitAt: MIDDLE }), speed: 10 },
    ...{ ways: PULLS, mayEnd: [13], mustEnd: true },
  },
  {
    ...{ name: 'a bit flipped on the way up, every time', toxics: always({ flipBitUpAt: MIDDLE }) },
    ...{ ways: ['push'], mayEnd: [13] },
  },
]
