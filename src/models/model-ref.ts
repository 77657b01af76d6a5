/**
 * The one reader of what a person types for a model, data set or space.
 *
 *   reference := [HOST "/"] repo ["@" revision] ["/" path]
 *   repo      := ["datasets/" | "spaces/" | "models/"] NS "/" NAME | NAME
 *
 * and the same as `hf://repo@revision/path` or `https://HOST/repo[/tree/REV[/path]]`. In a revision `@`, `+`, `:` and `/`
 * may be percent-encoded; before a path a `/` must be, but in `refs/pr/N` and `refs/convert/X`. Only `target` references
 * may have a path.
 */

import { AppError } from '../base/app-error.ts'
import { checkRepoPath } from '../base/safe-path.ts'
import { isRefName } from '../git/ref-name.ts'
import { isRepoName, type RepoType } from '../hub/repo-id.ts'
import type { HubRepo } from '../transfer/hub-repo.ts'

export interface ModelRef {
  /** `https://huggingface.co` and the like, when the reference names a host. */
  readonly endpoint: string | null
  readonly repo: HubRepo
  /** As typed, decoded; null when left out. */
  readonly revision: string | null
  /** Of a file or folder in the repository. */
  readonly path: string | null
}

export interface ReadRefOptions {
  /** What `--repo-type` says. */
  readonly type?: RepoType | undefined
  /** The word may end with a path in the repository. */
  readonly target?: boolean
}

const REVISION_CHARS_MAX = 255
const PUBLIC_HOSTS = ['hf.co', 'huggingface.co', 'www.huggingface.co']
const PUBLIC_ENDPOINT = 'https://huggingface.co'
const TYPE_OF_PREFIX: Readonly<Record<string, RepoType>> = { models: 'model', datasets: 'dataset', spaces: 'space' }

export function parseModelRef(text: string, options: ReadRefOptions = {}): ModelRef {
  const fail = (why: string) => {
    const shown = JSON.stringify(text.slice(0, 200))
    return new AppError(
      'usage',
      'REF_BAD',
      `${shown} is no reference: ${why}; give NS/NAME, NS/NAME@REVISION or an address`,
    )
  }
  if (/\p{Cc}/u.test(text) || (options.target !== true && /\s/u.test(text))) {
    throw fail('it holds a space or control character')
  }
  if (text === '') throw fail('it is empty')
  if (/^(\.{0,2}\/|~|\.{1,2}$|[a-z]:\\)/i.test(text)) throw fail('it is a path on this machine')
  const { endpoint, rest, isWeb } = splitHost(text, fail)
  const { type, words } = splitType(rest, options.type, fail)
  const ref = isWeb ? readWebWords(words, fail) : readWords(words, options.target === true, fail)
  checkRepoName(ref.id, fail)
  if (ref.revision !== null) checkRevision(ref.revision, fail)
  if (ref.path !== null && options.target !== true) throw fail('a path does not belong here')
  if (ref.path !== null) checkRepoPath(ref.path)
  return { endpoint, repo: { type, id: ref.id }, revision: ref.revision, path: ref.path }
}

type Fail = (why: string) => AppError

interface Parts {
  readonly id: string
  readonly revision: string | null
  readonly path: string | null
}

