/** The limits of a server as flags: quotas of namespaces and rates of requests. */
import type { ServerLimits } from '../app/compose.ts'
import { AppError } from '../base/app-error.ts'
import type { Flags } from './output.ts'

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

export function parseServerLimits(flags: Flags): ServerLimits {
  const repos = flags.quotaRepos as string | undefined
  const bytes = flags.quotaBytes as string | undefined
  return {
    quotas: {
      ...(repos === undefined ? {} : { reposMax: parseCount('--quota-repos', repos) }),
      ...(bytes === undefined ? {} : { bytesMax: parseBytes('--quota-bytes', bytes) }),
    },
    rates: Object.fromEntries(((flags.rateLimit ?? []) as readonly string[]).map(parseRate)),
  }
}

/** `api=1000`; 0 is no limit. */
function parseRate(text: string): [string, number] {
  const [, bucket, count] = /^(api|resolvers|pages)=(\d{1,12})$/.exec(text) ?? []
  if (bucket !== undefined) return [bucket, Number(count)]
  const message = `--rate-limit ${text.slice(0, 50)}: api=, resolvers= or pages= and requests in 5 minutes, 0 for no limit`
  throw new AppError('usage', 'FLAG_INVALID', message)
}

function parseCount(flag: string, text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text)
  throw new AppError('usage', 'FLAG_INVALID', `${flag} ${text.slice(0, 50)}: a whole number`)
}

function parseBytes(flag: string, text: string): number {
  const [, count, unit = ''] = /^(\d{1,12})([KMGT]?)$/.exec(text) ?? []
  const bytes = Number(count) * (UNIT_BYTES[unit] ?? 1)
  if (count !== undefined && Number.isSafeInteger(bytes)) return bytes
  throw new AppError(
    'usage',
    'FLAG_INVALID',
    `${flag} ${text.slice(0, 50)}: a number of bytes, or with K, M, G or T behind it`,
  )
}
