/**
 * Files whose stored bytes are damaged or lost, fetched anew from another Hub that has them: found there in the repository
 * of the same name by their SHA-256, under whatever path, and checked like any upload before they are stored.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { HttpClient } from '../base/http-client.ts'
import { fileName, repoName } from '../cas/rights.ts'
import type { RepoId } from '../hub/repo-id.ts'
import { downloadPlainFile } from '../transfer/download-plain.ts'
import { HubClient, type TreeFile } from '../transfer/hub-client.ts'
import type { HubRepo } from '../transfer/hub-repo.ts'
import { getListing } from '../transfer/snapshot.ts'
import type { FileHash } from '../xet/hash.ts'
import type { Store } from './open-store.ts'

export interface RepairWish {
  /** Address of the other Hub. */
  readonly endpoint: string
  readonly token: string | null
  /** File hashes, as a scrub names them. */
  readonly files: readonly string[]
  readonly signal?: AbortSignal | undefined
}

export interface RepairReport {
  readonly repaired: readonly string[]
  readonly missing: readonly { readonly file: string; readonly why: string }[]
}

/** Nobody signs in as this: it holds what was repaired until a repository's reference is seen again. */
const HOLDER = 'repair'
const REVISION = 'main'
/** The other Hub cannot give this one; the next one it may. */
const NOT_THERE: readonly string[] = ['not-found', 'unauthorized', 'forbidden', 'damaged', 'integrity']

export async function repairFiles(store: Store, { endpoint, token, files, signal }: RepairWish): Promise<RepairReport> {
  const http = new HttpClient()
  const repair = new Repair(store, new HubClient({ http, endpoint, token }), signal)
  const repaired: string[] = []
  const missing: { file: string; why: string }[] = []
  try {
    for (const file of files) {
      signal?.throwIfAborted()
      const why = await repair.run(file as FileHash)
      if (why === null) repaired.push(file)
      else missing.push({ file, why })
    }
  } finally {
    await http.close()
  }
  return { repaired, missing }
}

class Repair {
  readonly #store: Store
  readonly #hub: HubClient
  readonly #signal: AbortSignal | undefined
  /** What the other Hub lists, by repository here; null where it has none. */
  readonly #listings = new Map<string, Promise<readonly TreeFile[] | null>>()

  constructor(store: Store, hub: HubClient, signal: AbortSignal | undefined) {
    this.#store = store
    this.#hub = hub
    this.#signal = signal
  }

  /** Null when the file is whole again, else why not. */
  async run(file: FileHash): Promise<string | null> {
    const sha256 = await this.#store.holdings.findSha256(file)
    if (sha256 === null) return 'its SHA-256 is not known here'
    let why = `${this.#hub.endpoint} has no file of SHA-256 ${sha256} in a repository of the same name`
    for await (const repo of this.#reposOf(file)) {
      const entry = (await this.#list(repo))?.find((one) => one.sha256 === sha256)
      if (entry === undefined) continue
      try {
        await this.#fetch(repo, entry, sha256)
        return null
      } catch (error) {
        if (!isNotThere(error)) throw error
        why = error.message
      }
    }
    return why
  }

  /** Repositories here that hold the file. */
  async *#reposOf(file: FileHash): AsyncGenerator<RepoId> {
    const { catalog, accounts } = this.#store
    const prefix = repoName('')
    for await (const holders of catalog.listAbove(fileName(file), prefix)) {
      for (const holder of holders) {
        const repo = accounts.repos.findById(holder.slice(prefix.length))
        if (repo !== null) yield repo
      }
    }
  }

  #list(repo: RepoId): Promise<readonly TreeFile[] | null> {
    const { type, id } = hubRepoOf(repo)
    const key = `${type} ${id}`
    const known = this.#listings.get(key) ?? this.#ask({ type, id })
    this.#listings.set(key, known)
    return known
  }

  async #ask(repo: HubRepo): Promise<readonly TreeFile[] | null> {
    try {
      return await getListing(this.#hub, repo, REVISION, this.#signal)
    } catch (error) {
      // It may be another's, or not be there: the Hub does not say which.
      if (isNotThere(error)) return null
      throw error
    }
  }

  async #fetch(repo: RepoId, entry: TreeFile, sha256: string): Promise<void> {
    const temp = join(this.#store.home, 'blobs', 'tmp', randomUUID())
    try {
      const file = await open(temp, 'wx+')
      try {
        const request = this.#hub.fileRequest(hubRepoOf(repo), REVISION, entry.path, this.#signal)
        const { http } = this.#hub
        await downloadPlainFile({ http, request, entry, file, onBytes: () => undefined, signal: this.#signal })
      } finally {
        await file.close()
      }
      const body = createReadStream(temp, { highWaterMark: 1 << 20 })
      await this.#store.files.ingest(HOLDER, body as AsyncIterable<Uint8Array>, { sha256, size: entry.size })
    } finally {
      await rm(temp, { force: true })
    }
  }
}

function isNotThere(error: unknown): error is AppError {
  return error instanceof AppError && NOT_THERE.includes(error.kind)
}

function hubRepoOf({ type, namespace, name }: RepoId): HubRepo {
  return { type, id: `${namespace}/${name}` }
}
