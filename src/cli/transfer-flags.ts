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
