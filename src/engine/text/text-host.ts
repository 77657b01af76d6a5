/**
 * Entry of the process that does one model's text: reads its files, renders its template, tokenizes. Whatever these come
 * to, only this process waits or dies for it; it ends with the server that started it.
 */
import { createContext, Script } from 'node:vm'
import { AppError } from '../../base/app-error.ts'
import { toAppError } from '../../base/error-table.ts'
import { ChatTemplate } from './chat-template.ts'
import { readGgufTextFiles } from './gguf-text-files.ts'
import { readModelTextFiles } from './model-text-files.ts'
import type { FromTextHost, ModelTextInfo, TextHostError, TextSource, TextValue, ToTextHost } from './text-messages.ts'
import { TextTokenizer } from './tokenizer.ts'

interface Loaded {
  readonly tokenizer: TextTokenizer
  readonly templates: ReadonlyMap<string, string>
  readonly specialTokens: Readonly<Record<string, string>>
}

/** In relation to the deadline of the asker. */
const GIVE_UP_AFTER = 3

let loaded: Loaded | null = null
const parsed = new Map<string, ChatTemplate>()

async function work({ task, deadlineMs }: ToTextHost): Promise<TextValue> {
  if (task.verb === 'load') return load(task.source)
  const model = loaded
  if (model === null) throw new Error('asked before it was loaded')
  return within(deadlineMs * GIVE_UP_AFTER, () => {
    if (task.verb === 'render') return render(model, task.variables, task.nowMs)
    return model.tokenizer.encode(task.text, task.addSpecial)
  })
}

const slot = createContext({})
const caller = new Script('call()')

/** Interrupts what runs longer, loops and patterns alike: else a process without its server would go on for ever. */
function within<T>(ms: number, call: () => T): T {
  slot.call = call
  return caller.runInContext(slot, { timeout: ms }) as T
}

function load(source: TextSource): ModelTextInfo {
  const files = (source.kind === 'gguf' ? readGgufTextFiles : readModelTextFiles)(source.path)
  const tokenizer = new TextTokenizer(files.tokenizer, files.config)
  loaded = { tokenizer, templates: files.templates, specialTokens: files.specialTokens }
  const end = tokenizer.tokenOf(files.specialTokens.eos_token ?? '')
  const stopTokens = [...new Set([...files.endTokens, ...(end === null ? [] : [end])])]
  return { vocabulary: tokenizer.vocabulary, hasTemplate: files.templates.size > 0, stopTokens }
}

function render({ templates, specialTokens }: Loaded, variables: Readonly<Record<string, unknown>>, nowMs: number) {
  const hasTools = Array.isArray(variables.tools) && variables.tools.length > 0
  const text = (hasTools ? templates.get('tool_use') : undefined) ?? templates.get('default')
  if (text === undefined) {
    throw new AppError(
      'unsupported',
      'TEMPLATE_MISSING',
      'The model has no chat template: ask it for completions of text',
    )
  }
  const template = parsed.get(text) ?? new ChatTemplate(text)
  parsed.set(text, template)
  return template.render({ ...specialTokens, ...variables }, nowMs)
}

function explain(thrown: unknown): TextHostError {
  const { kind, code, message } = toAppError(thrown)
  return { kind, code, message }
}

process.on('message', (message: ToTextHost) => {
  const { id } = message
  // A server that is gone wants no answer.
  const send = (answer: FromTextHost) => process.send?.(answer, undefined, {}, () => undefined)
  work(message).then(
    (value) => send({ id, value }),
    (error: unknown) => send({ id, error: explain(error) }),
  )
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit(0))
