/**
 * The name of a repository: type, namespace, name. Compared without regard to case, shown as its maker wrote it. The
 * first segments of the server's own addresses name no account, so that no repository hides a route.
 */
import { AppError } from '../base/app-error.ts'

export const REPO_TYPES = ['model', 'dataset', 'space'] as const
export type RepoType = (typeof REPO_TYPES)[number]

export interface RepoId {
  readonly type: RepoType
  readonly namespace: string
  readonly name: string
}

const NAME_LENGTH_MAX = 96
const RESERVED = new Set(
  [
    'api health livez readyz metrics openapi.json docs datasets spaces cas v1 v2 oai tokenize detokenize',
    'apply-template slots lora-adapters props download download-hash - login logout settings new join about pricing',
    'search blog assets static favicon.ico robots.txt .well-known oauth uploads kernels buckets avatars models users',
    'organizations collections papers completion embedding infill rerank',
  ]
    .join(' ')
    .split(' '),
)

/** Whether `text` may name a repository, an account or an organisation. */
export function isRepoName(text: string): boolean {
  if (text.length === 0 || text.length > NAME_LENGTH_MAX || !/^[A-Za-z0-9_.-]+$/.test(text)) return false
  return !/^[-.]|[-.]$|--|\.\.|\.git$|\.lock$/i.test(text)
}

export function isReservedName(namespace: string): boolean {
  return RESERVED.has(namespace.toLowerCase())
}

/** Reads `namespace/name`. */
export function parseRepoId(text: string, type: RepoType = 'model'): RepoId {
  const [namespace = '', name = '', more] = text.split('/')
  if (more !== undefined || !isRepoName(namespace) || !isRepoName(name) || isReservedName(namespace)) {
    throw new AppError('usage', 'REPO_ID_INVALID', `${JSON.stringify(text.slice(0, 200))} is no NAMESPACE/NAME`)
  }
  return { type, namespace, name }
}

/** Reads `namespace/name`, `datasets/namespace/name` or `spaces/namespace/name`. */
export function parseTypedRepoId(text: string): RepoId {
  const type = REPO_TYPES.find((one) => one !== 'model' && text.startsWith(`${one}s/`))
  return type === undefined ? parseRepoId(text) : parseRepoId(text.slice(type.length + 2), type)
}

/** What `parseTypedRepoId` reads. */
export function formatTypedRepoId(id: RepoId): string {
  return webPath(id).slice(1)
}

/** `namespace/name`, as answers show it. */
export function formatRepoId({ namespace, name }: RepoId): string {
  return `${namespace}/${name}`
}

/** `/api/models/namespace/name`. */
export function apiPath(id: RepoId): string {
  return `/api/${id.type}s/${formatRepoId(id)}`
}

/** Where pages, files and git are: `/namespace/name`, below `/datasets` or `/spaces` for those. */
export function webPath(id: RepoId): string {
  return `${id.type === 'model' ? '' : `/${id.type}s`}/${formatRepoId(id)}`
}
