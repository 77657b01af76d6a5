/** `--filter` and `--sort` of `cache ls`, in the words of `hf cache ls`: `size>1GB`, `accessed>7d`, `type=model`. */
import type { RepoFigures } from '../actions/cache-ls.ts'
import { AppError } from '../base/app-error.ts'

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, B: 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 }
const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, y: 31_536e6 }

type Test = (figures: RepoFigures) => boolean

export function parseCacheFilter(text: string, nowMs: number): Test {
  const [, key = '', operator = '', value = ''] = /^(\w+)(>=|<=|!=|=|>|<)(.+)$/.exec(text.trim()) ?? []
  if (key === 'size') return ({ diskBytes }) => compares(diskBytes, operator, parseSize(value, text))
  if (key === 'accessed') return ({ usedMs }) => compares(nowMs - usedMs, operator, parseSpan(value, text))
  if (key === 'modified') return ({ changedMs }) => compares(nowMs - changedMs, operator, parseSpan(value, text))
  if (key === 'type' && (operator === '=' || operator === '!=')) {
    return ({ repo }) => (repo.type === value) === (operator === '=')
  }
  if (key === 'refs' && (operator === '=' || operator === '!=')) {
    return ({ repo }) => repo.refs.has(value) === (operator === '=')
  }
  throw bad(text, 'give size>1GB, accessed>7d, modified<2h, type=model or refs=main')
}

/** `name`, `size`, `accessed` or `modified`; `:asc` and `:desc` turn it round. */
export function parseCacheSort(text: string): (a: RepoFigures, b: RepoFigures) => number {
  const [, key = '', order] = /^(name|size|accessed|modified)(?::(asc|desc))?$/.exec(text) ?? []
  if (key === '') {
    const message = `--sort is name, size, accessed or modified, with :asc or :desc behind it, not ${JSON.stringify(text)}`
    throw new AppError('usage', 'FLAG_INVALID', message)
  }
  const compare = (a: RepoFigures, b: RepoFigures): number => {
    if (key === 'size') return a.diskBytes - b.diskBytes
    if (key === 'accessed') return a.usedMs - b.usedMs
    return key === 'modified' ? a.changedMs - b.changedMs : a.repo.name < b.repo.name ? -1 : 1
  }
  const isDown = order === undefined ? key !== 'name' : order === 'desc'
  return (a, b) => (isDown ? compare(b, a) : compare(a, b))
}

function compares(actual: number, operator: string, value: number): boolean {
  if (operator === '>') return actual > value
  if (operator === '<') return actual < value
  if (operator === '>=') return actual >= value
  if (operator === '<=') return actual <= value
  return (actual === value) === (operator === '=')
}

function parseSize(value: string, text: string): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?$/i.exec(value) ?? []
  if (count === undefined) throw bad(text, 'a size is a number with kB, MB, GB or TB behind it')
  return Number(count) * (UNIT_BYTES[unit.toUpperCase()] ?? 1)
}

function parseSpan(value: string, text: string): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)\s*([smhdwy])$/.exec(value) ?? []
  if (count === undefined) throw bad(text, 'a span is a number with s, m, h, d, w or y behind it')
  return Number(count) * (UNIT_MS[unit] ?? 1)
}

function bad(text: string, why: string): AppError {
  return new AppError('usage', 'FLAG_INVALID', `--filter ${text.slice(0, 50)}: ${why}`)
}
