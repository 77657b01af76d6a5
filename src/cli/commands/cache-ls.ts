/** `xorbit cache ls [REPO]`: what lies in the Hugging Face cache, and what it takes. */
import { findTarget } from '../../actions/cache-choice.ts'
import { type CacheFigures, listCache, type RepoFigures } from '../../actions/cache-ls.ts'
import { systemClock } from '../../base/clock.ts'
import { parseCacheFilter, parseCacheSort } from '../cache-filter.ts'
import type { Flags, Io } from '../output.ts'
import { countOf, formatAge, formatBytes, printable } from '../quantities.ts'
import { formatTable } from '../table.ts'
import { listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([target]: string[], flags: Flags, io: Io): Promise<void> {
  const { repoType } = repoFlags(flags)
  const nowMs = systemClock.nowMs()
  const tests = (listFlag(flags, 'filter') ?? []).map((text) => parseCacheFilter(text, nowMs))
  const order = parseCacheSort(textFlag(flags, 'sort') ?? 'name')
  const figures = await listCache({ cacheDir: textFlag(flags, 'cacheDir') })
  const scan = { cache: figures.cache, repos: figures.repos.map(({ repo }) => repo), strange: [] }
  const wanted = target === undefined ? null : findTarget(scan, target, repoType)
  const repos = figures.repos
    .filter(({ repo }) => wanted === null || repo === wanted.repo)
    .filter(({ repo }) => repoType === undefined || repo.type === repoType)
    .filter((one) => tests.every((test) => test(one)))
    .sort(order)
  const isByRevision = flags.revisions === true || wanted !== null
  for (const one of repos) sayRepo(one, isByRevision ? (wanted?.revision?.commit ?? '') : null, io)
  if (!io.json && !io.quiet && repos.length > 0) {
    for (const line of isByRevision ? revisionTable(repos, nowMs) : repoTable(repos, nowMs)) io.line(line)
  }
  sayTotals(figures, repos, io)
}

/** Events, and names under --quiet; with `commit` those of the revisions that begin with it. */
function sayRepo({ repo, revisions, ...figures }: RepoFigures, commit: string | null, io: Io): void {
  const { bytes, diskBytes, sharedBytes, fileCount: files, missing } = figures
  const { name, type, folder: path } = repo
  const times = { lastUsed: isoTime(figures.usedMs), lastModified: isoTime(figures.changedMs) }
  io.event('repo', {
    repo: name,
    type,
    bytes,
    diskBytes,
    sharedBytes,
    files,
    ...times,
    refs: [...repo.refs.keys()],
    path,
  })
  if (missing.length > 0 && !io.quiet) {
    const example = printable(missing[0] ?? '')
    io.note(`${name}: ${countOf(missing.length, 'file')} missing, such as ${example}: xorbit pull ${name}`)
  }
  if (commit === null) {
    if (io.quiet) io.line(printable(name))
    return
  }
  for (const one of revisions.filter((revision) => revision.commit.startsWith(commit))) {
    const { refs, bytes: size, fileCount, changedMs, folder } = one
    const fields = { repo: name, commit: one.commit, refs, bytes: size, files: fileCount }
    io.event('revision', { ...fields, lastModified: isoTime(changedMs), path: folder })
    if (io.quiet) io.line(printable(`${name}@${one.commit}`))
  }
}

function repoTable(repos: readonly RepoFigures[], nowMs: number): string[] {
  const columns = [
    { title: 'repository' },
    { title: 'on disk', right: true },
    { title: 'shared', right: true },
    { title: 'files', right: true },
    { title: 'last used', right: true },
    { title: 'refs' },
  ]
  const rows = repos.map(({ repo, diskBytes, sharedBytes, fileCount, usedMs }) => [
    ...[printable(repo.name), formatBytes(diskBytes), sharedBytes > 0 ? formatBytes(sharedBytes) : '-'],
    ...[String(fileCount), formatAge(nowMs - usedMs), printable([...repo.refs.keys()].sort().join(' ')) || '-'],
  ])
  return formatTable(columns, rows)
}

function revisionTable(repos: readonly RepoFigures[], nowMs: number): string[] {
  const columns = [
    { title: 'repository' },
    { title: 'commit' },
    { title: 'size', right: true },
    { title: 'files', right: true },
    { title: 'pulled', right: true },
    { title: 'refs' },
  ]
  const rows = repos.flatMap(({ repo, revisions }) =>
    revisions.map(({ commit, bytes, fileCount, changedMs, refs }) => [
      ...[printable(repo.name), commit.slice(0, 12), formatBytes(bytes), String(fileCount)],
      ...[formatAge(nowMs - changedMs), printable(refs.join(' ')) || '-'],
    ]),
  )
  return formatTable(columns, rows)
}

function sayTotals(figures: CacheFigures, repos: readonly RepoFigures[], io: Io): void {
  const { cache, diskBytes, leftovers, orphans, strange } = figures
  io.event('done', { cache, repos: repos.length, diskBytes, leftovers, orphans, strange })
  if (io.quiet) return
  const left = leftovers.bytes + orphans.bytes
  const count = repos.length === 1 ? '1 repository' : `${repos.length} repositories`
  io.line(`${count}; ${cache} takes ${formatBytes(diskBytes)} on the disk`)
  if (left > 0) io.line(`${formatBytes(left)} are left of ended downloads or used by nobody: xorbit cache prune`)
  for (const name of strange) io.note(`no part of the cache: ${printable(name)}`)
}

function isoTime(ms: number): string | null {
  return ms > 0 ? new Date(ms).toISOString() : null
}
