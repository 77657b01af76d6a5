/** Everything else that reads what others wrote: headers, names, tokens, pointers, JSON. */
import { parseContentRange, parseRange } from '../../src/base/byte-range.ts'
import { formatHex, parseHex } from '../../src/base/hex.ts'
import { parseReply } from '../../src/base/http-body.ts'
import { parseRetryAfter } from '../../src/base/retry.ts'
import { checkRepoPath } from '../../src/base/safe-path.ts'
import { formatSetting, parseSettings } from '../../src/base/settings-file.ts'
import { mintCasToken, readCasToken } from '../../src/cas/cas-token.ts'
import { formatPointer, parsePointer } from '../../src/git/lfs-pointer.ts'
import { matches, parsePattern } from '../../src/git/wildmatch.ts'
import { parseRanges } from '../../src/http/routes/cas/ranges.ts'
import { parseCommitLine } from '../../src/hub/commit-lines.ts'
import { parseCard } from '../../src/hub/model-card.ts'
import { parseRepoId } from '../../src/hub/repo-id.ts'
import { candidatesOf, splitRevision } from '../../src/hub/revision.ts'
import { parseModelRef } from '../../src/models/model-ref.ts'
import { decodeTrailer, encodeTrailer, SegmentTableBuilder } from '../../src/store/segment-table.ts'
import { formatEntry, readEntries } from '../../src/transfer/fetch-journal.ts'
import { parsePlan } from '../../src/transfer/reconstruction-plan.ts'
import { ChunkList } from '../../src/xet/chunk-list.ts'
import { parseHash } from '../../src/xet/hash.ts'
import { encode, type FuzzTarget, must, textTarget } from './fuzz-target.ts'

const KEY = new Uint8Array(32)
const TOKEN = mintCasToken(KEY, { account: 'a', scope: 'read', epoch: 'e1', expirySeconds: 2_000_000_000, grant: 'id' })
const HASH = 'ab'.repeat(32)
const FILE_BYTES = 1000
const JOURNAL_ENTRY = {
  fetch: { xorb: parseHash<'xorb'>(HASH), start: 3, end: 9, bytes: { start: 10, end: 90 } },
  first: 3,
  pairs: ChunkList.of([{ hash: parseHash<'chunk'>(HASH), length: 70_000 }]).packed,
  position: 50,
}

const PLAN_V2 = JSON.stringify({
  offset_into_first_range: 0,
  terms: [{ hash: HASH, unpacked_length: 200, range: { start: 0, end: 2 } }],
  xorbs: { [HASH]: [{ url: 'http://h/x', ranges: [{ chunks: { start: 0, end: 2 }, bytes: { start: 0, end: 99 } }] }] },
})
const PLAN_V1 = JSON.stringify({
  offset_into_first_range: 0,
  terms: [{ hash: HASH, unpacked_length: 200, range: { start: 0, end: 2 } }],
  fetch_info: { [HASH]: [{ url: 'http://h/x', range: { start: 0, end: 2 }, url_range: { start: 0, end: 99 } }] },
})
const LINES = [
  '{"key":"header","value":{"summary":"s","description":"d","parentCommit":null}}',
  '{"key":"file","value":{"path":"a/b.txt","content":"aGk=","encoding":"base64"}}',
  `{"key":"lfsFile","value":{"path":"w.bin","algo":"sha256","oid":"${HASH}","size":10}}`,
  '{"key":"deletedFolder","value":{"path":"old/"}}',
  '{"key":"copyFile","value":{"path":"a","srcPath":"b","srcRevision":"main"}}',
]

