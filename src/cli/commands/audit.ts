/** `xorbit audit`: who did what to what, when, from where; oldest first. */
import type { Admin } from '../../actions/admin.ts'
import { withAdmin } from '../../actions/open-admin.ts'
import { AppError } from '../../base/app-error.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { homeFolder } from '../../base/config.ts'
import type { Flags, Io } from '../output.ts'

const PAGE = 1_000
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

export async function run(_args: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const sinceMs = parseSince(flags.since as string | undefined, systemClock)
  const print = async (admin: Admin) => {
    let after: number | undefined
    do {
      io.signal.throwIfAborted()
      const lines = await admin.listAudit({ sinceMs, after, count: PAGE })
      for (const { seq, atMs, who, token, action, what, from, details } of lines) {
        const time = new Date(atMs).toISOString()
        io.event('audit', { time, seq, who, token, action, what, from, details })
        const more = Object.keys(details).length === 0 ? '' : ` ${JSON.stringify(details)}`
        io.line(`${time}  ${who}${token === null ? '' : ` (${token})`} from ${from}  ${action} ${what}${more}`)
      }
      after = lines.length < PAGE ? undefined : lines.at(-1)?.seq
    } while (after !== undefined)
  }
  await withAdmin(home, print, { isReading: true })
}

/** A moment (`2026-11-21`, `2026-11-21T10:00:00Z`) or a span before now (`90s`, `15m`, `24h`, `7d`). */
export function parseSince(text: string | undefined, clock: Clock): number | undefined {
  if (text === undefined) return undefined
  const span = /^(\d{1,9})([smhd])$/.exec(text)
  if (span !== null) return Math.max(clock.nowMs() - Number(span[1]) * (UNIT_MS[span[2] ?? ''] ?? 0), 0)
  const moment = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(moment)) return Math.max(moment, 0)
  throw new AppError(
    'usage',
    'FLAG_INVALID',
    `--since ${text.slice(0, 50)}: a moment like 2026-11-21, or a span like 24h`,
  )
}
