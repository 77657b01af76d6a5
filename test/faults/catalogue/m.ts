/** Group M of the fault catalogue: Git. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_M: readonly FaultRow[] = [
  {
    id: 'M1',
    stage: 'git',
    injection: 'filter killed at each step of `git checkout`',
    expected: 'rerun completes; `git status` honest',
  },
  {
    id: 'M2',
    stage: 'git',
    injection: 'pointer: extra/unsorted keys, CRLF, 1,025 bytes, uppercase hex, no newline, size lies',
    expected: "git-lfs's reading; not-a-pointer passes through",
  },
  {
    id: 'M3',
    stage: 'git',
    injection: 'object missing / hub down',
    expected: 'error names path and oid; tree keeps the pointer; exit ≠ 0',
  },
  {
    id: 'M4',
    stage: 'git',
    injection: 'clean of a pointer; of an empty file; of 5 GiB',
    expected: 'unchanged / empty / streaming',
  },
  {
    id: 'M5',
    stage: 'git',
    injection: 'hostile `.gitattributes`, `.lfsconfig`, `core.fsmonitor`, `hooksPath`, `sshCommand`, `include.path`',
    expected: 'not run by our calls',
  },
  {
    id: 'M6',
    stage: 'git',
    injection: 'URL with %0a, `-oProxyCommand`, `ext::`, `file://`, credentials inside',
    expected: 'refused / stripped from logs',
  },
  {
    id: 'M7',
    stage: 'git',
    injection: 'pack: bomb, delta cycle, missing base, wrong checksum, 10⁷ objects',
    expected: 'refused, quarantine removed',
  },
  {
    id: 'M8',
    stage: 'git',
    injection: 'push race, non-fast-forward, ref deleted meanwhile',
    expected: 'right status, no loss',
  },
  {
    id: 'M9',
    stage: 'git',
    injection: 'shallow, partial, sparse, worktree, submodule clones',
    expected: 'work or a named refusal',
  },
  {
    id: 'M10',
    stage: 'whole-hub',
    injection: 'killed during our commit (objects, index, ref, reflog)',
    expected: 'repo passes `git fsck`; ref old or new',
  },
  { id: 'M11', stage: 'git', injection: 'worktree with uncommitted files being pruned', expected: 'refused' },
]
