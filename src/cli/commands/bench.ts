/** `xorbit bench [--endpoint URL]`: how fast this machine is, and how fast a Hub. */
import { benchHub } from '../../actions/bench-hub.ts'
import { benchLocal, type Measured } from '../../actions/bench-local.ts'
import { AppError } from '../../base/app-error.ts'
import type { Flags, Io } from '../output.ts'
import { formatBytes, formatSeconds } from '../quantities.ts'
import { countFlag, hubFlags, textFlag } from '../transfer-flags.ts'

const MIB_DEFAULT = 64
/** The local part holds all of it in memory, the other sends it to somebody's server. */
const MIB_MAX = 2048

export async function run(_args: string[], flags: Flags, io: Io): Promise<void> {
  const mib = countFlag(flags, 'mib', '--mib') ?? MIB_DEFAULT
  if (mib > MIB_MAX) throw new AppError('usage', 'FLAG_INVALID', `--mib ${mib}: at most ${MIB_MAX}`)
  const onMeasured = (measured: Measured) => say(measured, io)
  const { signal } = io
  if (textFlag(flags, 'endpoint') === undefined) {
    await benchLocal({ mib, onMeasured, signal })
    io.event('done', { mib })
    return
  }
  const { endpoint, repo } = await benchHub({ ...hubFlags(flags), mib, onMeasured, signal })
  io.event('done', { mib, endpoint, repo })
  if (!io.quiet) io.line(`${endpoint}; ${repo} was made for it and is deleted`)
}

function say({ name, bytes, seconds, figures = {} }: Measured, io: Io): void {
  const bytesPerSecond = seconds > 0 ? bytes / seconds : 0
  io.event('measured', { name, bytes, seconds, bytesPerSecond: Math.round(bytesPerSecond), ...figures })
  const { storedShare, sentBytes } = figures
  const more = [
    ...(storedShare === undefined ? [] : [`packs to ${(100 * storedShare).toFixed(1)} %`]),
    ...(sentBytes === undefined ? [] : [`${formatBytes(sentBytes)} sent`]),
  ]
  const speed = `${formatBytes(bytesPerSecond)}/s`.padStart(10)
  io.line(
    `${name.padEnd(22)} ${speed}  ${formatBytes(bytes)} in ${formatSeconds(seconds)}${more.map((text) => `, ${text}`).join('')}`,
  )
}
