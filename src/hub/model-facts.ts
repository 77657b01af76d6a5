/**
 * What a commit says about its model, data set or space: card, configuration, library, task, tags. Read out of small
 * files that anybody may have written: only known fields of known shapes are taken, the rest is left out.
 */
import { parseCard, tagsOf } from './model-card.ts'
import type { RepoFacts } from './repo-facts.ts'
import type { Snapshot } from './repo-reader.ts'

const CARD_BYTES_MAX = 512 * 1024
const JSON_BYTES_MAX = 1024 * 1024
const TEXT_LENGTH_MAX = 10_000
const LIST_LENGTH_MAX = 100

/** Tags for kinds of files, as the Hub gives them. */
const FILE_TAGS: readonly (readonly [RegExp, string])[] = [
  [/\.safetensors$/, 'safetensors'],
  [/\.gguf$/, 'gguf'],
  [/\.onnx$/, 'onnx'],
  [/(^|\/)pytorch_model.*\.bin$/, 'pytorch'],
  [/(^|\/)tf_model\.h5$/, 'tf'],
  [/(^|\/)flax_model\.msgpack$/, 'jax'],
]

/** The task that an architecture is for, by the end of its name. */
const TASKS: readonly (readonly [RegExp, string])[] = [
  [/For(CausalLM)$|LMHeadModel$/, 'text-generation'],
  [/ForMaskedLM$/, 'fill-mask'],
  [/ForSequenceClassification$/, 'text-classification'],
  [/ForTokenClassification$/, 'token-classification'],
  [/ForQuestionAnswering$/, 'question-answering'],
  [/ForImageClassification$/, 'image-classification'],
  [/ForSpeechSeq2Seq$|ForCTC$/, 'automatic-speech-recognition'],
]

export async function describeModel(snapshot: Snapshot): Promise<Pick<RepoFacts, 'tags' | 'summary'>> {
  const { entries } = await snapshot.list()
  const card = parseCard((await snapshot.findText('README.md', CARD_BYTES_MAX)) ?? '')
  const isModel = snapshot.repo.type === 'model'
  const config = isModel ? await configOf(snapshot) : null
  const paths = entries.filter(({ type }) => type === 'file').map(({ path }) => path)
  const library = card.library_name ?? (config?.model_type === undefined ? undefined : 'transformers')
  const pipeline = card.pipeline_tag ?? taskOf(config?.architectures)
  const formats = isModel
    ? FILE_TAGS.filter(([pattern]) => paths.some((path) => pattern.test(path))).map(([, tag]) => tag)
    : []
  const more = [library, ...formats, config?.model_type, pipeline].filter((tag) => typeof tag === 'string')
  const summary = {
    ...(typeof library === 'string' && isModel ? { library_name: library } : {}),
    ...(typeof pipeline === 'string' && isModel ? { pipeline_tag: pipeline } : {}),
    ...(Object.keys(card).length > 0 ? { cardData: card } : {}),
    ...(config === null ? {} : { config }),
    ...(isModel && library === 'transformers' && config !== null ? { transformersInfo: transformersOf(config) } : {}),
  }
  return { tags: [...new Set([...more, ...tagsOf(card, snapshot.repo.type)])], summary }
}

type Config = Readonly<Record<string, unknown>> & {
  readonly architectures?: readonly string[]
  readonly model_type?: string
}

async function configOf(snapshot: Snapshot): Promise<Config | null> {
  const config = await jsonOf(snapshot, 'config.json')
  if (config === null) return null
  const tokenizer = await jsonOf(snapshot, 'tokenizer_config.json')
  return {
    ...pick(config, ['architectures', 'model_type']),
    ...(tokenizer === null ? {} : { tokenizer_config: pick(tokenizer, TOKENIZER_FIELDS) }),
  }
}

const TOKENIZER_FIELDS = ['bos_token', 'eos_token', 'pad_token', 'unk_token', 'mask_token', 'chat_template']

/** Fields that are text or a list of text. */
function pick(from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  const isText = (value: unknown) => typeof value === 'string' && value.length <= TEXT_LENGTH_MAX
  const isKept = (value: unknown) =>
    isText(value) || (Array.isArray(value) && value.length <= LIST_LENGTH_MAX && value.every(isText))
  return Object.fromEntries(names.flatMap((name) => (isKept(from[name]) ? [[name, from[name]]] : [])))
}

async function jsonOf(snapshot: Snapshot, path: string): Promise<Record<string, unknown> | null> {
  const text = await snapshot.findText(path, JSON_BYTES_MAX)
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch (error) {
    // A file that is no JSON says nothing.
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function taskOf(architectures: readonly string[] | undefined): string | undefined {
  const [first] = architectures ?? []
  return first === undefined ? undefined : TASKS.find(([pattern]) => pattern.test(first))?.[1]
}

function transformersOf({ architectures }: Config): Record<string, unknown> {
  const [architecture] = architectures ?? []
  const known = TASKS.find(([pattern]) => pattern.test(architecture ?? ''))
  const isCausal = known?.[1] === 'text-generation'
  const auto_model = isCausal ? 'AutoModelForCausalLM' : 'AutoModel'
  return { auto_model, ...(known === undefined ? {} : { pipeline_tag: known[1] }), processor: 'AutoTokenizer' }
}
