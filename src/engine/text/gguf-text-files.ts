/** What a GGUF file says about text: tokenizer, chat templates, special tokens. In the form of a directory's files. */
import { basename } from 'node:path'
import { verifyGgufSupport } from '../../weights/gguf-support.ts'
import { readGgufHeader } from '../gguf-file.ts'
import { type GgufValues, ggufTokenizer, TOKENIZER_LISTS } from './gguf-tokenizer.ts'
import type { ModelTextFiles } from './model-text-files.ts'
import { TOKENIZER_BYTES_MAX } from './tokenizer-limits.ts'

const TEMPLATE_KEY = 'tokenizer.chat_template'
/** As templates call them, and as the file does. */
const SPECIAL_IDS: Readonly<Record<string, string>> = {
  bos_token: 'bos_token_id',
  eos_token: 'eos_token_id',
  unk_token: 'unknown_token_id',
  sep_token: 'seperator_token_id',
  pad_token: 'padding_token_id',
}
const END_IDS = ['eos_token_id', 'eot_token_id', 'eom_token_id']

export function readGgufTextFiles(path: string): ModelTextFiles {
  const header = readGgufHeader(path, TOKENIZER_LISTS, TOKENIZER_BYTES_MAX)
  // What cannot run at all is told before what cannot be read.
  verifyGgufSupport(basename(path), header)
  const { values } = header
  const tokenizer = ggufTokenizer(values)
  return {
    ...{ tokenizer, config: {}, templates: templatesOf(values), specialTokens: specialTokensOf(values) },
    endTokens: END_IDS.map((name) => values.get(`tokenizer.ggml.${name}`)).filter((id) => typeof id === 'number'),
  }
}

/** The one of the model, and further ones by name: `tokenizer.chat_template.tool_use`. */
function templatesOf(values: GgufValues): Map<string, string> {
  const templates = new Map<string, string>()
  for (const [key, value] of values) {
    if (typeof value !== 'string' || !key.startsWith(TEMPLATE_KEY)) continue
    if (key === TEMPLATE_KEY) templates.set('default', value)
    else if (key[TEMPLATE_KEY.length] === '.') templates.set(key.slice(TEMPLATE_KEY.length + 1), value)
  }
  return templates
}

function specialTokensOf(values: GgufValues): Record<string, string> {
  const list = values.get('tokenizer.ggml.tokens')
  const texts = typeof list === 'object' ? (list.items ?? []) : []
  const named = Object.entries(SPECIAL_IDS).map(([name, key]) => {
    return [name, texts[Number(values.get(`tokenizer.ggml.${key}`) ?? -1)]] as const
  })
  return Object.fromEntries(named.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}
