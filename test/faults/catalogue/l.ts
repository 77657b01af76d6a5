/** Group L of the fault catalogue: Inference API. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_L: readonly FaultRow[] = [
  {
    id: 'L1',
    stage: 'engine',
    injection: 'template with nested `range`',
    expected: "worker killed at limit; 400 naming the model's template; event loop latency < 100 ms",
  },
  {
    id: 'L2',
    stage: 'engine',
    injection: 'template reaching for constructors',
    expected: 'nothing reachable ( @huggingface/jinja gave undefined for all tried)',
  },
  { id: 'L3', stage: 'engine', injection: 'template, path or URL in the request', expected: '400' },
  { id: 'L4', stage: 'engine', injection: 'deep template or recursion ( RangeError at 5,000)', expected: '400' },
  {
    id: 'L5',
    stage: 'engine',
    injection: 'NaN logits injected',
    expected: 'error event `engine_nan`, stream ends, slot freed, exit 16 in CLI',
  },
  {
    id: 'L6',
    stage: 'engine',
    injection: 'client leaves mid-stream / while queued / during prefill',
    expected: 'slot free ≤ 1 s; **no other request touched**',
  },
  {
    id: 'L7',
    stage: 'engine',
    injection: 'prompt longer than context; 10 MB prompt; empty messages; `{}`; wrong types; unknown model',
    expected: '400/413/404 with OpenAI error shape',
  },
  {
    id: 'L8',
    stage: 'engine',
    injection:
      'temperature −1/NaN/1e308, top_k 2³¹, n 1000, max_tokens −5, seed 2⁶⁴, logit_bias 10⁵ entries, stop 10⁵ strings',
    expected: '400',
  },
  {
    id: 'L9',
    stage: 'engine',
    injection: 'regex `foo**`, `(((…`, schema depth 10⁴, `$ref` loop, 1 MB enum',
    expected: '400 within 1 s',
  },
  {
    id: 'L10',
    stage: 'engine',
    injection: 'engine aborts mid-stream (kill −ABRT)',
    expected: 'error event, others 503→retried, new engine ready in seconds, no daemon exit',
  },
  { id: 'L11', stage: 'engine', injection: 'engine hangs (SIGSTOP)', expected: 'watchdog ends it' },
  {
    id: 'L12',
    stage: 'engine',
    injection: 'engine OOM (cgroup)',
    expected: 'as L10, then smaller or refuse with figures; no loop: backoff',
  },
  { id: 'L13', stage: 'engine', injection: 'reader at 1 B/s', expected: 'back-pressure, then drop' },
  {
    id: 'L14',
    stage: 'engine',
    injection: 'emoji split over tokens; stop string split over tokens; invalid UTF‑8 from model',
    expected: 'valid UTF‑8 only; stop honoured',
  },
  {
    id: 'L15',
    stage: 'engine',
    injection: '100 requests, 1 slot',
    expected: 'queue to bound, then 429 + Retry-After; order fair',
  },
  { id: 'L16', stage: 'engine', injection: '`image_url` to internal address', expected: '400 (off by default)' },
  {
    id: 'L17',
    stage: 'engine',
    injection: 'model unloaded or swapped during use',
    expected: 'finishes on the old one',
  },
  {
    id: 'L18',
    stage: 'engine',
    injection: 'same seed twice; with cache warm/cold',
    expected: 'same text (CPU), or documented',
  },
]