function splitHost(text: string, fail: Fail): { endpoint: string | null; rest: string; isWeb: boolean } {
  if (/^hf:\/\//i.test(text)) return { endpoint: null, rest: text.slice(5), isWeb: false }
  if (/^https?:\/\//i.test(text)) {
    if (!URL.canParse(text)) throw fail('it is no address')
    const url = new URL(text)
    if (url.username || url.password) throw fail('an address here has no credentials')
    return { endpoint: endpointOf(url.protocol, url.host), rest: url.pathname.slice(1), isWeb: true }
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) throw fail('only hf, http and https are understood')
  const [first = '', ...others] = text.split('/')
  const hasPort = /^[^@:]+:\d+$/.test(first)
  if (PUBLIC_HOSTS.includes(first) || hasPort || (others.length >= 2 && /^[^@]*\./.test(first))) {
    const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(first)
    if (!URL.canParse(`http://${first}`)) throw fail('its host is none')
    return { endpoint: endpointOf(isLocal ? 'http:' : 'https:', first), rest: others.join('/'), isWeb: false }
  }
  return { endpoint: null, rest: text, isWeb: false }
}

function endpointOf(protocol: string, host: string): string {
  return PUBLIC_HOSTS.includes(host) ? PUBLIC_ENDPOINT : `${protocol}//${host}`
}

function splitType(rest: string, flag: RepoType | undefined, fail: Fail): { type: RepoType; words: string[] } {
  const words = rest.replace(/\/$/, '').split('/')
  const prefix = words.length > 1 ? TYPE_OF_PREFIX[words[0] ?? ''] : undefined
  if (prefix === undefined) return { type: flag ?? 'model', words }
  if (flag !== undefined && flag !== prefix) throw fail(`it names a ${prefix}, --repo-type says ${flag}`)
  return { type: prefix, words: words.slice(1) }
}

/** NS/NAME@REV/PATH; a lone NAME when there is nothing else to be. */
function readWords(words: readonly string[], isTarget: boolean, fail: Fail): Parts {
  const at = words.findIndex((word) => word.includes('@'))
  if (at < 0) {
    if (words.length > 2 && !isTarget) throw fail('it has too many parts')
    refuseVariant(words.slice(0, 2).join('/'), fail)
    const path = words.slice(2).join('/')
    return { id: words.slice(0, 2).join('/'), revision: null, path: path === '' ? null : path }
  }
  if (at > 1) throw fail('`@` comes right after the name')
  const word = words[at] ?? ''
  const id = [...words.slice(0, at), word.slice(0, word.indexOf('@'))].join('/')
  const after = [word.slice(word.indexOf('@') + 1), ...words.slice(at + 1)]
  refuseVariant(after[0] ?? '', fail)
  const length = isTarget ? revisionWords(after) : after.length
  const path = after.slice(length).join('/')
  return { id, revision: decode(after.slice(0, length).join('/'), fail), path: path === '' ? null : path }
}

/** The address of a page: `/NS/NAME`, `/NS/NAME/{tree,blob,resolve,raw,commit}/REV/PATH`. */
function readWebWords(words: readonly string[], fail: Fail): Parts {
  const verb = words.findIndex((word, i) => i > 0 && ['tree', 'blob', 'resolve', 'raw', 'commit'].includes(word))
  if (verb < 0) {
    if (words.length > 2) throw fail('it is no address of a repository')
    return { id: words.join('/'), revision: null, path: null }
  }
  if (verb > 2) throw fail('it is no address of a repository')
  const after = words.slice(verb + 1)
  const length = revisionWords(after)
  const path = decode(after.slice(length).join('/'), fail)
  const revision = decode(after.slice(0, length).join('/'), fail)
  return { id: words.slice(0, verb).join('/'), revision, path: path === '' ? null : path }
}

function revisionWords([first, second]: readonly string[]): number {
  return first === 'refs' && (second === 'pr' || second === 'convert' || second === 'heads') ? 3 : 1
}

function refuseVariant(text: string, fail: Fail): void {
  if (/[:+]/.test(text)) throw fail('variants (`:`) and adapters (`+`) are for commands that run a model')
}

function decode(text: string, fail: Fail): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) throw fail('its percent signs are not followed by two digits')
    throw error
  }
}

function checkRepoName(id: string, fail: Fail): void {
  const parts = id.split('/')
  if (parts.length > 2) throw fail('it has too many parts')
  for (const part of parts) {
    if (!isRepoName(part)) throw fail(`${JSON.stringify(part)} is no name of a repository or its owner`)
  }
}

function checkRevision(revision: string, fail: Fail): void {
  if ((revision !== 'HEAD' && !isRefName(revision)) || revision.length > REVISION_CHARS_MAX)
    throw fail('its revision is no git name')
}
