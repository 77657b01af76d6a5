/**
 * The files of a model directory that have to do with text: tokenizer.json, tokenizer_config.json, the chat templates
 * and generation_config.json. Followed are links (the cache of the Hub is made of them); refused are pointers, files
 * larger than any such file, and what is no JSON.
 */
import { join } from 'node:path'
import { AppError } from '../../base/app-error.ts'
import { parseJson } from '../../base/json.ts'
import { readModelFile } from '../model-directory.ts'
import { TEMPLATE_CHARS_MAX } from './chat-template.ts'
import { TOKENIZER_BYTES_MAX } from './tokenizer-limits.ts'

const CONFIG_BYTES_MAX = 4 * 1024 * 1024
const SPECIAL_NAMES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']

export type Json = Readonly<Record<string, unknown>>

export interface ModelTextFiles {
  readonly tokenizer: unknown
  readonly config: Json
  /** By name; what is used where nothing else is asked for is `default`. */
  readonly templates: ReadonlyMap<string, string>
  /** Such as `eos_token`, by name: templates write them. */
  readonly specialTokens: Readonly<Record<string, string>>
  /** generation_config.json's end tokens, by number. */
  readonly endTokens: readonly number[]
}

export function readModelTextFiles(directory: string): ModelTextFiles {
  const read = (name: string, bytesMax: number) => readIfThere(join(directory, name), bytesMax)
  const tokenizer = read('tokenizer.json', TOKENIZER_BYTES_MAX)
  if (tokenizer === null) {
    throw new AppError(
      'not-found',
      'TOKENIZER_MISSING',
      `${directory} has no tokenizer.json: the model cannot read text`,
    )
  }
  const config = asObject('tokenizer_config.json', read('tokenizer_config.json', CONFIG_BYTES_MAX))
  const generation = asObject('generation_config.json', read('generation_config.json', CONFIG_BYTES_MAX))
  const templateFile = read('chat_template.jinja', TEMPLATE_CHARS_MAX)
  const templates = templatesOf(config.chat_template)
  if (templateFile !== null) templates.set('default', new TextDecoder().decode(templateFile))
  return {
    tokenizer: parseJson('tokenizer.json', tokenizer),
    config,
    templates,
    specialTokens: specialTokensOf(config),
    endTokens: [generation.eos_token_id].flat().filter((token): token is number => Number.isSafeInteger(token)),
  }
}

function readIfThere(path: string, bytesMax: number): Uint8Array | null {
  try {
    return readModelFile(path, bytesMax)
  } catch (error) {
    if (error instanceof AppError && error.code === 'MODEL_FILE_MISSING') return null
    throw error
  }
}

function asObject(what: string, bytes: Uint8Array | null): Json {
  const value = bytes === null ? {} : parseJson(what, bytes)
  return typeof value === 'object' && value !== null ? (value as Json) : {}
}

/** One text, or a list of them by name. */
function templatesOf(value: unknown): Map<string, string> {
  if (typeof value === 'string') return new Map([['default', value]])
  const templates = new Map<string, string>()
  for (const entry of Array.isArray(value) ? (value as Json[]) : []) {
    if (typeof entry?.name === 'string' && typeof entry.template === 'string') templates.set(entry.name, entry.template)
  }
  return templates
}

/** Each is a text, or an object with the text as `content`. */
function specialTokensOf(config: Json): Record<string, string> {
  const tokens: Record<string, string> = {}
  for (const name of SPECIAL_NAMES) {
    const value = config[name]
    const text = typeof value === 'object' && value !== null ? (value as Json).content : value
    if (typeof text === 'string') tokens[name] = text
  }
  return tokens
}
