/**
 * The token for one repository's CAS, kept until a minute before it expires and then fetched anew by the clock; asked
 * for once however many wait. A CAS that refuses it early (401) has it renewed once.
 */
import { AppError } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { HubClient, XetScope, XetToken } from './hub-client.ts'
import { formatRepo, type HubRepo } from './hub-repo.ts'

const RENEW_BEFORE_SECONDS = 60

export interface XetSessionOptions {
  readonly hub: HubClient
  readonly repo: HubRepo
  readonly scope: XetScope
  readonly revision: string
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
}

export class XetSession {
  readonly #options: XetSessionOptions
  readonly #clock: Clock
  #current: Promise<XetToken | null> | null = null
  #renewAtSeconds = 0

  constructor(options: XetSessionOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Null when the Hub has no Xet for this repository. */
  async find(): Promise<XetToken | null> {
    if (this.#current === null || this.#clock.nowSeconds() >= this.#renewAtSeconds) this.#current = this.#ask()
    return this.#current
  }

  async get(): Promise<XetToken> {
    const token = await this.find()
    if (token !== null) return token
    const repo = formatRepo(this.#options.repo)
    throw new AppError('unsupported', 'NO_XET', `The Hub lists ${repo} as stored by Xet but gives no token for it`)
  }

  /** Fetches a new one unless somebody already did since `stale` was given out. */
  async renew(stale: XetToken): Promise<XetToken> {
    if ((await this.get()) === stale) this.#current = this.#ask()
    return this.get()
  }

  #ask(): Promise<XetToken | null> {
    this.#renewAtSeconds = Number.POSITIVE_INFINITY
    const { hub, repo, scope, revision, signal } = this.#options
    const asking = hub.findXetToken(repo, scope, revision, signal)
    asking.then(
      (token) => {
        // A token of a shorter life than the margin is used to the middle of it.
        const now = this.#clock.nowSeconds()
        const left = (token?.expirySeconds ?? Number.POSITIVE_INFINITY) - now
        this.#renewAtSeconds = now + Math.max(left - RENEW_BEFORE_SECONDS, left / 2)
      },
      () => {
        this.#current = null
      },
    )
    return asking
  }
}
