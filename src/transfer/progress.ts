import type { AppError } from '../base/app-error.ts'

/** What a transfer tells whoever watches it. Bytes are plain file bytes; a negative count takes some back. */
export type TransferEvent =
  | {
      readonly event: 'plan'
      readonly files: number
      readonly bytes: number
      /** By path. */
      readonly sizes?: ReadonlyMap<string, number> | undefined
    }
  | { readonly event: 'bytes'; readonly path: string; readonly bytes: number }
  | { readonly event: 'sent'; readonly bytes: number }
  | { readonly event: 'wait'; readonly seconds: number; readonly code: string; readonly message: string }
  | { readonly event: 'file'; readonly file: FileOutcome }

/** A pause before something is tried again. */
export interface TransferWait {
  readonly ms: number
  readonly error: AppError
}

export interface FileOutcome {
  readonly path: string
  readonly bytes: number
  readonly fileHash: string | null
  readonly sha256: string | null
  /** On this machine. */
  readonly localPath: string
  readonly source: 'cache' | 'origin' | 'disk'
}

export type OnProgress = (event: TransferEvent) => void
