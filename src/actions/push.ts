/** Local files to a repository as one commit; only what the Hub does not have is sent. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { cancelled } from '../base/retry.ts'
import { withinTime } from '../base/time-limit.ts'
import type { RepoType } from '../hub/repo-id.ts'
import { parseModelRef } from '../models/model-ref.ts'
import { gitBlobId } from '../transfer/commit-lines.ts'
import { isOn, ownCache } from '../transfer/hf-home.ts'
import type { HubClient, PreuploadAnswer } from '../transfer/hub-client.ts'
import { type HubChoice, openHub } from '../transfer/hub-location.ts'
import { formatRepo, type HubRepo } from '../transfer/hub-repo.ts'
import { hashLocal } from '../transfer/lfs-upload.ts'
import { type LocalFile, listLocalFiles } from '../transfer/local-files.ts'
import { pathFilter } from '../transfer/path-filter.ts'
import type { OnProgress } from '../transfer/progress.ts'
import { type PushJob, type PushOutcome, planPush, pushFiles } from '../transfer/push-files.ts'
import { oneOf } from './pull.ts'

const UPLOADS = 4
const MADE_BY_PUSH = new Set(['REPO_NOT_FOUND', 'REVISION_NOT_FOUND'])
const NOTHING_THERE = { answers: new Map<string, PreuploadAnswer>(), commit: null, ignored: [] }

export interface PushOptions extends HubChoice {
  /** NS/NAME, hf://… or an address; with a branch as revision. */
  readonly repo: string
  readonly repoType?: RepoType | undefined
  readonly revision?: string | undefined
  /** Files, folders (their contents), or `PATH:DESTINATION`; with none, the current folder. */
  readonly paths?: readonly string[] | undefined
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  readonly message?: string | undefined
  readonly description?: string | undefined
  /** Refuse unless the branch still is at this commit. */
  readonly parent?: string | undefined
  /** When the repository is made by this push. */
  readonly isPrivate?: boolean | undefined
  /** Xorbs on their way at once. */
  readonly maxWorkers?: number | undefined
  readonly dryRun?: boolean | undefined
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

export interface PlannedFile {
  readonly path: string
  readonly bytes: number
  /** Against what the branch holds. */
  readonly change: 'new' | 'changed' | 'unchanged'
}

export interface PushResult extends PushOutcome {
  readonly files: number
  /** Of a dry run. */
  readonly plan?: readonly PlannedFile[]
  readonly seconds: number
}

export function push(options: PushOptions): Promise<PushResult> {
  const limit = { ms: options.limits?.maxTimeMs, signal: options.signal }
  return withinTime(limit, (signal) => pushNow({ ...options, signal }))
}

async function pushNow(options: PushOptions): Promise<PushResult> {
  const { clock = systemClock, signal, env = process.env } = options
  const startMs = clock.monotonicMs()
  const ref = parseModelRef(options.repo, { type: options.repoType })
  const revision = oneOf(ref.revision, options.revision, '--revision') ?? 'main'
  if (/^[0-9a-f]{40}$/.test(revision)) {
    throw new AppError('usage', 'REVISION_UNEXPECTED', `${revision} is a commit, and one pushes to a branch: name one`)
  }
  const files = await listLocalFiles(options.paths ?? [], { isWanted: pathFilter(options), signal })
  if (files.length === 0)
    throw new AppError('usage', 'NOTHING_TO_PUSH', 'No file is left to push: check paths and globs')
  const hub = await openHub({ ...options, endpoint: oneOf(ref.endpoint, options.endpoint, '--endpoint') })
  try {
    if (options.dryRun !== true) await prepareRepo(hub, ref.repo, revision, options)
    const job: PushJob = {
      hub,
      repo: ref.repo,
      revision,
      files,
      summary: options.message ?? `Upload ${files.length} file${files.length === 1 ? '' : 's'}`,
      description: options.description ?? '',
      parent: options.parent ?? null,
      uploads: options.maxWorkers ?? UPLOADS,
      useXet: !isOn(env.HF_HUB_DISABLE_XET),
      limits: options.limits,
      onProgress: options.onProgress ?? (() => undefined),
      sentXorbsFolder: join(ownCache(env), 'uploads'),
      signal,
    }
    const outcome = options.dryRun === true ? await planOnly(job) : await pushFiles(job)
    return { ...outcome, files: files.length, seconds: (clock.monotonicMs() - startMs) / 1000 }
  } catch (error) {
    throw signal?.aborted ? cancelled(signal.reason) : withAdvice(error, hub, ref.repo)
  } finally {
    await hub.http.close()
  }
}

/** The repository and the branch exist afterwards. */
async function prepareRepo(hub: HubClient, repo: HubRepo, revision: string, { isPrivate, signal }: PushOptions) {
  await hub.createRepo(repo, { isPrivate: isPrivate === true }, signal)
  if (revision === 'main') return
  try {
    await hub.getCommit(repo, revision, signal)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'REVISION_NOT_FOUND') throw error
    await hub.createBranch(repo, revision, signal)
  }
}

async function planOnly(job: PushJob): Promise<PushOutcome & { readonly plan: readonly PlannedFile[] }> {
  const { answers, commit, ignored } = await planPush(job).catch((error: unknown) => {
    // A push would make what is not there yet.
    if (error instanceof AppError && MADE_BY_PUSH.has(error.code)) return NOTHING_THERE
    throw error
  })
  const plan: PlannedFile[] = []
  for (const file of job.files) {
    const { path, size, localPath } = file
    const answer = answers.get(path)
    if (answer?.ignore) continue
    const isSame = answer?.oid ? (await contentOf(file, answer.mode, job.signal)) === answer.oid : false
    plan.push({ path, bytes: size, change: isSame ? 'unchanged' : answer?.oid ? 'changed' : 'new' })
    const outcome = { path, bytes: size, fileHash: null, sha256: null, localPath, source: 'disk' } as const
    job.onProgress({ event: 'file', file: outcome })
  }
  const total = sizeOf(plan)
  const deduplicated = sizeOf(plan.filter(({ change }) => change === 'unchanged'))
  const changed = deduplicated < total || plan.some(({ change }) => change !== 'unchanged')
  return { commit: commit ?? '', url: '', changed, bytes: { total, sent: 0, deduplicated }, ignored, plan }
}

/** As the Hub names it: SHA-256 of a large file, git blob id of a small one. */
async function contentOf(file: LocalFile, mode: PreuploadAnswer['mode'], signal: AbortSignal | undefined) {
  if (mode === 'lfs') return hashLocal(file.localPath, () => undefined, signal)
  return gitBlobId(await readFile(file.localPath))
}

function sizeOf(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** What a person can do about a refused push. */
function withAdvice(error: unknown, hub: HubClient, repo: HubRepo): unknown {
  if (!(error instanceof AppError) || (error.kind !== 'unauthorized' && error.kind !== 'forbidden')) return error
  const advice = hub.hasToken
    ? `the token may not write to ${formatRepo(repo)}: use another with --token`
    : 'no token was given: use --token, HF_TOKEN or `xorbit auth login`'
  return new AppError(error.kind, error.code, `${error.message}; ${advice}`, { data: error.data, cause: error })
}
