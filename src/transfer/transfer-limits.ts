/** What a user allows a transfer: how much at once, how fast, how long. Each is free when left out. */
export interface TransferLimits {
  /** Ranges fetched, or xorbs sent, at once. */
  readonly connections?: number | undefined
  /** Over the network, both ways together. */
  readonly bytesPerSecond?: number | undefined
  /** Until a connection stands, encryption included. */
  readonly connectMs?: number | undefined
  /** For all of it. */
  readonly maxTimeMs?: number | undefined
  /** For bytes on their way; what the program itself needs comes on top. */
  readonly memoryBytes?: number | undefined
}
