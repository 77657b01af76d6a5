/** `xorbit doctor`: what is wrong on this machine and, where there is one, with its server; each with its remedy. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from '../../actions/doctor.ts'
import { examineClient } from '../../actions/doctor-client.ts'
import { withCare } from '../../actions/open-care.ts'
import { AppError } from '../../base/app-error.ts'
import { homeFolder } from '../../base/config.ts'
import { createLog } from '../../base/log.ts'
import { applySettings } from '../apply-settings.ts'
import type { Flags, Io } from '../output.ts'
import { countOf, printable } from '../quantities.ts'
import { hubFlags, textFlag } from '../transfer-flags.ts'

export async function run(_args: string[], flags: Flags, io: Io): Promise<void> {
  await settle(flags)
  const home = homeFolder(textFlag(flags, 'home'), process.env)
  const hasHome = textFlag(flags, 'home') !== undefined || (await isThere(join(home, 'layout-version')))
  const client = await examineClient({
    ...hubFlags(flags),
    cacheDir: textFlag(flags, 'cacheDir'),
    signal: io.signal,
  })
  const ofServer = hasHome ? await examineServer(home) : []
  client.fact('server home', hasHome ? home : `none at ${home}`)
  for (const { name, text } of client.facts) {
    io.event('fact', { name, text })
    if (!io.quiet) io.line(`${`${name}:`.padEnd(14)} ${printable(text)}`)
  }
  const findings = [...client.findings, ...ofServer].sort(byWeight)
  for (const { level, what, remedy } of findings) {
    io.event('finding', { level, what, remedy })
    io.line(io.quiet ? printable(what) : `\n${level}: ${printable(what)}\n  do: ${printable(remedy)}`)
  }
  if (!io.quiet && !io.json) io.line('')
  const problems = findings.filter(({ level }) => level === 'problem').length
  if (problems > 0) {
    const message = `${countOf(problems, 'problem')} on this machine: what to do stands below each`
    throw new AppError('damaged', 'VERIFY_DIFFERENCES', message, { data: { problems } })
  }
  io.event('done', { problems, findings: findings.length })
  if (!io.quiet) io.line(findings.length === 0 ? 'all is well' : 'no problem')
}

async function examineServer(home: string): Promise<readonly Finding[]> {
  try {
    return await withCare(home, createLog('error'), (care) => care.doctor())
  } catch (error) {
    // A finding about this machine already.
    if (error instanceof AppError && (error.code === 'PROXY_BAD' || error.code === 'CA_FILE_BAD')) return []
    throw error
  }
}

function byWeight(a: Finding, b: Finding): number {
  return Number(b.level === 'problem') - Number(a.level === 'problem')
}

/** A broken file of settings is one of the findings, not the end. */
async function settle(flags: Flags): Promise<void> {
  try {
    await applySettings({ flags: [] }, flags, process.env)
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'usage') throw error
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
