/** A repository of some Hub, as its addresses spell it. */
import type { RepoType } from '../hub/repo-id.ts'

export interface HubRepo {
  readonly type: RepoType
  /** `NS/NAME`; some old public repositories have a NAME only. */
  readonly id: string
}

/** `/api/models/ns/name`: where the API of a repository begins. */
export function apiPath({ type, id }: HubRepo): string {
  return `/api/${type}s/${encodePath(id)}`
}

/** `/datasets/ns/name`: where its files, git and LFS are; models have no prefix. */
export function webPath({ type, id }: HubRepo): string {
  return type === 'model' ? `/${encodePath(id)}` : `/${type}s/${encodePath(id)}`
}

/** The name of its folder in the Hugging Face cache. */
export function cacheFolderName({ type, id }: HubRepo): string {
  return `${type}s--${id.replaceAll('/', '--')}`
}

/** Each segment percent-encoded, slashes kept. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

export function formatRepo({ type, id }: HubRepo): string {
  return type === 'model' ? id : `${type}s/${id}`
}
