/** Group O of the fault catalogue: Rest. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_O: readonly FaultRow[] = [
  {
    id: 'O1',
    stage: 'transfer',
    injection: 'config: unknown key, wrong type, two sources disagree',
    expected: '2, names key and source',
  },
  { id: 'O2', stage: 'whole-hub', injection: 'token with newline or non-ASCII', expected: '2, not sent' },
  {
    id: 'O3',
    stage: 'whole-hub',
    injection: 'TZ, locale, `LANG=C`, no HOME, read-only HOME, no /tmp',
    expected: 'works or named',
  },
  {
    id: 'O4',
    stage: 'transfer',
    injection: 'stdout closed (EPIPE), not a TTY, 20 columns',
    expected: 'no stack trace, 0 or 141-like',
  },
  {
    id: 'O5',
    stage: 'whole-hub',
    injection: 'fd limit 64; 1 CPU; 256 MiB RAM (cgroup)',
    expected: 'degrades, completes',
  },
  { id: 'O6', stage: 'whole-hub', injection: 'old data dir versions', expected: 'opens (golden dirs)' },
]
