/**
 * Ends a text before the first of given strings, wherever the pieces of it are cut: what may be the beginning of such a
 * string is held back until it is clear. The first is the one that is complete first; of two that end at the same place,
 * the longer.
 */
import { AppError } from '../../base/app-error.ts'

export const STOP_COUNT_MAX = 32
export const STOP_CHARS_MAX = 1024

export class StopStrings {
  readonly #stops: readonly string[]
  readonly #longest: number
  #held = ''
  #found: string | null = null

  /** Kind `usage`, STOP_STRINGS_BAD for too many, too long, empty ones or halves of characters. */
  constructor(stops: readonly string[]) {
    checkStops(stops)
    this.#stops = stops
    this.#longest = stops.reduce((most, stop) => Math.max(most, stop.length), 0)
  }

  /** Which of them ended the text; null as long as none has. */
  get found(): string | null {
    return this.#found
  }

  /** What is certain to belong to the text; nothing any more once one was found. */
  push(piece: string): string {
    if (this.#found !== null) return ''
    if (this.#stops.length === 0) return piece
    const text = this.#held + piece
    const end = this.#findEnd(text)
    if (end !== null) {
      this.#found = end.stop
      this.#held = ''
      return text.slice(0, end.at - end.stop.length)
    }
    const held = this.#countHeld(text)
    this.#held = text.slice(text.length - held)
    return text.slice(0, text.length - held)
  }

  /** What was held back in vain. */
  end(): string {
    const held = this.#held
    this.#held = ''
    return held
  }

  #findEnd(text: string): { stop: string; at: number } | null {
    let first: { stop: string; at: number } | null = null
    for (const stop of this.#stops) {
      const start = text.indexOf(stop)
      if (start === -1) continue
      const at = start + stop.length
      if (first === null || at < first.at || (at === first.at && stop.length > first.stop.length)) first = { stop, at }
    }
    return first
  }

  /** The length of the longest end of `text` that is the beginning of a stop string. */
  #countHeld(text: string): number {
    for (let length = Math.min(this.#longest - 1, text.length); length > 0; length--) {
      const end = text.slice(text.length - length)
      if (this.#stops.some((stop) => stop.length > length && stop.startsWith(end))) return length
    }
    return 0
  }
}

function checkStops(stops: readonly string[]): void {
  const refused = (why: string) => new AppError('usage', 'STOP_STRINGS_BAD', `stop: ${why}`)
  if (stops.length > STOP_COUNT_MAX) throw refused(`${stops.length} strings; at most ${STOP_COUNT_MAX} are taken`)
  for (const stop of stops) {
    if (stop === '') throw refused('an empty string would end every answer before it begins')
    if (stop.length > STOP_CHARS_MAX) throw refused(`a string is longer than ${STOP_CHARS_MAX} characters`)
    if (!stop.isWellFormed()) throw refused('a string holds half of a character')
  }
}
