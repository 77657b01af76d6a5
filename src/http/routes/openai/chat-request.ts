/**
 * The body of `POST /v1/chat/completions` and what it asks of a model. Fields that say nothing about the answer (`user`,
 * `store`, ...) are left alone; what would change it and is not done here is refused by name. Templates, files and
 * addresses come from whoever runs the server, never from a request.
 */
import { z } from 'zod'
import { AppError } from '../../../base/app-error.ts'
import type { ChatMessage, ChatRequest } from '../../../engine/chat-backend.ts'
import {
  LOGIT_BIAS_COUNT_MAX,
  LOGPROBS_MAX,
  SAMPLING_BOUNDS,
  type Sampling,
} from '../../../engine/sampling/sampling.ts'
import { STOP_CHARS_MAX, STOP_COUNT_MAX } from '../../../engine/text/stop-strings.ts'

const TOKEN_COUNT_MAX = 2 ** 31 - 1
const NAME_CHARS_MAX = 512
const LOGIT_BIAS_MAX = 100

type Bounded = keyof typeof SAMPLING_BOUNDS

/** How OpenAI's clients, and those of llama.cpp's server, call what we sample by. */
const SAMPLING_NAMES = {
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  min_p: 'minP',
  typical_p: 'typicalP',
  repeat_penalty: 'repeatPenalty',
  repeat_last_n: 'repeatWindowTokens',
  frequency_penalty: 'frequencyPenalty',
  presence_penalty: 'presencePenalty',
  seed: 'seed',
} as const satisfies Readonly<Record<string, Bounded>>

function bounded(name: Bounded) {
  const bound = SAMPLING_BOUNDS[name]
  const number = z.number().min(bound.min).max(bound.max)
  return ('isWhole' in bound ? number.int() : number).nullish()
}

const STOP = z.string().min(1).max(STOP_CHARS_MAX)
const MESSAGE = z.looseObject({
  role: z.string().max(NAME_CHARS_MAX),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))]).nullish(),
})
const TOKEN_COUNT = z.number().int().min(1).max(TOKEN_COUNT_MAX).nullish()

export const CHAT_COMPLETION = z.looseObject({
  model: z.string().max(NAME_CHARS_MAX),
  messages: z.array(MESSAGE).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: TOKEN_COUNT,
  max_completion_tokens: TOKEN_COUNT,
  temperature: bounded('temperature'),
  top_p: bounded('topP'),
  top_k: bounded('topK'),
  min_p: bounded('minP'),
  typical_p: bounded('typicalP'),
  repeat_penalty: bounded('repeatPenalty'),
  repeat_last_n: bounded('repeatWindowTokens'),
  frequency_penalty: bounded('frequencyPenalty'),
  presence_penalty: bounded('presencePenalty'),
  seed: bounded('seed'),
  stop: z.union([STOP, z.array(STOP).max(STOP_COUNT_MAX)]).nullish(),
  logit_bias: z
    .record(z.string().regex(/^\d{1,9}$/), z.number().min(-LOGIT_BIAS_MAX).max(LOGIT_BIAS_MAX))
    .refine((biases) => Object.keys(biases).length <= LOGIT_BIAS_COUNT_MAX, `more than ${LOGIT_BIAS_COUNT_MAX} tokens`)
    .nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(LOGPROBS_MAX).nullish(),
  n: z.number().int().min(1).max(1).nullish(),
})

export type ChatCompletion = z.infer<typeof CHAT_COMPLETION>

/** What is not done here, and when a request asks for it. */
const REFUSED: Readonly<Record<string, (value: unknown) => boolean>> = {
  tools: isFilled,
  functions: isFilled,
  response_format: (value) => (value as { type?: unknown }).type !== 'text',
  modalities: (value) => Array.isArray(value) && value.some((one) => one !== 'text'),
  ...{ audio: isFilled, grammar: isFilled, json_schema: isFilled, guided_json: isFilled, guided_regex: isFilled },
  ...{ chat_template: isFilled, chat_template_path: isFilled, template: isFilled, lora: isFilled, adapters: isFilled },
}

function isFilled(value: unknown): boolean {
  return !Array.isArray(value) || value.length > 0
}

/** Kind `unsupported`, PARAMETER_UNSUPPORTED for what it would need and is not there. */
export function toChatRequest(body: ChatCompletion): ChatRequest {
  for (const [name, asksForIt] of Object.entries(REFUSED)) {
    const value = body[name]
    if (value === undefined || value === null || !asksForIt(value)) continue
    const message = `${name} is not supported here: leave it out`
    throw new AppError('unsupported', 'PARAMETER_UNSUPPORTED', message, { data: { parameter: name } })
  }
  const tokenCountMax = body.max_completion_tokens ?? body.max_tokens
  return {
    messages: body.messages as readonly ChatMessage[],
    adapters: [],
    sampling: samplingOf(body),
    ...(tokenCountMax === undefined || tokenCountMax === null ? {} : { tokenCountMax }),
    ...(body.stop === undefined || body.stop === null ? {} : { stop: [body.stop].flat() }),
  }
}

function samplingOf(body: ChatCompletion): Sampling {
  const named = Object.entries(SAMPLING_NAMES).map(([theirs, ours]) => [ours, body[theirs]] as const)
  const given = Object.fromEntries(named.filter(([, value]) => value !== undefined && value !== null))
  const biases = Object.entries(body.logit_bias ?? {}).map(([token, bias]) => [Number(token), bias] as const)
  return {
    temperature: 1,
    ...(given as Partial<Sampling>),
    ...(biases.length > 0 ? { logitBias: new Map(biases) } : {}),
    ...(body.logprobs ? { logprobs: body.top_logprobs ?? 0 } : {}),
  }
}
