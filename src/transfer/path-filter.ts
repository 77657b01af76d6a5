/** Which files of a listing are wanted: names, then `--include` and `--exclude` globs as huggingface_hub reads them. */

import { AppError } from '../base/app-error.ts'

export interface PathChoice {
  /** Exact paths; none means all. */
  readonly files?: readonly string[] | undefined
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
}

/** `*` and `?` match slashes too; `dir/` means everything below. */
export function pathFilter({ files = [], include = [], exclude = [] }: PathChoice): (path: string) => boolean {
  const wanted = include.map(globPattern)
  const refused = exclude.map(globPattern)
  const named = new Set(files)
  return (path) =>
    (named.size === 0 || named.has(path)) &&
    (wanted.length === 0 || wanted.some((pattern) => pattern.test(path))) &&
    !refused.some((pattern) => pattern.test(path))
}

function globPattern(glob: string): RegExp {
  try {
    return compileGlob(glob)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    const message = `The pattern ${JSON.stringify(glob)} cannot be understood: look at its [brackets]`
    throw new AppError('usage', 'GLOB_BAD', message, { cause })
  }
}

function compileGlob(glob: string): RegExp {
  const whole = glob.endsWith('/') ? `${glob}*` : glob
  const source = whole
    .replace(/\*+/g, '*')
    .split(/(\*|\?|\[!?[^\]]+\])/)
    .map(patternOf)
    .join('')
  return new RegExp(`^${source}$`, 'su')
}

function patternOf(part: string): string {
  if (part === '*') return '.*'
  if (part === '?') return '.'
  if (/^\[!?[^\]]+\]$/.test(part)) {
    const inner = part.slice(1, -1).replace(/[\\[\]^]/g, '\\$&')
    return inner.startsWith('!') ? `[^${inner.slice(1)}]` : `[${inner}]`
  }
  return part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
