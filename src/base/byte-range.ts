/** Half-open: `start` is in, `end` is not. Only this file knows HTTP's inclusive form. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * The one range a `Range` header asks of something of `length` bytes. Null when there is none to honour (no header,
 * several ranges, nonsense): answer the whole. 'unsatisfiable' when it starts at or past the end, or is reversed.
 * `end` is cut at `length`. Numbers above 2^53 are legal on the wire and count as infinite.
 */
export function parseRange(header: string | undefined, length: number): ByteRange | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '')
  if (match === null || (match[1] === '' && match[2] === '')) return null
  if (match[1] === '') {
    const suffix = Number(match[2])
    return suffix === 0 || length === 0 ? 'unsatisfiable' : { start: Math.max(length - suffix, 0), end: length }
  }
  const start = Number(match[1])
  const end = match[2] === '' ? length : Math.min(Number(match[2]) + 1, length)
  return start >= length || end <= start ? 'unsatisfiable' : { start, end }
}

export function formatContentRange({ start, end }: ByteRange, length: number): string {
  return `bytes ${start}-${end - 1}/${length}`
}

/** The header that asks for `range`. */
export function formatRange({ start, end }: ByteRange): string {
  return `bytes=${start}-${end - 1}`
}

/** Reads `bytes 0-9/100`; null when it is none. `length` is null for `*`. */
export function parseContentRange(header: string | undefined): (ByteRange & { length: number | null }) | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header?.trim() ?? '')
  if (match === null) return null
  return { start: Number(match[1]), end: Number(match[2]) + 1, length: match[3] === '*' ? null : Number(match[3]) }
}

/** The last byte's offset, as Range headers and reconstruction answers write it. */
export function inclusiveEnd({ end }: ByteRange): number {
  return end - 1
}
