/** Group A of the fault catalogue: Xorb, chunk, compression. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_A: readonly FaultRow[] = [
  {
    id: 'A1',
    stage: 'main-job',
    injection: 'cut inside a chunk header',
    expected: 'XORB_TRUNCATED; peer; upload 400, nothing stored; exit 13 if no other source',
  },
  { id: 'A2', stage: 'main-job', injection: 'cut inside a payload', expected: 'as A1' },
  {
    id: 'A3',
    stage: 'main-job',
    injection: 'header claims 16 MiB stored',
    expected: 'refused before allocation; 400 / 13',
  },
  { id: 'A4', stage: 'main-job', injection: 'header claims 16 MiB plain', expected: 'same' },
  { id: 'A5', stage: 'main-job', injection: 'zero plain or stored length', expected: 'same' },
  { id: 'A6', stage: 'main-job', injection: 'version 1…255', expected: 'CHUNK_VERSION_UNKNOWN' },
  {
    id: 'A7',
    stage: 'main-job',
    injection: 'scheme 177',
    expected: 'COMPRESSION_UNKNOWN, 400 / 20 upstream → retry elsewhere first',
  },
  {
    id: 'A8',
    stage: 'main-job',
    injection: "LZ4 frame growing past the header's length (ratio 255:1)",
    expected: 'decoder stops at the length; 400 / 13; RSS +≤ 1 MiB',
  },
  {
    id: 'A9',
    stage: 'main-job',
    injection: "LZ4 frame shorter than the header's length",
    expected: 'CHUNK_LENGTH_MISMATCH',
  },
  {
    id: 'A10',
    stage: 'main-job',
    injection: 'LZ4 match before the start of output; offset 0',
    expected: 'integrity, no read outside',
  },
  {
    id: 'A11',
    stage: 'main-job',
    injection: 'LZ4 frame: false content size, wrong checksum, dictionary id, 10⁶ empty blocks, skippable frames',
    expected: 'integrity; bounded time',
  },
  {
    id: 'A12',
    stage: 'main-job',
    injection: 'byte-grouped chunk with length not divisible by 4',
    expected: 'accepted, equals reference',
  },
  {
    id: 'A13',
    stage: 'main-job',
    injection:
      '8,193 chunks; body > 68 MiB; plain > 1 GiB (xet.md 5: full random xorbs of hf_xet are 64 MiB + 8 B a chunk, JS sends more plain)',
    expected: 'XORB_TOO_MANY_CHUNKS / 413',
  },
  { id: 'A14', stage: 'main-job', injection: 'garbage after the last chunk; half a footer', expected: 'integrity' },
  {
    id: 'A15',
    stage: 'main-job',
    injection: 'footer disagreeing with the chunks (count, boundary, hash)',
    expected: 'integrity; stream wins never silently',
  },
  {
    id: 'A16',
    stage: 'main-job',
    injection: 'good xorb under another hash',
    expected: 'upload 400 XORB_HASH_MISMATCH; download peer',
  },
  {
    id: 'A17',
    stage: 'main-job',
    injection: 'one bit flipped anywhere',
    expected: '100 % detected (exhaustive over a 10-chunk xorb)',
  },
  {
    id: 'A18',
    stage: 'main-job',
    injection: 'two uploads of one xorb at once',
    expected: 'both 200, one blob, one `was_inserted`',
  },
  { id: 'A19', stage: 'main-job', injection: 'empty xorb', expected: '400' },
]
