/** What is wrong with a home, each finding with its remedy. Looks only; reads no stored bytes (that is `scrub`). */
import { constants } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { runFiles } from '../base/config.ts'
import { ifThere } from '../base/if-there.ts'
import { checkOpenDatabase } from '../store/backup.ts'
import { findScrub } from '../store/scrub.ts'
import { lowSpace } from '../store/space.ts'
import type { Store } from './open-store.ts'

export interface Finding {
  readonly level: 'problem' | 'advice'
  readonly what: string
  readonly remedy: string
}

const SCRUB_DAYS = 30
const DAY_SECONDS = 86_400

/** In order of weight; empty when all is well. */
export async function examine(store: Store): Promise<Finding[]> {
  const findings = [
    ...(await disk(store)),
    ...(await databases(store)),
    ...(await blobs(store)),
    ...(await scrubs(store)),
  ]
  return findings.sort((a, b) => Number(b.level === 'problem') - Number(a.level === 'problem'))
}

async function disk({ home }: Store): Promise<Finding[]> {
  const problem = (what: string, remedy: string): Finding => ({ level: 'problem', what, remedy })
  const findings = lowSpace(home).map((what) => problem(what, 'xorbit gc --now, or a larger disk'))
  for (const part of ['.', 'blobs', 'blobs/tmp', 'repos']) {
    const path = join(home, part)
    const isBad = await access(path, constants.R_OK | constants.W_OK).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    )
    if (isBad)
      findings.push(problem(`${path} cannot be written`, `chown and chmod u+rwX ${path}, or mount it writable`))
  }
  const { mode } = await stat(home)
  if ((mode & 0o077) !== 0) findings.push(problem(`others may read ${home}`, `chmod 700 ${home}`))
  const token = await ifThere(stat(runFiles(home).token))
  if (token !== null && (token.mode & 0o077) !== 0) {
    findings.push(problem(`others may read ${runFiles(home).token}`, `chmod 600 it, then xorbit token revoke`))
  }
  return findings
}

async function databases({ home }: Store): Promise<Finding[]> {
  const findings: Finding[] = []
  const remedies = { 'catalog.db': 'stop the server, run xorbit rebuild', 'accounts.db': 'xorbit restore of a backup' }
  for (const [name, remedy] of Object.entries(remedies)) {
    try {
      checkOpenDatabase(join(home, name))
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      findings.push({ level: 'problem', what: error.message, remedy })
    }
  }
  return findings
}

async function blobs({ home, blobs: store, catalog }: Store): Promise<Finding[]> {
  const findings: Finding[] = []
  for await (const name of store.list('xorb')) {
    const { damaged = [] } = (await store.find({ kind: 'xorb', name })) ?? {}
    if (damaged.length === 0) continue
    const holders = (await catalog.findHolders(`xorb:${name}`, 3)).join(', ') || 'no file'
    const what = `${damaged.length} chunks of xorb ${name} are damaged; it holds ${holders}`
    findings.push({ level: 'problem', what, remedy: 'push the files that need it again' })
  }
  const aside = await readdir(join(home, 'blobs', 'quarantine'))
  if (aside.length > 0) {
    const what = `${aside.length} damaged copies lie in blobs/quarantine`
    findings.push({ level: 'advice', what, remedy: 'once scrub finds nothing more, delete them' })
  }
  return findings
}

async function scrubs({ catalog, clock }: Store): Promise<Finding[]> {
  const last = await findScrub(catalog)
  const advice = (what: string): Finding[] => [{ level: 'advice', what, remedy: 'xorbit scrub' }]
  if (last === null) return advice('what is stored was never checked whole')
  if (last.problemCount > 0) {
    return last.problems.map(({ kind, name, problem }) => ({
      ...{ level: 'problem' as const, what: `scrub: ${kind} ${name}: ${problem}` },
      remedy: 'push the file again, then xorbit scrub --restart',
    }))
  }
  if (last.finishedSeconds === null) return advice('the last scrub did not come to its end')
  const days = Math.floor((clock.nowSeconds() - last.finishedSeconds) / DAY_SECONDS)
  return days > SCRUB_DAYS ? advice(`the last scrub was ${days} days ago`) : []
}
