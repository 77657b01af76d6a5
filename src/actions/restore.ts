/**
 * A home made of a backup. Copied under a mark that keeps servers away until all of it is there; the epoch changes, since
 * clients may remember what came after the backup.
 */
import { readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import { makeFolder, syncFolder, writeFileAtomically } from '../base/atomic-file.ts'
import type { Clock } from '../base/clock.ts'
import { runFiles } from '../base/config.ts'
import { ifThere, textIfThere } from '../base/if-there.ts'
import { Accounts } from '../hub/accounts.ts'
import { LOCAL_ACTOR } from '../hub/audit-log.ts'
import { checkDatabase, copyDurably, copyFolder } from '../store/backup.ts'
import { sizeIfThere } from '../store/blob-file.ts'
import { restoreMark } from '../store/home.ts'
import { BACKUP_FILE } from './backup.ts'

export interface RestoreReport {
  readonly repositories: number
  readonly xorbs: number
  readonly shards: number
  readonly epoch: string
}

const PRIVATE = 0o700
const PRIVATE_FILE = 0o600
const DATABASES = ['accounts.db', 'catalog.db'] as const
const COUNT = z.number().int().nonnegative()
const REPORT = z.object({ format: z.literal(1), repositories: COUNT, xorbs: COUNT, shards: COUNT })

export async function restoreHome(options: { folder: string; home: string; clock: Clock }): Promise<RestoreReport> {
  const { folder, home, clock } = options
  const expected = await readReport(folder)
  await makeFolder(home, PRIVATE)
  await checkEmpty(home)
  await writeFileAtomically(restoreMark(home), `${folder}\n`)
  for (const name of DATABASES) {
    for (const end of ['-wal', '-shm']) await rm(join(home, name + end), { force: true })
    await copyDurably(join(folder, name), join(home, name), { link: false })
    checkDatabase(join(home, name))
  }
  for (const part of ['blobs', 'repos']) await copyPart(join(folder, part), join(home, part))
  const counts = await countRestored(home)
  for (const key of ['xorbs', 'shards'] as const) {
    if (counts[key] === expected[key]) continue
    const message = `${folder} holds ${counts[key]} ${key}, its ${BACKUP_FILE} says ${expected[key]}: it is not whole`
    throw new AppError('damaged', 'BACKUP_INCOMPLETE', message)
  }
  await copyDurably(join(folder, 'layout-version'), join(home, 'layout-version'), { link: false })
  const epoch = await startAnew({ folder, home, clock })
  await rm(restoreMark(home))
  await syncFolder(home)
  return { repositories: expected.repositories, ...counts, epoch }
}

async function readReport(folder: string): Promise<z.infer<typeof REPORT>> {
  const text = await textIfThere(join(folder, BACKUP_FILE))
  const report = text === null ? null : REPORT.safeParse(parsed(text))
  if (report?.success === true) return report.data
  throw new AppError(
    'usage',
    'BACKUP_INCOMPLETE',
    `${folder} is no finished backup of this version: ${BACKUP_FILE} says so`,
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** A restore never mixes with what is there; one that was killed may be run again. */
async function checkEmpty(home: string): Promise<void> {
  if ((await sizeIfThere(restoreMark(home))) !== null) return
  // Its mark may not have had its name yet.
  const names = (await readdir(home)).filter((name) => !name.startsWith(`${basename(restoreMark(home))}.`))
  if (names.length > 0) throw new AppError('usage', 'HOME_NOT_EMPTY', `${home} is not empty: restore into a new folder`)
}

async function copyPart(from: string, to: string): Promise<void> {
  // A server without repositories has no such folder.
  await ifThere(copyFolder(from, to, { link: false }))
}

async function countRestored(home: string): Promise<{ xorbs: number; shards: number }> {
  const count = async (kind: string) => {
    const entries = await readdir(join(home, 'blobs', kind), { recursive: true })
    return entries.filter((path) => /(^|\/)[0-9a-f]{64}$/.test(path)).length
  }
  return { xorbs: await count('xorbs'), shards: await count('shards') }
}

/** A new epoch, and a token for the commands of this machine: the old one is in no backup. */
async function startAnew({ folder, home, clock }: { folder: string; home: string; clock: Clock }): Promise<string> {
  const accounts = Accounts.open(join(home, 'accounts.db'), clock)
  try {
    const epoch = await accounts.epoch.advance('restored from a backup')
    accounts.audit.append(LOCAL_ACTOR, { action: 'store.restore', what: '-', details: { folder } })
    const admin = accounts.listUsers().find((user) => user.admin)
    if (admin === undefined) return epoch
    const { token } = accounts.createToken(admin.name, { scope: 'admin', name: `restored-${epoch}` })
    await makeFolder(runFiles(home).folder, PRIVATE)
    await writeFileAtomically(runFiles(home).token, `${token}\n`, PRIVATE_FILE)
    return epoch
  } finally {
    accounts.close()
  }
}