export const TEXT_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'fetch-journal',
    seeds: () => [Buffer.concat([formatEntry(JOURNAL_ENTRY), formatEntry({ ...JOURNAL_ENTRY, first: 4 })])],
    run(bytes) {
      const { entries, end } = readEntries(bytes)
      must(
        Buffer.concat(entries.map(formatEntry)).equals(bytes.subarray(0, end)),
        'records are read as they are written',
      )
    },
  },
  textTarget('byte-range', ['bytes=0-9', 'bytes=-5', 'bytes=5-', 'bytes=0-18446744073709551614'], (header) => {
    const range = parseRange(header, FILE_BYTES)
    if (range === null || range === 'unsatisfiable') return
    must(range.start >= 0 && range.start < range.end && range.end <= FILE_BYTES, 'a range lies inside')
  }),
  textTarget('byte-ranges', ['bytes=0-1,5-9', 'bytes=1-1, -1'], (header) => {
    const ranges = parseRanges(header, FILE_BYTES)
    if (ranges === null || ranges === 'unsatisfiable') return
    must(
      ranges.every(({ start, end }) => start < end && end <= FILE_BYTES),
      'all ranges lie inside',
    )
  }),
  textTarget('content-range', ['bytes 0-9/10', 'bytes 5-6/*'], (header) => void parseContentRange(header)),
  textTarget('hex', ['00ff', 'AB'], (digits) => {
    const bytes = parseHex(digits)
    must(bytes === null || formatHex(bytes) === digits.toLowerCase(), 'hexadecimal digits survive their bytes')
  }),
  textTarget('retry-after', ['120', 'Fri, 31 Dec 1999 23:59:59 GMT', '-1'], (header) => {
    const wait = parseRetryAfter(header, 946_684_000_000)
    must(wait === null || wait >= 0, 'nobody waits backwards')
  }),
  textTarget('repo-path', ['a/b.txt', '../x', 'a\\b', 'con/.git'], (path) => {
    checkRepoPath(path)
    must(!path.split('/').includes('..'), 'a path stays in its folder')
  }),
  textTarget('repo-id', ['org/name', 'a--b/c', '-/x'], (id) => void parseRepoId(id)),
  textTarget('revision', ['main/a/b', 'refs/pr/1/x', 'refs%2Fpr%2F1/x', '%zz/x'], (rest) => {
    candidatesOf(splitRevision(rest).revision)
  }),
  textTarget('model-ref', ['org/name', 'org/name@main', 'hf://datasets/o/n', 'https://h:1/o/n/tree/main/p'], (ref) => {
    parseModelRef(ref, { target: true })
  }),
  textTarget('cas-token', [TOKEN, 'xet_a.b'], (token) => {
    const claims = readCasToken(KEY, token)
    must(claims === null || token === TOKEN, 'only our own token is read')
  }),
  textTarget(
    'model-card',
    [
      '---\nlicense: mit\ntags:\n- a\n- b\n---\n# x',
      '---\n[a, "b"]: c\n---',
      '---\nm:\n- n: {a: [b, {c: d}]}\n  r:\n    - x: |\n        y\n      z: 1\n---',
    ],
    (readme) => {
      const card = parseCard(readme)
      must(JSON.stringify(card).length <= 8 * readme.length + 2, 'a card is not much longer than its text')
    },
  ),
  textTarget('wildmatch', ['*.bin\na.bin', '**/a?[b-c]/x\nq/ab/x', '[!]]\\*\n*'], (pair) => {
    const [pattern = '', path = ''] = pair.split('\n')
    const parsed = parsePattern(pattern)
    if (parsed !== null) matches(parsed, path)
  }),
  {
    name: 'reply-json',
    seeds: () => ['{"a":[1,{"b":null}]}', '<!doctype html>', '[[[[]]]]'].map(encode),
    run: (bytes) => void parseReply('test', bytes),
  },
  { name: 'commit-line', seeds: () => LINES.map(encode), run: (bytes) => void parseCommitLine(bytes, 1) },
  {
    name: 'lfs-pointer',
    seeds: () => [encode(formatPointer({ sha256: HASH, size: 12 }))],
    run(bytes) {
      const pointer = parsePointer(bytes)
      if (pointer === null) return
      must(parsePointer(encode(formatPointer(pointer)))?.size === pointer.size, 'a pointer survives its text')
    },
  },
  {
    name: 'segment-table',
    seeds: () => [trailer()],
    run(bytes) {
      const table = decodeTrailer(bytes, bytes.length + FILE_BYTES)
      must(table === null || table.length === FILE_BYTES, 'a table covers its file')
    },
  },
  textTarget('settings-file', ['endpoint = "https://a.example" # x\nmax-workers = 4\nparanoid = true\n'], (text) => {
    for (const [key, value] of parseSettings(text, 'file')) {
      must(parseSettings(formatSetting(key, value), 'file').get(key) === value, 'a setting survives its line')
    }
  }),
  planTarget('reconstruction-v2', PLAN_V2, 2),
  planTarget('reconstruction-v1', PLAN_V1, 1),
]

function trailer(): Uint8Array {
  const builder = new SegmentTableBuilder()
  for (const length of [300, 700]) builder.add(new Uint8Array(length))
  return encodeTrailer(builder.finish())
}

function planTarget(name: string, seed: string, version: 1 | 2): FuzzTarget {
  return {
    name,
    seeds: () => [encode(seed)],
    run(bytes) {
      const plan = parsePlan(parseReply('test', bytes), version, { offset: 0, firstChunk: 0 })
      const total = plan.terms.reduce((sum, { plainLength }) => sum + plainLength, 0)
      must(total === plan.plainLength, 'a plan is as long as its terms')
      for (const { start, end, terms } of plan.fetches) {
        must(
          terms.every((term) => term.start >= start && term.end <= end),
          'a fetch covers its terms',
        )
      }
    },
  }
}
