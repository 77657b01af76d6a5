/** `xorbit cache rm REPO[@REVISION]…` and `xorbit cache prune`: both say what goes and ask first. */
import { type PrunePlan, planPrune, prune } from '../../actions/cache-prune.ts'
import { cacheRm, planCacheRm } from '../../actions/cache-rm.ts'
import { askFirst } from '../ask.ts'
import type { Flags, Io } from '../output.ts'
import { countOf, formatBytes, printable } from '../quantities.ts'
import { repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([verb = '', ...targets]: string[], flags: Flags, io: Io): Promise<void> {
  if (verb === 'prune') return runPrune(flags, io)
  const options = { cacheDir: textFlag(flags, 'cacheDir'), repoType: repoFlags(flags).repoType }
  const plan = await planCacheRm(targets, options)
  const dryRun = flags.dryRun === true
  for (const { repo, commits } of plan.removals) {
    const revisions = commits ?? repo.revisions.map(({ commit }) => commit)
    io.event('remove', { repo: repo.name, revisions, isWhole: commits === null })
    const what = commits === null ? repo.name : commits.map((commit) => `${repo.name}@${commit.slice(0, 12)}`).join(' ')
    if (dryRun || !io.quiet) io.line(printable(io.quiet ? what : `${dryRun ? 'would remove' : 'removing'} ${what}`))
  }
  if (dryRun) return finish({ bytes: plan.bytes, dryRun }, `would free ${formatBytes(plan.bytes)}`, io)
  if (flags.yes !== true) await askFirst(`Remove this and free ${formatBytes(plan.bytes)}? [y/N] `, ['y', 'yes'], io)
  await cacheRm(plan)
  finish({ bytes: plan.bytes, dryRun }, `freed ${formatBytes(plan.bytes)}`, io)
}

async function runPrune(flags: Flags, io: Io): Promise<void> {
  const dryRun = flags.dryRun === true
  const plan = await planPrune({ cacheDir: textFlag(flags, 'cacheDir') })
  const lines = describe(plan)
  sayEvents(plan, io)
  for (const name of plan.busy) io.note(`left alone, something is being downloaded into it: ${printable(name)}`)
  if (plan.youngRevisions > 0) {
    const kept = countOf(plan.youngRevisions, 'revision')
    io.note(`${kept} without a branch or tag came in the last ten minutes: not pruned yet`)
  }
  if (!io.quiet) for (const line of lines) io.line(line)
  const counts = {
    revisions: plan.revisions.reduce((sum, { repo, commits }) => sum + (commits ?? repo.revisions).length, 0),
    blobs: plan.blobs.reduce((sum, { blobs }) => sum + blobs.length, 0) + plan.shared.length,
    leftovers: plan.leftovers.length,
  }
  const result = { ...counts, bytes: plan.bytes, youngRevisions: plan.youngRevisions, busy: plan.busy, dryRun }
  if (lines.length === 0) return finish(result, 'nothing to prune', io)
  if (dryRun) return finish(result, `would free ${formatBytes(plan.bytes)}`, io)
  if (flags.yes !== true) await askFirst(`Remove this and free ${formatBytes(plan.bytes)}? [y/N] `, ['y', 'yes'], io)
  await prune(plan)
  finish(result, `freed ${formatBytes(plan.bytes)}`, io)
}

function sayEvents({ revisions, blobs, shared, leftovers }: PrunePlan, io: Io): void {
  for (const { repo, commits } of revisions) {
    const gone = commits ?? repo.revisions.map(({ commit }) => commit)
    io.event('remove', { repo: repo.name, revisions: gone, isWhole: commits === null })
  }
  for (const { repo, blobs: unused } of blobs) {
    for (const { path } of unused) io.event('remove', { repo: repo.name, path, what: 'unused blob' })
  }
  for (const { path } of shared) io.event('remove', { repo: null, path, what: 'unused shared blob' })
  for (const { path, what, bytes } of leftovers) io.event('remove', { path, what, bytes })
}

function describe({ revisions, blobs, shared, leftovers }: PrunePlan): string[] {
  const lines = revisions.map(({ repo, commits }) =>
    commits === null
      ? `${repo.name}: all of it, no branch or tag names a revision`
      : `${repo.name}: ${countOf(commits.length, 'revision')} that no branch or tag names`,
  )
  for (const { repo, blobs: unused } of blobs)
    lines.push(`${repo.name}: ${countOf(unused.length, 'blob')} without a file`)
  if (shared.length > 0) lines.push(`${countOf(shared.length, 'shared blob')} that no repository uses`)
  if (leftovers.length > 0) lines.push(`${countOf(leftovers.length, 'leftover')} of ended downloads and removals`)
  return lines.map(printable)
}

function finish(fields: Readonly<Record<string, unknown>>, text: string, io: Io): void {
  io.event('done', fields)
  if (!io.quiet) io.line(text)
}
