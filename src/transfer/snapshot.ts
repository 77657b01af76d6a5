/**
 * The files of one commit onto the disk: one listing, no request per file but for its bytes, none for what is here.
 *
 * Files go several at once; all ranges of all files share one budget of streams, so memory does not grow with either.
 * The first failure stops the rest. What is finished stays; what is not leaves no trace.
 */
import { AppError } from '../base/app-error.ts'
import { cancelled } from '../base/retry.ts'
import { checkRepoPath } from '../base/safe-path.ts'
import { parseHash, ZERO_HASH } from '../xet/hash.ts'
import { downloadPlainFile } from './download-plain.ts'
import { downloadXetFile } from './download-xet.ts'
import type { Incoming } from './file-receipt.ts'
import type { HubClient, TreeFile } from './hub-client.ts'
import type { HubRepo } from './hub-repo.ts'
import type { FileOutcome, OnProgress, TransferWait } from './progress.ts'
import { RemoteCas } from './remote-cas.ts'
import type { SnapshotPlace } from './snapshot-place.ts'
import { StreamPool } from './stream-pool.ts'
import type { TransferLimits } from './transfer-limits.ts'
import { XetSession } from './xet-session.ts'

/** Files at once, whatever the user wishes: each holds memory and an open file. */
const WORKERS_MAX = 64

export interface SnapshotPull {
  readonly hub: HubClient
  readonly repo: HubRepo
  readonly commit: string
  readonly files: readonly TreeFile[]
  readonly place: SnapshotPlace
  readonly workers: number
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
  #cas: RemoteCas | null = null

  constructor(pull: SnapshotPull) {
    this.#pull = pull
    const { connections, memoryBytes } = pull.limits ?? {}
    this.#streams = new StreamPool({ connections, memoryBytes })
  }

  async run(): Promise<FileOutcome[]> {
    const { files, workers, signal } = this.#pull
    const onAbort = () => this.#stop.abort(cancelled(signal?.reason))
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    const outcomes: FileOutcome[] = new Array(files.length)
    let next = 0
    let failure: unknown = null
    const worker = async () => {
      while (next < files.length && failure === null) {
        const index = next++
        try {
          outcomes[index] = await this.#one(files[index] as TreeFile)
        } catch (error) {
          failure ??= error
          this.#stop.abort(cancelled(error))
        }
      }
    }
    try {
      await Promise.all(Array.from({ length: Math.min(workers, WORKERS_MAX, files.length) }, worker))
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    if (failure !== null) throw failure
    return outcomes
  }

  async #one(file: TreeFile): Promise<FileOutcome> {
    const { place, onProgress } = this.#pull
    this.#stop.signal.throwIfAborted()
    const { path, size: bytes, sha256, xetHash: fileHash } = file
    const present = await place.findPresent(file)
    const onBytes = (count: number) => onProgress({ event: 'bytes', path, bytes: count })
    if (present !== null) onBytes(bytes)
    const localPath = present ?? (await place.receive(file, (incoming) => this.#fill(file, incoming, onBytes)))
    const source = present === null ? 'origin' : 'cache'
    const outcome = { path, bytes, fileHash, sha256, localPath, source } as const
    onProgress({ event: 'file', file: outcome })
    return outcome
  }

  async #fill(entry: TreeFile, { file, journal }: Incoming, onBytes: (n: number) => void): Promise<void> {
    const { hub, repo, commit, useXet } = this.#pull
    const signal = this.#stop.signal
    try {
      if (useXet && entry.xetHash !== null && entry.xetHash !== ZERO_HASH && entry.size > 0) {
        const claim = { hash: parseHash<'file'>(entry.xetHash), size: entry.size, sha256: entry.sha256 }
        const { onProgress } = this.#pull
        const onWait = ({ ms, error: { code, message } }: TransferWait) =>
          onProgress({ event: 'wait', seconds: ms / 1000, code, message })
        const streams = this.#streams
        await downloadXetFile({ cas: this.#getCas(), claim, file, journal, streams, onBytes, onWait, signal })
      } else {
        const request = hub.fileRequest(repo, commit, entry.path, signal)
        await downloadPlainFile({ http: hub.http, request, entry, file, onBytes, signal })
      }
    } catch (error) {
      throw error instanceof AppError ? inFile(error, entry.path) : error
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

/** Says which file it was. */
function inFile(error: AppError, path: string): AppError {
  if (error.kind === 'cancelled') return error
  const data = { ...error.data, path }
  return new AppError(error.kind, error.code, `${path}: ${error.message}`, { data, cause: error })
}
