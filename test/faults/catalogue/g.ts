/** Group G of the fault catalogue: Hub and CAS server. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_G: readonly FaultRow[] = [
  {
    id: 'G1',
    stage: 'whole-hub',
    injection: '10,000 open connections',
    expected: 'served; half-open sockets cost 8.7 KiB each and another request took 11 ms',
  },
  {
    id: 'G2',
    stage: 'whole-hub',
    injection: 'slow-loris headers ×10,000',
    expected: 'all 408 within headersTimeout + 1 s ( 10,000 of 10,000 within 8 s at 5 s)',
  },
  {
    id: 'G3',
    stage: 'whole-hub',
    injection: 'slow body, 1 B/s',
    expected:
      "dropped by minimum rate; a slow but steady 64 MiB upload at 1 Mbit/s is *not* (Node's default requestTimeout of 300 s would kill it: 64 MiB needs 537 s at that rate; set it to 0 and use the progress deadline)",
  },
  {
    id: 'G4',
    stage: 'main-job',
    injection: 'upload cut at 20 offsets',
    expected: 'temp removed, 0 trace; retry works',
  },
  { id: 'G5', stage: 'whole-hub', injection: 'chunked body without end', expected: '413 at limit' },
  {
    id: 'G6',
    stage: 'whole-hub',
    injection: 'Content-Length and Transfer-Encoding both; bad chunk sizes; LF-only',
    expected: '400, socket closed',
  },
  { id: 'G7', stage: 'main-job', injection: 'no/expired/forged/`alg:none`/wrong-audience token', expected: '401' },
  {
    id: 'G8',
    stage: 'main-job',
    injection: "read token writes; repo A's token on B; revoked token",
    expected: '403 / 404-as-missing / 401 at once',
  },
  {
    id: 'G9',
    stage: 'main-job',
    injection: 'signed URL: range widened, xorb swapped, expiry moved, method changed',
    expected: '403',
  },
  { id: 'G10', stage: 'whole-hub', injection: '`?limit=10⁹`, `-1`, `NaN`; cursor forged', expected: 'clamped / 400' },
  { id: 'G11', stage: 'main-job', injection: 'commit on a stale parent', expected: '412, nothing written' },
  {
    id: 'G12',
    stage: 'whole-hub',
    injection: '50 clients commit to one branch',
    expected: 'all commits in history or told 412/409; none lost',
  },
  {
    id: 'G13',
    stage: 'main-job',
    injection: 'commit NDJSON: 10⁶ lines, 1 GiB line, bad base64, unknown key, header missing',
    expected: '413/400, streaming memory',
  },
  {
    id: 'G14',
    stage: 'main-job',
    injection:
      'commit names an LFS object never uploaded, or verified only for an account that has nothing to do with this one',
    expected: '422 with the list',
  },
  {
    id: 'G15',
    stage: 'whole-hub',
    injection: 'LFS upload with other bytes than its oid',
    expected: '400/422, old object untouched (gogs)',
  },
  {
    id: 'G16',
    stage: 'whole-hub',
    injection: 'LFS batch: 10⁵ objects, size −1, duplicate oids, unknown hash algo',
    expected: '413/422 per object',
  },
  {
    id: 'G17',
    stage: 'whole-hub',
    injection: 'GC during upload; between xorb ack and shard; between dedup answer and shard',
    expected: 'upload always completes (lease)',
  },
  {
    id: 'G18',
    stage: 'whole-hub',
    injection: 'delete repo or branch during download',
    expected: "download finishes or 404 cleanly; other repos' shared chunks stay",
  },
  { id: 'G19', stage: 'main-job', injection: 'kill between blob, catalog, ref', expected: '§6 invariants' },
  {
    id: 'G20',
    stage: 'whole-hub',
    injection: 'model card: YAML bomb, 10⁶ anchors, regex bait',
    expected: 'bounded, rendered as text',
  },
  {
    id: 'G21',
    stage: 'upstream',
    injection:
      'webhook or import URL to 127.0.0.1, 169.254.169.254, `[::ffff:127.0.0.1]`, decimal IP, rebinding name, redirect there',
    expected: 'refused, resolved address not told to the caller',
  },
  {
    id: 'G22',
    stage: 'whole-hub',
    injection: '`X-Forwarded-*` from outside',
    expected: 'ignored unless from a trusted proxy',
  },
  {
    id: 'G23',
    stage: 'whole-hub',
    injection: 'private repo asked anonymously / by another',
    expected: 'same as missing',
  },
  {
    id: 'G24',
    stage: 'whole-hub',
    injection: 'disk full on the server, many clients',
    expected: '507, reads work, recovers without restart',
  },
  {
    id: 'G25',
    stage: 'whole-hub',
    injection: 'store or catalog stalls 30 s (SIGSTOP on a helper, delayed fsync)',
    expected: 'queue bound, 503 + Retry-After, health says degraded',
  },
  {
    id: 'G26',
    stage: 'whole-hub',
    injection: '1,000 requests cancelled at once',
    expected: 'no unhandled rejection, fds back to baseline',
  },
  {
    id: 'G27',
    stage: 'whole-hub',
    injection: 'unhandled exception in a route',
    expected: '500 with id, process lives, counter `bug`',
  },
]
