/** Group C of the fault catalogue: Reconstruction. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_C: readonly FaultRow[] = [
  { id: 'C1', stage: 'main-job', injection: 'terms sum ≠ file size', expected: 'integrity, before any write' },
  {
    id: 'C2',
    stage: 'main-job',
    injection: 'no fetch info for a term, or ranges not covering it',
    expected: 'refetch plan once, then 13',
  },
  { id: 'C3', stage: 'main-job', injection: 'first-range offset beyond the term', expected: 'integrity' },
  {
    id: 'C4',
    stage: 'main-job',
    injection: 'multipart reply: parts missing, reordered, extra, wrong boundary, wrong range',
    expected: 'integrity; peer',
  },
  {
    id: 'C5',
    stage: 'main-job',
    injection: 'all lengths right, one chunk of another file',
    expected: 'caught by root; exit 13; culprit named when chunk list is known',
  },
  {
    id: 'C6',
    stage: 'main-job',
    injection: 'existing longer file at the target',
    expected: 'replaced whole; no stale tail (xet-core #764)',
  },
  {
    id: 'C7',
    stage: 'main-job',
    injection: 'request range 0‑0, last byte, past the end, reversed',
    expected: '206 / 206 / 416 / 416 (resolve and xorb URLs; reconstruction JSON answers 200 / 200 / 416 / 416)',
  },
  { id: 'C8', stage: 'main-job', injection: '416 on the last term', expected: 'plan bounded by file size; not asked' },
  { id: 'C9', stage: 'main-job', injection: '10⁵ terms of one chunk', expected: 'bounded memory, no quadratic time' },
  {
    id: 'C10',
    stage: 'main-job',
    injection: "server's plan changes mid-download",
    expected: 'old plan finishes if data verify, else replan',
  },
]
