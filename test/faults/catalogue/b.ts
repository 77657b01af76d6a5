/** Group B of the fault catalogue: Shards. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_B: readonly FaultRow[] = [
  { id: 'B1', stage: 'main-job', injection: 'wrong magic, version, footer version', expected: 'malformed 400' },
  {
    id: 'B2',
    stage: 'main-job',
    injection: 'entry count 2³²−1',
    expected: 'refused before allocation (xet-core #941)',
  },
  { id: 'B3', stage: 'main-job', injection: 'count × 2 + 1 overflows u32', expected: 'same' },
  { id: 'B4', stage: 'main-job', injection: 'no bookend', expected: 'ends at size limit, malformed' },
  { id: 'B5', stage: 'main-job', injection: 'section offsets outside, overlapping, backwards', expected: 'malformed' },
  {
    id: 'B6',
    stage: 'main-job',
    injection: 'lookup tables unsorted or lying',
    expected: 'ignored on upload (rebuilt), malformed when served to us',
  },
  { id: 'B7', stage: 'main-job', injection: 'term names an unknown xorb', expected: '400, nothing committed' },
  { id: 'B8', stage: 'main-job', injection: "term range past the xorb's end; start ≥ end", expected: '400' },
  { id: 'B9', stage: 'main-job', injection: 'unpacked length lies', expected: '400' },
  { id: 'B10', stage: 'main-job', injection: 'verification hash wrong', expected: '400' },
  { id: 'B11', stage: 'main-job', injection: 'file hash not that of its terms', expected: '400' },
  { id: 'B12', stage: 'main-job', injection: 'chunk list swapped or resized against the stored xorb', expected: '400' },
  {
    id: 'B13',
    stage: 'whole-hub',
    injection: 'xorb that the account may not read and was never told of',
    expected: 'as B7: 400, same body',
  },
  { id: 'B14', stage: 'main-job', injection: 'shard above 64 MiB + slack', expected: '413' },
  { id: 'B15', stage: 'main-job', injection: 'same file twice, different terms', expected: '400 unless equal' },
  {
    id: 'B16',
    stage: 'main-job',
    injection: 'keyed (HMAC) dedup shard expired or with the wrong key',
    expected: 'ignored, upload goes on without dedup',
  },
  {
    id: 'B17',
    stage: 'main-job',
    injection: 'zero-byte file; one-chunk file; file using one chunk 10⁶ times',
    expected: 'works',
  },
  { id: 'B18', stage: 'main-job', injection: 'lengths summing over 2⁵³', expected: '400' },
  {
    id: 'B19',
    stage: 'main-job',
    injection: 'shard accepted, server killed before reply; client retries',
    expected: '200, one copy',
  },
  {
    id: 'B20',
    stage: 'main-job',
    injection: '19 KB to 64 MiB shard whose terms repeat full xorbs (192 KB took 15 s and 1 GB in a naive server)',
    expected: '413 before any hashing; other requests served within 100 ms throughout',
  },
]
