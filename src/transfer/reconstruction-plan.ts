/**
 * A CAS's reconstruction answer (v2 or v1), checked and made ready to work from: which stored ranges to fetch, and where
 * in the file the chunks of each go. Nothing here touches bytes; whatever does not fit together is refused before any.
 */
import { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import type { ByteRange } from '../base/byte-range.ts'
import { CHUNK_PLAIN_BYTES_MAX } from '../xet/constants.ts'
import { parseHash, type XorbHash } from '../xet/hash.ts'

export interface PlanTerm {
  readonly xorb: XorbHash
  /** Chunks of the xorb, half-open. */
  readonly start: number
  readonly end: number
  readonly plainLength: number
  /** Where the term begins in the file. */
  readonly offset: number
  /** Number of the term's first chunk among all chunks of the file. */
  readonly firstChunk: number
}

export interface PlanFetch {
  readonly xorb: XorbHash
  readonly start: number
  readonly end: number
  /** In the stored xorb. */
  readonly bytes: ByteRange
  readonly url: string
  /** The terms served by this fetch, by their first chunk. */
  readonly terms: readonly PlanTerm[]
}

export interface Plan {
  readonly terms: readonly PlanTerm[]
  /** In the order in which the file needs them. */
  readonly fetches: readonly PlanFetch[]
  /** Plain bytes that all terms give. */
  readonly plainLength: number
  readonly chunkCount: number
}

const count = z.int().nonnegative()
const span = z.object({ start: count, end: count })
const answer = z.object({
  offset_into_first_range: count,
  terms: z.array(z.object({ hash: z.string(), unpacked_length: count, range: span })),
})
const AnswerV2 = answer.extend({
  xorbs: z.record(
    z.string(),
    z.array(z.object({ url: z.string(), ranges: z.array(z.object({ chunks: span, bytes: span })) })),
  ),
})
const AnswerV1 = answer.extend({
  fetch_info: z.record(z.string(), z.array(z.object({ url: z.string(), range: span, url_range: span }))),
})

interface Fetchable {
  readonly xorb: XorbHash
  readonly start: number
  readonly end: number
  readonly bytes: ByteRange
  readonly url: string
}

/** Where the answer's first term begins: the plan goes on from another one. */
export interface PlanStart {
  readonly offset: number
  readonly firstChunk: number
}

export function parsePlan(value: unknown, version: 1 | 2, from: PlanStart): Plan {
  const { head, fetchables } = version === 2 ? parseV2(value) : parseV1(value)
  // Ranges are asked for at chunk borders only, so nothing is ever skipped in the first term.
  if (head.offset_into_first_range !== 0) throw bad('the first term begins before the range asked for')
  const terms = placeTerms(head.terms, from)
  const last = terms.at(-1)
  return {
    terms,
    fetches: assignTerms(terms, fetchables),
    plainLength: last === undefined ? 0 : last.offset + last.plainLength - from.offset,
    chunkCount: last === undefined ? 0 : last.firstChunk + last.end - last.start - from.firstChunk,
  }
}

function parseV2(value: unknown) {
  const parsed = AnswerV2.safeParse(value)
  if (!parsed.success) throw bad(z.prettifyError(parsed.error).split('\n')[0] ?? '')
  const fetchables = Object.entries(parsed.data.xorbs).flatMap(([hash, entries]) =>
    entries.flatMap(({ url, ranges }) => ranges.map(({ chunks, bytes }) => fetchable(hash, url, chunks, bytes))),
  )
  return { head: parsed.data, fetchables }
}

function parseV1(value: unknown) {
  const parsed = AnswerV1.safeParse(value)
  if (!parsed.success) throw bad(z.prettifyError(parsed.error).split('\n')[0] ?? '')
  const fetchables = Object.entries(parsed.data.fetch_info).flatMap(([hash, entries]) =>
    entries.map(({ url, range, url_range }) => fetchable(hash, url, range, url_range)),
  )
  return { head: parsed.data, fetchables }
}

/** Chunk ends are exclusive on the wire, byte ends inclusive. */
function fetchable(hash: string, url: string, chunks: ByteRange, bytes: ByteRange): Fetchable {
  if (chunks.end <= chunks.start || bytes.end < bytes.start) throw bad(`an empty range of xorb ${hash}`)
  if (!/^https?:\/\//.test(url)) throw bad('the address of a xorb is not absolute')
  const range = { start: bytes.start, end: bytes.end + 1 }
  return { xorb: parseHash<'xorb'>(hash), start: chunks.start, end: chunks.end, bytes: range, url }
}

function placeTerms(raw: readonly { hash: string; unpacked_length: number; range: ByteRange }[], from: PlanStart) {
  let { offset, firstChunk } = from
  return raw.map(({ hash, unpacked_length: plainLength, range: { start, end } }): PlanTerm => {
    const chunks = end - start
    if (chunks <= 0 || plainLength < chunks || plainLength > chunks * CHUNK_PLAIN_BYTES_MAX) {
      throw bad(`a term of ${chunks} chunks and ${plainLength} bytes`)
    }
    const term = { xorb: parseHash<'xorb'>(hash), start, end, plainLength, offset, firstChunk }
    offset += plainLength
    firstChunk += chunks
    return term
  })
}

/** Gives each term to the one fetch that covers it, by binary search, and orders fetches by first need. */
function assignTerms(terms: readonly PlanTerm[], fetchables: readonly Fetchable[]): PlanFetch[] {
  const byXorb = new Map<XorbHash, Fetchable[]>()
  for (const one of fetchables) {
    const list = byXorb.get(one.xorb)
    if (list === undefined) byXorb.set(one.xorb, [one])
    else list.push(one)
  }
  for (const list of byXorb.values()) list.sort((a, b) => a.start - b.start || b.end - a.end)
  const used = new Map<Fetchable, PlanTerm[]>()
  for (const term of terms) {
    const cover = findCover(byXorb.get(term.xorb) ?? [], term)
    if (cover === null) {
      throw new AppError('integrity', 'PLAN_INCOMPLETE', `The plan gives no address for chunks of xorb ${term.xorb}`)
    }
    const mine = used.get(cover)
    if (mine === undefined) used.set(cover, [term])
    else mine.push(term)
  }
  return [...used].map(([one, mine]) => ({ ...one, terms: mine.sort((a, b) => a.start - b.start) }))
}

function findCover(sorted: readonly Fetchable[], term: PlanTerm): Fetchable | null {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as Fetchable).start <= term.start) low = middle + 1
    else high = middle
  }
  for (let i = low - 1; i >= 0; i--) {
    const one = sorted[i] as Fetchable
    if (one.end >= term.end) return one
    // Ranges that overlap are legal but rare: look back over a few.
    if (low - i > 8) break
  }
  return null
}

function bad(what: string): AppError {
  return new AppError('integrity', 'PLAN_BAD', `Reconstruction refused: ${what}`)
}
