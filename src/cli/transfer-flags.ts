/** Flags that the transfer commands share, as options of their actions. */
import { AppError } from '../base/app-error.ts'
import type { Flags } from './output.ts'

const REPO_TYPES = ['model', 'dataset', 'space'] as const

/** Endpoint, token, home and certificate authorities. */
export function hubFlags(flags: Flags) {
  return {
    endpoint: textFlag(flags, 'endpoint'),
    token: textFlag(flags, 'token'),
    home: textFlag(flags, 'home'),
    caCert: textFlag(flags, 'caCert'),
  }
}

/** Repository type and revision. */
export function repoFlags(flags: Flags) {
  const type = textFlag(flags, 'repoType')
  const repoType = REPO_TYPES.find((known) => known === type)
  if (type !== undefined && repoType === undefined) {
    throw new AppError('usage', 'FLAG_INVALID', `--repo-type is model, dataset or space, not ${JSON.stringify(type)}`)
  }
  return { repoType, revision: textFlag(flags, 'revision') }
}

export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}

export function listFlag(flags: Flags, name: string): readonly string[] | undefined {
  const value = flags[name]
  return typeof value === 'string' ? [value] : Array.isArray(value) ? value : undefined
}

/** A whole number of at least one. */
export function countFlag(flags: Flags, name: string, flag: string): number | undefined {
  const text = textFlag(flags, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new AppError('usage', 'FLAG_INVALID', `${flag} is a whole number from 1, not ${JSON.stringify(text)}`)
  }
  return value
}

/** How much at once, how fast, how long. */
export function limitFlags(flags: Flags) {
  const seconds = (name: string, flag: string) => {
    const value = numberFlag(flags, name, flag, /^(\d+(?:\.\d+)?)$/)
    return value === undefined ? undefined : value * 1000
  }
  const bytes = (name: string, flag: string) => numberFlag(flags, name, flag, /^(\d+(?:\.\d+)?)([kmg]?)(?:i?b)?$/i)
  return {
    limits: {
      connections: countFlag(flags, 'connections', '--connections'),
      bytesPerSecond: bytes('limitRate', '--limit-rate'),
      connectMs: seconds('connectTimeout', '--connect-timeout'),
      maxTimeMs: seconds('maxTime', '--max-time'),
      memoryBytes: bytes('maxMemory', '--max-memory'),
    },
  }
}

/** A number above zero; K, M and G are powers of 1024. */
function numberFlag(flags: Flags, name: string, flag: string, form: RegExp): number | undefined {
  const text = textFlag(flags, name)
  if (text === undefined) return undefined
  const [, digits = '', unit = ''] = form.exec(text) ?? []
  const value = Number(digits) * 1024 ** ' kmg'.indexOf(unit.toLowerCase() || ' ')
  if (digits === '' || !(value > 0) || value > Number.MAX_SAFE_INTEGER) {
    const example = form.source.includes('kmg') ? 'bytes such as 500K, 20M or 1G' : 'seconds such as 30'
    throw new AppError('usage', 'FLAG_INVALID', `${flag} is a number above 0, ${example}, not ${JSON.stringify(text)}`)
  }
  return value
}
