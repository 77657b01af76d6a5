/**
 * Files of a repository into the cache out of what other tools keep on this machine, without a second copy: a reflink,
 * else (for the objects of git-lfs and Ollama, which nobody writes again) another name for the same file; a copy only
 * when asked for. Each is hashed before it gets its name.
 */
import { constants } from 'node:fs'
import { copyFile, link, open, rm } from 'node:fs/promises'
import { AppError, systemCode } from '../base/app-error.ts'
import { parseModelRef } from '../models/model-ref.ts'
import { AdoptableFiles, type Candidate } from '../transfer/adoptable-files.ts'
import { digestOf } from '../transfer/content-check.ts'
import { contentId } from '../transfer/download-plain.ts'
import { type AdoptingPlace, HfCache } from '../transfer/hf-cache.ts'
import type { TreeFile } from '../transfer/hub-client.ts'
import type { HubChoice } from '../transfer/hub-location.ts'
import { pathFilter } from '../transfer/path-filter.ts'
import { type CacheChoice, cacheFolder } from './cache-choice.ts'
import { listCommit } from './list-commit.ts'
import { oneOf } from './pull.ts'

export interface AdoptOptions extends HubChoice, CacheChoice {
  readonly ref: string
  readonly revision?: string | undefined
  /** Clones, stores, folders; none means where git-lfs (here) and Ollama keep theirs. */
  readonly from?: readonly string[] | undefined
  /** Where the disk can share nothing. */
  readonly copy?: boolean | undefined
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  readonly dryRun?: boolean | undefined
  readonly onFile: (file: AdoptedFile) => void
  readonly signal?: AbortSignal | undefined
}

export type Adoption = 'reflink' | 'hard link' | 'copy' | 'here' | 'would adopt'

export interface AdoptedFile {
  readonly path: string
  readonly bytes: number
  readonly how: Adoption
  /** Where it was found. */
  readonly from: string | null
}

export interface AdoptReport {
  readonly commit: string
  readonly snapshot: string
  readonly adopted: number
  readonly adoptedBytes: number
  readonly here: number
  /** Not found on this machine: a pull fetches them. */
  readonly missing: number
  readonly missingBytes: number
}

export async function adopt(options: AdoptOptions): Promise<AdoptReport> {
  const { env = process.env, signal, onFile } = options
  const ref = parseModelRef(options.ref, { type: options.repoType })
  const revision = oneOf(ref.revision, options.revision, '--revision') ?? 'main'
  const cache = new HfCache({ cache: cacheFolder(options), repo: ref.repo, shared: false, signal })
  const endpoint = oneOf(ref.endpoint, options.endpoint, '--endpoint')
  const sources = await AdoptableFiles.open(options.from ?? [], env)
  const { commit, files } = await listCommit({ ...options, endpoint }, { repo: ref.repo, revision, cache, env })
  const isWanted = pathFilter(options)
  const place = cache.place({ revision, commit, files })
  if (!options.dryRun) await place.begin()
  const report = { commit, snapshot: place.root, adopted: 0, adoptedBytes: 0, here: 0, missing: 0, missingBytes: 0 }
  try {
    for (const file of files.filter(({ path }) => isWanted(path))) {
      signal?.throwIfAborted()
      const done = await adoptOne(place, file, sources, options)
      if (done === null) {
        report.missing++
        report.missingBytes += file.size
        continue
      }
      if (done.how === 'here') report.here++
      else {
        report.adopted++
        report.adoptedBytes += file.size
      }
      onFile({ path: file.path, bytes: file.size, ...done })
    }
    if (!options.dryRun && report.adopted + report.here > 0) await place.finish()
    return report
  } finally {
    if (!options.dryRun) await place.keepProofs()
  }
}

type Done = { readonly how: Adoption; readonly from: string | null }

/** Null when this machine has no such file. */
async function adoptOne(
  place: AdoptingPlace,
  file: TreeFile,
  sources: AdoptableFiles,
  options: AdoptOptions,
): Promise<Done | null> {
  const { dryRun, signal } = options
  const isHere = dryRun ? (await place.look(file)).isWhole : (await place.findPresent(file)) !== null
  if (isHere) return { how: 'here', from: null }
  for (const candidate of await sources.find(file)) {
    if (dryRun) {
      if ((await digestOf(candidate.path, file, signal)) !== contentId(file)) continue
      return { how: 'would adopt', from: candidate.path }
    }
    // A file of the right size only: cheaper to look than to bring it first.
    if (!candidate.isImmutable && (await digestOf(candidate.path, file, signal)) !== contentId(file)) continue
    let how: Adoption | null = null
    const bring = async (temp: string) => {
      how = await bringFile(candidate, temp, options.copy === true)
      if ((await digestOf(temp, file, signal)) === contentId(file)) return
      const message = `${candidate.path} is not what its name says`
      throw new AppError('integrity', 'CONTENT_MISMATCH', message, { data: { adopting: true } })
    }
    try {
      await place.adopt(file, bring)
      return { how: how ?? 'copy', from: candidate.path }
    } catch (error) {
      if (!(error instanceof AppError) || error.data.adopting !== true) throw error
    }
  }
  return null
}

async function bringFile({ path, isImmutable }: Candidate, temp: string, mayCopy: boolean): Promise<Adoption> {
  if (await tried(copyFile(path, temp, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL))) {
    await sync(temp)
    return 'reflink'
  }
  // What a failed reflink made is empty.
  await rm(temp, { force: true })
  if (isImmutable && (await tried(link(path, temp)))) return 'hard link'
  if (!mayCopy) {
    const why = isImmutable ? 'lies on another disk, or may not be linked' : 'may be written to by others'
    const message = `${path} ${why}, and this file system shares no bytes between files: add --copy to copy it`
    throw new AppError('unsupported', 'ADOPT_NEEDS_COPY', message)
  }
  await copyFile(path, temp, constants.COPYFILE_EXCL)
  await sync(temp)
  return 'copy'
}

/** False where the file system, or the owner of the file, does not allow it. */
async function tried(pending: Promise<void>): Promise<boolean> {
  try {
    await pending
    return true
  } catch (error) {
    const code = systemCode(error) ?? ''
    if (['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM', 'EMLINK'].includes(code)) return false
    throw error
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
