/**
 * Who sits in which slot, and what each slot's cache holds: also after a request has left, so that the next one with the
 * same beginning, under the same adapters, need not compute it again. Plans only; the scheduler moves the caches.
 */
export interface Slot {
  readonly index: number
  /** The tokens in its cache, in order. */
  held: number[]
  /** The adapters they were computed with (`adapterSetKey`). */
  adapterKey: string
  isBusy: boolean
  /** Count of uses: the smallest was used longest ago. */
  lastUse: number
}

export interface SeatPlan {
  /** An idle one, for the request. */
  readonly slot: Slot
  /** Whose cache it takes over: itself, another one to copy from, or none. */
  readonly donor: Slot | null
  readonly cachedTokens: number
}

export interface SeatWish {
  readonly tokens: readonly number[]
  readonly adapterKey: string
  /** False: nothing is taken over. */
  readonly usesCache: boolean
  readonly canCopy: boolean
}

/** Fewer are computed as fast as they are copied. */
const COPIED_TOKENS_MIN = 8

export class Slots {
  readonly all: readonly Slot[]
  #uses = 0

  constructor(count: number) {
    this.all = Array.from({ length: count }, (_, index) => newSlot(index))
  }

  get heldTokens(): number {
    return this.all.reduce((sum, { held }) => sum + held.length, 0)
  }

  hasIdle(): boolean {
    return this.all.some(({ isBusy }) => !isBusy)
  }

  /** The idle slot with the oldest cache that holds anything, to be emptied; null when none does. */
  oldestCache(): Slot | null {
    return this.#oldest(this.all.filter(({ isBusy, held }) => !isBusy && held.length > 0))
  }

  /** Null when every slot is busy. */
  plan(wish: SeatWish): SeatPlan | null {
    const idle = this.all.filter(({ isBusy }) => !isBusy)
    const empty = this.#oldest(idle.filter(({ held }) => held.length === 0)) ?? this.#oldest(idle)
    if (empty === null) return null
    const none = { slot: empty, donor: null, cachedTokens: 0 }
    if (!wish.usesCache) return none
    // The last token is computed in any case: its logits are wanted.
    const prompt = wish.tokens.slice(0, -1)
    const best = this.#bestDonor(prompt, wish.adapterKey)
    if (best === null) return none
    const { donor, shared } = best
    const wouldLose = donor.held.length > 2 * shared && empty !== donor && wish.canCopy
    if (!donor.isBusy && !wouldLose) return { slot: donor, donor, cachedTokens: shared }
    if (!wish.canCopy || shared < COPIED_TOKENS_MIN || empty === donor) return none
    return { slot: empty, donor, cachedTokens: shared }
  }

  take(slot: Slot): void {
    slot.isBusy = true
    slot.lastUse = ++this.#uses
  }

  release(slot: Slot): void {
    slot.isBusy = false
    slot.lastUse = ++this.#uses
  }

  #bestDonor(prompt: readonly number[], adapterKey: string): { donor: Slot; shared: number } | null {
    const donors = this.all
      .filter((slot) => slot.adapterKey === adapterKey)
      .map((donor) => ({ donor, shared: countShared(donor.held, prompt) }))
    // Of equal ones an idle one: it need not be copied.
    donors.sort((a, b) => b.shared - a.shared || Number(a.donor.isBusy) - Number(b.donor.isBusy))
    const [best] = donors
    return best === undefined || best.shared === 0 ? null : best
  }

  #oldest(slots: readonly Slot[]): Slot | null {
    return slots.reduce<Slot | null>((old, slot) => (old === null || slot.lastUse < old.lastUse ? slot : old), null)
  }
}

function newSlot(index: number): Slot {
  return { index, held: [], adapterKey: '', isBusy: false, lastUse: 0 }
}

function countShared(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length)
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i
  return most
}
