/**
 * The part of the CAS address that changes whenever data that clients were told of may be gone: hf_xet reuses what it
 * heard at one exact address for 21 days without asking, so a new address makes it ask again.
 */
export interface Epoch {
  current(): string
  /** Whether requests under this epoch are still served: the current one, and older ones until their last token ends. */
  accepts(epoch: string): boolean
  /** Starts a new epoch, durable when it resolves. */
  advance(reason: string): Promise<string>
}
