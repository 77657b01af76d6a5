/** Group H of the fault catalogue: Proxy. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_H: readonly FaultRow[] = [
  {
    id: 'H1',
    stage: 'upstream',
    injection: 'upstream dies at 50 %',
    expected: 'client sees a broken connection (not a clean end); range retry resumes',
  },
  {
    id: 'H2',
    stage: 'upstream',
    injection: 'client leaves',
    expected: 'upstream cancelled ≤ 1 s unless another waits or cache policy says finish',
  },
  { id: 'H3', stage: 'upstream', injection: '50 clients, one file', expected: 'one upstream fetch' },
  {
    id: 'H4',
    stage: 'upstream',
    injection: 'client ranges over a cold file',
    expected: 'only needed chunks fetched; 206 right',
  },
  { id: 'H5', stage: 'upstream', injection: '`b.bin` when `ab.bin` and `x/b.bin` exist', expected: 'exact match only' },
  {
    id: 'H6',
    stage: 'upstream',
    injection: 'private file cached by A, asked by B without grant',
    expected: 'upstream decides for B: 401/403/404',
  },
  { id: 'H7', stage: 'upstream', injection: 'upstream 404 then uploaded', expected: 'negative memo ≤ seconds' },
  {
    id: 'H8',
    stage: 'upstream',
    injection: 'ref moved upstream',
    expected: 'new commit seen within the stated time; by-commit stays',
  },
  {
    id: 'H9',
    stage: 'upstream',
    injection: 'repo `-x`, `a%0d%0aSet-Cookie:`, absolute-form URI, `CONNECT`',
    expected: '400/405',
  },
  { id: 'H10', stage: 'upstream', injection: 'upstream redirects inside', expected: 'refused (T12)' },
  { id: 'H11', stage: 'upstream', injection: 'upstream down, file cached', expected: 'served, marked stale' },
  { id: 'H12', stage: 'upstream', injection: 'HEAD, If-None-Match, If-Range', expected: 'as the Hub' },
]
