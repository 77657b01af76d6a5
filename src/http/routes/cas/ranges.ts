/** A `Range` header that may name several ranges: what multi-range fetches of xorbs send. */
import { type ByteRange, parseRange } from '../../../base/byte-range.ts'

/** More than any client joins in one request. */
const RANGES_MAX = 256

/**
 * Null when there is nothing to honour: answer the whole. 'unsatisfiable' when no range begins inside, or there are too
 * many; ranges that lie outside beside others that do not are left out (RFC 9110).
 */
export function parseRanges(header: string | undefined, length: number): ByteRange[] | 'unsatisfiable' | null {
  const list = /^bytes=(.+)$/.exec(header?.trim() ?? '')?.[1]?.split(',')
  if (list === undefined) return null
  if (list.length > RANGES_MAX) return 'unsatisfiable'
  const ranges: ByteRange[] = []
  for (const item of list) {
    const range = parseRange(`bytes=${item.trim()}`, length)
    if (range === null) return null
    if (range !== 'unsatisfiable') ranges.push(range)
  }
  return ranges.length === 0 ? 'unsatisfiable' : ranges
}
