/** Which methods an address knows: what it is asked with another is answered 405, and changes nothing. */
import type { Route } from './route-list.ts'

export class OtherMethods {
  readonly #list: () => readonly Route[]
  #patterns: readonly { readonly method: string; readonly pattern: RegExp }[] | null = null

  /** The routes are read at the first question: by then all are known. */
  constructor(list: () => readonly Route[]) {
    this.#list = list
  }

  /** Upper case, without repeats; empty where nothing answers. `address` may end in a query. */
  of(address: string): readonly string[] {
    this.#patterns ??= this.#list().map(({ method, url }) => ({ method, pattern: patternOf(url) }))
    const [path = ''] = address.split('?', 1)
    return [...new Set(this.#patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))].sort()
  }
}

/** `:name` stands for one part of the path or the rest of a part, `*` for all that follows. */
function patternOf(url: string): RegExp {
  const source = url.replace(/:\w+|\*|[^:*]+/g, (piece) => {
    if (piece === '*') return '.*'
    return piece.startsWith(':') ? '[^/]+' : piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${source}$`)
}
