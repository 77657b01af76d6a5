/** What a server and its helper for git say to each other. `id` is the server's number of a process. */
import type { ProgramStart } from './git-process.ts'

export type ToHelper =
  | { readonly verb: 'start'; readonly id: number; readonly what: ProgramStart }
  | { readonly verb: 'write'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly verb: 'end'; readonly id: number }
  | { readonly verb: 'kill'; readonly id: number; readonly signal: NodeJS.Signals }
  /** So many bytes of output were taken: as many more may be sent. */
  | { readonly verb: 'taken'; readonly id: number; readonly bytes: number }

export type FromHelper =
  | { readonly verb: 'started'; readonly id: number; readonly pid: number | undefined }
  | { readonly verb: 'stdout' | 'stderr'; readonly id: number; readonly bytes: Uint8Array }
  /** What was to be written is written, or why not. */
  | { readonly verb: 'written'; readonly id: number; readonly error: string | null }
  | { readonly verb: 'error'; readonly id: number; readonly message: string }
  | {
      readonly verb: 'closed'
      readonly id: number
      readonly exit: number | null
      readonly signal: NodeJS.Signals | null
    }

/** Bytes of one process's output that may be on their way. */
export const OUTPUT_BYTES_UNREAD_MAX = 1 << 20
