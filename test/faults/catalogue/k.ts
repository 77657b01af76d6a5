/** Group K of the fault catalogue: Model files and adapters. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_K: readonly FaultRow[] = [
  { id: 'K1', stage: 'engine', injection: 'GGUF bad magic, version 1/9, empty', expected: 'malformed 19 / 400' },
  { id: 'K2', stage: 'engine', injection: 'n_tensors, n_kv = 2⁶³−1; negative', expected: 'refused before allocation' },
  {
    id: 'K3',
    stage: 'engine',
    injection: 'string or array length beyond the file; nested arrays',
    expected: 'refused',
  },
  {
    id: 'K4',
    stage: 'engine',
    injection: 'tensor offset/size past EOF, overlapping, misaligned',
    expected: 'refused (CVE‑2026‑7482)',
  },
  { id: 'K5', stage: 'engine', injection: 'alignment 0, 3, 2³¹', expected: 'refused' },
  {
    id: 'K6',
    stage: 'engine',
    injection: 'duplicate keys/tensors; dims > 4, product overflow; type id out of range',
    expected: 'refused',
  },
  { id: 'K7', stage: 'engine', injection: 'truncated at every 4 KiB', expected: 'refused with "ends at N, needs M"' },
  {
    id: 'K8',
    stage: 'engine',
    injection: 'split model: part missing, swapped, from another model',
    expected: 'names the part',
  },
  {
    id: 'K9',
    stage: 'engine',
    injection:
      'safetensors: N > file, > 100 MB, not `{`, bad UTF‑8, trailing junk, hole, overlap, shape×dtype mismatch, duplicate keys, 10⁶ tensors',
    expected: 'refused',
  },
  { id: 'K10', stage: 'engine', injection: 'index.json pointing outside or to missing shards', expected: 'refused' },
  {
    id: 'K11',
    stage: 'engine',
    injection: '`.bin`, `.pt`, `.pkl` only',
    expected: 'unsupported 20, says why and what to do',
  },
  { id: 'K12', stage: 'engine', injection: 'file is still an LFS pointer', expected: '"not fetched: run …"' },
  {
    id: 'K13',
    stage: 'engine',
    injection: 'LoRA: wrong shape, rank A≠B, expert count, unknown target, other base, NaN, zero tensors',
    expected: 'refused with first differences; base keeps serving',
  },
  {
    id: 'K14',
    stage: 'engine',
    injection: 'two adapters `01_*`; gap; 100 adapters',
    expected: 'rule stated; deterministic order',
  },
  { id: 'K15', stage: 'engine', injection: 'tokenizer.json: 10⁷ merges, regex bait, 200 MB', expected: 'limit' },
  { id: 'K16', stage: 'engine', injection: 'config asks for remote code', expected: 'ignored, warned' },
  {
    id: 'K17',
    stage: 'engine',
    injection: 'file replaced while mapped',
    expected: 'old mapping kept (new inode by rename)',
  },
  { id: 'K18', stage: 'engine', injection: 'model larger than memory', expected: 'refused before load with figures' },
]
