/** What a server and the process that does a model's text say to each other. Structured clones, numbered by the asker. */
import type { ErrorKind } from '../../base/app-error.ts'
import type { PackedVocabulary } from './vocabulary.ts'

/** Where a model's text comes from: the files of its directory, or the keys of its GGUF file. */
export interface TextSource {
  readonly kind: 'directory' | 'gguf'
  readonly path: string
}

export interface ModelTextInfo {
  readonly vocabulary: PackedVocabulary
  readonly hasTemplate: boolean
  /** End of turn or text, as far as the text's files say it. */
  readonly stopTokens: readonly number[]
}

export type TextTask =
  | { readonly verb: 'load'; readonly source: TextSource }
  | { readonly verb: 'render'; readonly variables: Readonly<Record<string, unknown>>; readonly nowMs: number }
  | { readonly verb: 'encode'; readonly text: string; readonly addSpecial: boolean }

export interface ToTextHost {
  readonly id: number
  readonly task: TextTask
  /** The asker ends the process by then; the process gives up by itself some time later, if nobody is there to end it. */
  readonly deadlineMs: number
}

export type TextValue = ModelTextInfo | string | readonly number[]

export interface FromTextHost {
  readonly id: number
  readonly value?: TextValue
  readonly error?: TextHostError
}

/** An AppError as it passes between processes; of anything else only the text passes, as a bug. */
export interface TextHostError {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
}
