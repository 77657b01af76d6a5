/** `xorbit doctor`: what is wrong with a server's home, each finding with its remedy. */
import { withCare } from '../../actions/open-care.ts'
import { AppError } from '../../base/app-error.ts'
import { homeFolder } from '../../base/config.ts'
import { createLog } from '../../base/log.ts'
import type { Flags, Io } from '../output.ts'

export async function run(_args: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const findings = await withCare(home, createLog('error'), (care) => care.doctor())
  for (const finding of findings) {
    io.event('finding', { ...finding })
    io.line(`${finding.level}: ${finding.what}\n  ${finding.remedy}`)
  }
  const problems = findings.filter(({ level }) => level === 'problem').length
  if (problems > 0) {
    throw new AppError('damaged', 'VERIFY_DIFFERENCES', `${problems} problems at ${home}: see above`, {
      data: { problems },
    })
  }
  io.event('done', { problems, findings: findings.length })
  io.line(findings.length === 0 ? `all is well at ${home}` : `no problem at ${home}`)
}
