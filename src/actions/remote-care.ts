/** Care of a running server's store, through its control routes. */
import { AppError, type ErrorKind } from '../base/app-error.ts'
import type { HttpClient } from '../base/http-client.ts'
import type { ScrubState } from '../store/scrub.ts'
import type { BackupOptions, BackupReport } from './backup.ts'
import type { Care } from './care.ts'
import type { Finding } from './doctor.ts'
import type { GcOptions, GcReport } from './gc.ts'
import type { RepairReport, RepairWish } from './repair.ts'
import type { ScrubWish } from './scrub.ts'

interface Answer {
  readonly result?: unknown
  readonly error?: { readonly kind: ErrorKind; readonly code: string; readonly message: string }
}

export class RemoteCare implements Care {
  readonly #http: HttpClient
  readonly #url: string
  readonly #token: string

  constructor(http: HttpClient, url: string, token: string) {
    this.#http = http
    this.#url = url
    this.#token = token
  }

  async gc({ signal, ...options }: GcOptions): Promise<GcReport> {
    return (await this.#call('gc', options, signal)) as GcReport
  }

  async scrub({ signal, ...options }: ScrubWish): Promise<ScrubState> {
    return (await this.#call('scrub', options, signal)) as ScrubState
  }

  async backup({ signal, ...options }: BackupOptions): Promise<BackupReport> {
    return (await this.#call('backup', options, signal)) as BackupReport
  }

  async repair({ signal, ...options }: RepairWish): Promise<RepairReport> {
    return (await this.#call('repair', options, signal)) as RepairReport
  }

  async doctor(): Promise<Finding[]> {
    return (await this.#call('doctor', {})) as Finding[]
  }

  async #call(job: string, body: object, signal?: AbortSignal): Promise<unknown> {
    const { value } = await this.#http.json({
      method: 'POST',
      url: `${this.#url}/-/v1/care/${job}`,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      idempotent: false,
      signal,
    })
    const { result, error } = value as Answer
    // The server's own words, code included, as if the job had run here.
    if (error !== undefined) throw new AppError(error.kind, error.code, error.message)
    return result
  }
}
