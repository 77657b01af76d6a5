/** Group F of the fault catalogue: Names. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_F: readonly FaultRow[] = [
  { id: 'F1', stage: 'main-job', injection: '`../x`, `a/../../x`', expected: 'refused everywhere, 400 / 19' },
  { id: 'F2', stage: 'main-job', injection: '`/etc/passwd`, `//x`', expected: 'refused' },
  {
    id: 'F3',
    stage: 'main-job',
    injection: '`..\\\\x`, `C:\\\\x`, `D:x`, `\\\\\\\\host\\\\s`, `\\\\x`',
    expected: 'refused on all systems',
  },
  { id: 'F4', stage: 'main-job', injection: 'NUL, newline, CR, ESC, U+202E', expected: 'refused' },
  {
    id: 'F5',
    stage: 'main-job',
    injection: '`.git/config`, `.GIT`, `git~1`, `.git.`, `.g\\u200cit`, `a/.git/hooks/x`',
    expected: 'refused',
  },
  {
    id: 'F6',
    stage: 'whole-hub',
    injection: '`CON`, `aux.txt`, `a:b`, trailing dot or space',
    expected: 'refused on upload; downloadable only with an escape on non-Windows *(decide)*',
  },
  { id: 'F7', stage: 'whole-hub', injection: 'é as NFC and NFD in one commit', expected: 'refused as a pair' },
  { id: 'F8', stage: 'main-job', injection: '`a` and `a/b` in one commit', expected: '400' },
  { id: 'F9', stage: 'main-job', injection: 'repo ids `a/b/c`, `..`, `-x/y`, ``, 97+ chars, `a--b`', expected: '400' },
  {
    id: 'F10',
    stage: 'main-job',
    injection: 'refs `--upload-pack=x`, `a..b`, `x.lock`, `@{1}`, `refs/../x`, space, 1 KiB',
    expected: '400, never reach argv',
  },
  {
    id: 'F11',
    stage: 'main-job',
    injection: 'digest `../../etc/passwd`, uppercase, 63 digits, `sha256-` + 64',
    expected: '400',
  },
  {
    id: 'F12',
    stage: 'main-job',
    injection: '`%2e%2e%2f`, `%252e`, `..;/`, overlong UTF‑8 in the URL',
    expected: 'decoded once, then F1',
  },
  { id: 'F13', stage: 'main-job', injection: 'ETag with `/`, quotes, `W/`', expected: 'normalised, never a path' },
  {
    id: 'F14',
    stage: 'whole-hub',
    injection: 'repo file that is a symlink out of the tree',
    expected: 'stored as git does; materialised as text or refused, never followed',
  },
  {
    id: 'F15',
    stage: 'transfer',
    injection: 'snapshot path crossing a symlink already on disk',
    expected: 'refused (CVE‑2025‑26625 class)',
  },
  {
    id: 'F16',
    stage: 'main-job',
    injection: 'file names that look like options in `git`/engine argv',
    expected: 'passed after `--`',
  },
]
