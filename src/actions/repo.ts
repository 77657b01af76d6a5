/** Repositories of a Hub, as a whole: made, named, set and deleted. */
import { AppError } from '../base/app-error.ts'
import type { RepoType } from '../hub/repo-id.ts'
import { parseModelRef } from '../models/model-ref.ts'
import type { RepoSettings } from '../transfer/hub-client.ts'
import { type HubChoice, openHub } from '../transfer/hub-location.ts'
import { formatRepo } from '../transfer/hub-repo.ts'
import { oneOf } from './pull.ts'

export interface RepoOptions extends HubChoice {
  /** NS/NAME, hf://… or an address. */
  readonly repo: string
  readonly repoType?: RepoType | undefined
  readonly signal?: AbortSignal | undefined
}

/** Makes an empty repository, unless there is one (`made` is false then); gives its name and address. */
export async function createRepo(
  options: RepoOptions & { isPrivate: boolean },
): Promise<{ repo: string; url: string; made: boolean }> {
  const ref = refOf(options)
  if (!ref.repo.id.includes('/')) {
    throw new AppError('usage', 'REF_BAD', `${options.repo} names no owner: give OWNER/NAME`)
  }
  const hub = await openHub({ ...options, endpoint: oneOf(ref.endpoint, options.endpoint, '--endpoint') })
  try {
    const made = await hub.createRepo(ref.repo, { isPrivate: options.isPrivate }, options.signal)
    return { repo: formatRepo(ref.repo), url: `${hub.endpoint}/${formatRepo(ref.repo)}`, made }
  } finally {
    await hub.http.close()
  }
}

export async function deleteRepo(options: RepoOptions): Promise<{ repo: string }> {
  const ref = refOf(options)
  const hub = await openHub({ ...options, endpoint: oneOf(ref.endpoint, options.endpoint, '--endpoint') })
  try {
    await hub.deleteRepo(ref.repo, options.signal)
    return { repo: formatRepo(ref.repo) }
  } finally {
    await hub.http.close()
  }
}

/** Gives it another name, also of another owner; old addresses lead to it. */
export async function moveRepo(options: RepoOptions & { to: string }): Promise<{ repo: string; url: string }> {
  const ref = refOf(options)
  const to = refOf({ ...options, repo: options.to })
  if (!to.repo.id.includes('/')) throw new AppError('usage', 'REF_BAD', `${options.to} names no owner: give OWNER/NAME`)
  const hub = await openHub({ ...options, endpoint: oneOf(ref.endpoint, options.endpoint, '--endpoint') })
  try {
    const moved = { type: ref.repo.type, id: to.repo.id }
    await hub.moveRepo(ref.repo, moved.id, options.signal)
    return { repo: formatRepo(moved), url: `${hub.endpoint}/${formatRepo(moved)}` }
  } finally {
    await hub.http.close()
  }
}

export async function changeRepoSettings(options: RepoOptions & { settings: RepoSettings }): Promise<{ repo: string }> {
  const ref = refOf(options)
  const hub = await openHub({ ...options, endpoint: oneOf(ref.endpoint, options.endpoint, '--endpoint') })
  try {
    await hub.changeSettings(ref.repo, options.settings, options.signal)
    return { repo: formatRepo(ref.repo) }
  } finally {
    await hub.http.close()
  }
}

function refOf({ repo, repoType }: RepoOptions) {
  const ref = parseModelRef(repo, { type: repoType })
  if (ref.revision === null) return ref
  throw new AppError('usage', 'REVISION_UNEXPECTED', `${repo}: a repository is meant here, without @${ref.revision}`)
}
