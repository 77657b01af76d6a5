/** Errors as OpenAI's clients read them: `{ error: { message, type, param, code } }`, as an answer or in a stream. */
import type { AppError } from '../../../base/app-error.ts'
import { httpStatusOf } from '../../../base/error-table.ts'
import { type Dress, publicText } from '../../error-reply.ts'

/** Codes that clients act upon by OpenAI's name. All others are ours in lower case. */
const THEIR_CODES: Readonly<Record<string, string>> = {
  MODEL_UNKNOWN: 'model_not_found',
  PROMPT_TOO_LONG: 'context_length_exceeded',
  CREDENTIALS_BAD: 'invalid_api_key',
}
const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
}

export interface OpenAiError {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
  }
}

export function openAiError(error: AppError, text: string = publicText(error)): OpenAiError {
  const { parameter } = error.data
  const status = httpStatusOf(error)
  const type = TYPES[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error')
  const code = THEIR_CODES[error.code] ?? error.code.toLowerCase()
  return { error: { message: text, type, param: typeof parameter === 'string' ? parameter : null, code } }
}

export const OPENAI_DRESS: Dress = {
  type: 'application/json; charset=utf-8',
  body: (error, text) => ({ ...openAiError(error, text) }),
}
