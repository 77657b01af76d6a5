/**
 * Preloaded into a server (`--import`): its wall clock is off by the seconds that a file holds, read anew at each look.
 * The monotonic clock stays the machine's, as when somebody sets the time.
 */
import { readFileSync } from 'node:fs'

const file = process.env.WALL_CLOCK_OFFSET_FILE
const RealDate = Date

function now(): number {
  const seconds = file === undefined ? 0 : Number(readFileSync(file, 'utf8'))
  return RealDate.now() + seconds * 1000
}

globalThis.Date = class extends RealDate {
  constructor(...words: [] | [number]) {
    super(...((words.length === 0 ? [now()] : words) as [number]))
  }

  static override now(): number {
    return now()
  }
} as DateConstructor
