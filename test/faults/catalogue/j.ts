/** Group J of the fault catalogue: Daemon and its page. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_J: readonly FaultRow[] = [
  {
    id: 'J1',
    stage: 'main-job',
    injection: 'Host: evil.example; `127.0.0.1.evil.example`; `localhost.`; missing; two Hosts',
    expected: '403/400',
  },
  {
    id: 'J2',
    stage: 'whole-hub',
    injection: 'cross-origin POST text/plain, form, no-cors fetch, WebSocket, EventSource',
    expected: '403, no effect',
  },
  { id: 'J3', stage: 'whole-hub', injection: 'GET on stop/pull', expected: '405' },
  {
    id: 'J4',
    stage: 'main-job',
    injection: 'no or wrong token; token file world-readable',
    expected: '401; refuses to start',
  },
  { id: 'J5', stage: 'main-job', injection: 'bind 0.0.0.0 without token', expected: 'refuses, exit 2' },
  { id: 'J6', stage: 'whole-hub', injection: 'one client sends half a request', expected: 'others unaffected' },
  {
    id: 'J7',
    stage: 'whole-hub',
    injection: 'second daemon; stale pid or socket file',
    expected: 'finds the first / replaces after proof',
  },
  { id: 'J8', stage: 'whole-hub', injection: 'SSE reader that never reads', expected: 'dropped at buffer limit' },
  {
    id: 'J9',
    stage: 'swarm',
    injection: 'daemon killed during `pull()` from Python',
    expected: 'clear exception; next call restarts it; fallback to plain hub download stated, not silent',
  },
  { id: 'J10', stage: 'whole-hub', injection: 'version mismatch client/daemon', expected: 'clear message' },
]
