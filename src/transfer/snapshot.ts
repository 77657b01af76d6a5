/**
 * The files of one commit onto the disk: one listing, no request per file but for its bytes, none for what is here.
 *
 * First all files are looked for here, then the disk must have room for the rest, then they come, several at once; all
 * ranges of all files share one budget of streams, so memory does not grow with either. A content comes once, whatever
 * number of names it has. The first failure stops the rest. What is finished stays; what is not leaves no trace but the
 * parts of large files.
 */
import { AppError } from '../base/app-error.ts'
import { cancelled } from '../base/retry.ts'
import { checkRepoPath } from '../base/safe-path.ts'
import { parseHash, ZERO_HASH } from '../xet/hash.ts'
import { explainFull } from './disk-room.ts'
import { contentId, downloadPlainFile } from './download-plain.ts'
import { downloadXetFile } from './download-xet.ts'
import { fetchOnce } from './fetch-once.ts'
import type { Incoming } from './file-receipt.ts'
import type { HubClient, TreeFile } from './hub-client.ts'
import type { HubRepo } from './hub-repo.ts'
import type { FileOutcome, OnProgress, TransferWait } from './progress.ts'
import { copyProved } from './proved-copy.ts'
import { RangeCache } from './range-cache.ts'
import { RemoteCas } from './remote-cas.ts'
import type { SnapshotPlace } from './snapshot-place.ts'
import { StreamPool } from './stream-pool.ts'
import type { TransferLimits } from './transfer-limits.ts'
import { XetSession } from './xet-session.ts'

/** Files at once, unless the user wishes another number: large ones, and all. */
const WORKERS = 8
const SMALL_WORKERS = 16
/** Whatever the user wishes: each holds memory and an open file. */
const WORKERS_MAX = 64
/** Files looked for on this machine at once. */
const LOOKERS = 8
/** For ranges that several files have in common. */
const RANGES_BYTES = 16 * 1024 * 1024
/** Of the memory that the user allows, for those. */
const RANGES_SHARE = 1 / 4
/** A smaller file comes by one plain request. */
const PLAIN_BYTES_MAX = 1024 * 1024

export interface SnapshotPull {
  readonly hub: HubClient
  readonly repo: HubRepo
  readonly commit: string
  readonly files: readonly TreeFile[]
  readonly place: SnapshotPlace
  /** Files at once. */
  readonly workers?: number | undefined
  readonly useXet: boolean
  readonly limits?: TransferLimits | undefined
  readonly onProgress: OnProgress
  readonly signal?: AbortSignal | undefined
}

/** Lists a whole commit and refuses names that may not become paths here. */
export async function getListing(hub: HubClient, repo: HubRepo, commit: string, signal?: AbortSignal) {
  const files: TreeFile[] = []
  for await (const file of hub.listFiles(repo, commit, signal)) {
    checkRepoPath(file.path)
    files.push(file)
  }
  return files
}

export async function pullFiles(pull: SnapshotPull): Promise<FileOutcome[]> {
  return new Puller(pull).run()
}

class Puller {
  readonly #pull: SnapshotPull
  readonly #stop = new AbortController()
  readonly #streams: StreamPool
  readonly #ranges: RangeCache
  readonly #outcomes: FileOutcome[]
  /** The first, whichever file's: what others end with because of it is not told. */
  #failure: { readonly error: unknown } | null = null
  /** By content: where a file of this pull has it. */
  readonly #here = new Map<string, string>()
  #cas: RemoteCas | null = null

  constructor(pull: SnapshotPull) {
    this.#pull = pull
    const { connections, memoryBytes } = pull.limits ?? {}
    const rangesBytes = memoryBytes === undefined ? RANGES_BYTES : Math.min(RANGES_BYTES, memoryBytes * RANGES_SHARE)
    const streamBytes = memoryBytes === undefined ? undefined : memoryBytes - rangesBytes
    this.#ranges = new RangeCache(rangesBytes)
    this.#streams = new StreamPool({ connections, memoryBytes: streamBytes })
    this.#outcomes = new Array(pull.files.length)
  }

  async run(): Promise<FileOutcome[]> {
    const { files, place, signal } = this.#pull
    const onAbort = () => this.#stop.abort(cancelled(signal?.reason))
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    try {
      const all = files.keys()
      await this.#atOnce(
        LOOKERS,
        () => all.next().value,
        (index) => this.#look(index),
      )
      const missing = [...files.keys()].filter((index) => this.#outcomes[index] === undefined)
      await place.checkRoom(missing.map((index) => files[index] as TreeFile))
      await this.#fetchAll(missing)
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    return this.#outcomes
  }

  /** Has up to `workers` do what `take` gives until there is nothing more; the first failure stops all. */
  async #atOnce(workers: number, take: () => number | undefined, task: (index: number) => Promise<void>) {
    const worker = async () => {
      for (let index = take(); index !== undefined && this.#failure === null; index = take()) {
        try {
          this.#stop.signal.throwIfAborted()
          await task(index)
        } catch (error) {
          this.#failure ??= { error }
          this.#stop.abort(cancelled(error))
        }
      }
    }
    await Promise.all(Array.from({ length: workers }, worker))
    if (this.#failure !== null) throw this.#failure.error
  }

  async #look(index: number): Promise<void> {
    const file = this.#pull.files[index] as TreeFile
    const localPath = await this.#pull.place.findPresent(file)
    if (localPath !== null) this.#report(index, localPath, 'cache')
  }

