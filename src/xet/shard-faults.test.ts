import fc from 'fast-check'
import { expect, test } from 'vitest'
import { goldenBytes } from '../../test/vectors/golden.ts'
import { AppError } from '../base/app-error.ts'
import { openShard, parseDedupShard, parseShard } from './shard-reader.ts'

const upload = goldenBytes('shard/mix5m.bin.upload.shard')
const js = goldenBytes('scenarios/js-client-huggingface-hub-2.17.5/upload-8.shard')
const lookup = goldenBytes('scenarios/dedup-global-plain-lookup/dedup_response.shard')
const cached = goldenBytes('shard/mix5m.bin.cached.mdb')

function changed(bytes: Uint8Array, change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice()
  change(new DataView(copy.buffer), copy)
  return copy
}
const refusal = (code: string) => expect.objectContaining({ kind: 'malformed', code })
const footerAt = (bytes: Uint8Array) => bytes.length - 200

test.each([
  ['B1 another tag', changed(upload, (view) => view.setUint8(3, 0)), 'SHARD_TAG_BAD'],
  ['B1 another version', changed(upload, (view) => view.setUint8(32, 3)), 'SHARD_VERSION_UNKNOWN'],
  ['B1 another footer version', changed(js, (view) => view.setUint8(footerAt(js), 2)), 'SHARD_VERSION_UNKNOWN'],
  ['B1 a footer of another size', changed(upload, (view) => view.setUint8(40, 100)), 'SHARD_FOOTER_MISSING'],
  ['B1 a promised footer that is not there', changed(upload, (view) => view.setUint8(40, 200)), 'SHARD_FOOTER_MISSING'],
  ['B2 2^32-1 terms', changed(upload, (view) => view.setUint32(84, 0xffffffff, true)), 'SHARD_TRUNCATED'],
  [
    'B3 a count that doubles past 2^32',
    changed(upload, (view) => view.setUint32(84, 0x80000000, true)),
    'SHARD_TRUNCATED',
  ],
  ['B4 no bookend', upload.subarray(0, upload.length - 48), 'SHARD_TRUNCATED'],
  ['B5 a file section elsewhere', changed(js, (view) => view.setUint8(footerAt(js) + 8, 96)), 'SHARD_OFFSET_BAD'],
  ['B5 a xorb section elsewhere', changed(js, (view) => view.setUint8(footerAt(js) + 16, 48)), 'SHARD_OFFSET_BAD'],
  ['B5 a table outside', changed(js, (view) => view.setUint8(footerAt(js) + 31, 1)), 'SHARD_OFFSET_BAD'],
  ['B5 a footer elsewhere', changed(js, (view) => view.setUint8(footerAt(js) + 192, 1)), 'SHARD_OFFSET_BAD'],
  ['B5 a table of 2^63 rows', changed(cached, (view) => view.setUint8(footerAt(cached) + 71, 128)), 'SHARD_OFFSET_BAD'],
])('%s is refused', (_, bytes, code) => {
  expect(() => parseShard(bytes)).toThrow(refusal(code))
})

test('B6 tables that lie are ignored in an upload and refused in an answer', () => {
  expect(parseDedupShard(lookup).xorbs).toHaveLength(1)
  const view = openShard(lookup).footer
  const { at = 0, count = 0 } = view?.chunkLookup ?? {}
  expect(count).toBeGreaterThan(1)
  for (const offset of [at, at + 8, at + 12]) {
    const bad = changed(lookup, (bytes) => bytes.setUint8(offset, 255 - bytes.getUint8(offset)))
    expect(parseShard(bad).xorbs).toHaveLength(1)
    expect(() => parseDedupShard(bad)).toThrow(refusal('SHARD_LOOKUP_BAD'))
  }
})

test('an answer without a footer is refused, bytes after the last bookend of an upload are not looked at', () => {
  expect(() => parseDedupShard(upload)).toThrow(refusal('SHARD_FOOTER_MISSING'))
  expect(parseShard(Uint8Array.of(...upload, 1, 2, 3))).toEqual(parseShard(upload))
})

test('any change of any shard ends in a shard or an error of ours', () => {
  const base = fc.constantFrom(upload, js, lookup, cached)
  const changes = fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { maxLength: 6 })
  fc.assert(
    fc.property(base, changes, fc.nat(10_000), (bytes, edits, cut) => {
      const bad = bytes.slice(0, Math.max(0, bytes.length - (cut < 5000 ? 0 : cut % 400)))
      for (const [at, byte] of edits) if (bad.length > 0) bad[at % bad.length] = byte
      for (const parse of [parseShard, parseDedupShard]) {
        try {
          parse(bad)
        } catch (error) {
          expect(error).toBeInstanceOf(AppError)
        }
      }
    }),
    { numRuns: 2000 },
  )
})
