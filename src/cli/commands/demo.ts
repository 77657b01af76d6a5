/** `xorbit demo`: tells each step as it ends, then the measured figures. */
import { demo } from '../../actions/demo.ts'
import type { Flags, Io } from '../output.ts'

export async function run(_args: string[], flags: Flags, io: Io): Promise<void> {
  const keep = flags.keep === true
  const summary = await demo({
    keep,
    signal: io.signal,
    onStep({ name, text, figures }) {
      io.event('step', { name, ...figures })
      io.line(`- ${text}`)
    },
  })
  const { folder, ...figures } = summary
  io.event('done', keep ? { ...summary } : figures)
  const rows: [string, string][] = [
    ['files', `${summary.files}, ${summary.bytes} bytes`],
    ['first push sent', `${summary.firstSent} bytes`],
    ['edited copy sent', `${summary.editSent} bytes (${share(summary.editSent, summary.bytes)})`],
    ['damaged byte', `refused with ${summary.refusedCode}`],
    ['repair sent', `${summary.repairSent} bytes (${share(summary.repairSent, summary.bytes)})`],
    ['time', `${summary.seconds.toFixed(1)} s`],
  ]
  io.line('')
  for (const [name, value] of rows) io.line(`${name.padEnd(18)}${value}`)
  if (keep) io.line(`kept in ${folder}`)
}

function share(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`
}