  /** Small files cost their round trip, large ones their bytes: both go at once, and no large one waits for small ones. */
  async #fetchAll(missing: readonly number[]): Promise<void> {
    const { files, workers } = this.#pull
    const isSmall = (index: number) => (files[index] as TreeFile).size < PLAIN_BYTES_MAX
    const small = missing.filter(isSmall).values()
    const large = missing.filter((index) => !isSmall(index)).values()
    const atOnce = Math.min(workers ?? WORKERS, WORKERS_MAX)
    const smallAtOnce = Math.min(workers ?? SMALL_WORKERS, WORKERS_MAX)
    const fetch = (index: number) => this.#fetch(index)
    const takeLarge = () => large.next().value ?? small.next().value
    const helpers = Math.max(smallAtOnce - atOnce, 0)
    await Promise.all([this.#atOnce(atOnce, takeLarge, fetch), this.#atOnce(helpers, () => small.next().value, fetch)])
  }

  async #fetch(index: number): Promise<void> {
    const { place, files, onProgress } = this.#pull
    const file = files[index] as TreeFile
    let source: FileOutcome['source'] = 'cache'
    const onBytes = (bytes: number) => {
      onProgress({ event: 'bytes', path: file.path, bytes })
    }
    const fill = async (incoming: Incoming) => {
      const twin = this.#here.get(contentId(file))
      if (twin !== undefined && (await copyProved(twin, file, incoming, this.#stop.signal))) return
      source = 'origin'
      await this.#fill(file, incoming, onBytes)
    }
    try {
      const localPath = await fetchOnce(place.targetOf(file), {
        find: () => place.findPresent(file, true),
        fetch: async () => (await place.findPresent(file, true)) ?? place.receive(file, fill),
        signal: this.#stop.signal,
      })
      this.#report(index, localPath, source)
    } catch (error) {
      const explained = explainFull(error, place.root)
      throw explained instanceof AppError ? inFile(explained, file.path) : explained
    }
  }

  #report(index: number, localPath: string, source: FileOutcome['source']): void {
    const { files, onProgress } = this.#pull
    const file = files[index] as TreeFile
    const { path, size: bytes, sha256, xetHash: fileHash } = file
    this.#here.set(contentId(file), localPath)
    const outcome = { path, bytes, fileHash, sha256, localPath, source } as const
    this.#outcomes[index] = outcome
    if (source === 'cache') onProgress({ event: 'bytes', path, bytes })
    onProgress({ event: 'file', file: outcome })
  }

  async #fill(entry: TreeFile, { file, journal }: Incoming, onBytes: (n: number) => void): Promise<void> {
    const { hub, repo, commit, useXet } = this.#pull
    const signal = this.#stop.signal
    if (useXet && isForXet(entry)) {
      const claim = { hash: parseHash<'file'>(entry.xetHash), size: entry.size, sha256: entry.sha256 }
      const { onProgress } = this.#pull
      const onWait = ({ ms, error: { code, message } }: TransferWait) =>
        onProgress({ event: 'wait', seconds: ms / 1000, code, message })
      const [streams, ranges] = [this.#streams, this.#ranges]
      await downloadXetFile({ cas: this.#getCas(), claim, file, journal, streams, ranges, onBytes, onWait, signal })
    } else {
      const request = hub.fileRequest(repo, commit, entry.path, signal)
      await downloadPlainFile({ http: hub.http, request, entry, file, onBytes, signal })
    }
  }

  #getCas(): RemoteCas {
    const { hub, repo, commit: revision } = this.#pull
    const signal = this.#stop.signal
    this.#cas ??= new RemoteCas({
      http: hub.http,
      session: new XetSession({ hub, repo, scope: 'read', revision, signal }),
      signal,
    })
    return this.#cas
  }
}

/** A file that comes by Xet where that is spoken; a small one costs fewer requests by plain HTTP, and is proved as well. */
function isForXet(entry: TreeFile): entry is TreeFile & { readonly xetHash: string } {
  if (entry.xetHash === null || entry.xetHash === ZERO_HASH) return false
  return entry.size >= PLAIN_BYTES_MAX || entry.sha256 === null
}

/** Says which file it was. */
function inFile(error: AppError, path: string): AppError {
  if (error.kind === 'cancelled') return error
  const data = { ...error.data, path }
  return new AppError(error.kind, error.code, `${path}: ${error.message}`, { data, cause: error })
}
