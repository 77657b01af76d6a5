/** How many prompt tokens a call may have to last about as long as wanted: learnt from the calls before. */
const WEIGHT = 0.3
const FIRST_TOKENS = 32

export class CallPace {
  readonly #wantedMs: number
  #msPerToken: number | null = null

  constructor(wantedMs: number) {
    this.#wantedMs = wantedMs
  }

  get tokensMax(): number {
    if (this.#msPerToken === null) return FIRST_TOKENS
    return Math.max(Math.floor(this.#wantedMs / Math.max(this.#msPerToken, 1e-4)), 1)
  }

  learn(tokenCount: number, ms: number): void {
    const msPerToken = ms / tokenCount
    this.#msPerToken = this.#msPerToken === null ? msPerToken : this.#msPerToken * (1 - WEIGHT) + msPerToken * WEIGHT
  }
}
