/**
 * A model's chat template, as Jinja. It comes with the model, so from a stranger: it sees nothing but the values it is
 * given and the few functions here. How long it runs and how much memory it takes, it decides itself: render only in a
 * process that may be ended (text-process.ts).
 */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { AppError } from '../../base/app-error.ts'
import { strftime } from './strftime.ts'

export const TEMPLATE_CHARS_MAX = 512 * 1024
const RANGE_COUNT_MAX = 100_000
const RENDERED_CHARS_MAX = 16 * 1024 * 1024

/** What the template said by `raise_exception`: it takes no such conversation. */
class Raised extends Error {}

export class ChatTemplate {
  readonly #program: ReturnType<typeof parse>

  /** Kind `malformed`, TEMPLATE_BAD when it is no template. */
  constructor(text: string) {
    if (text.length > TEMPLATE_CHARS_MAX) throw bad(`it is longer than ${TEMPLATE_CHARS_MAX} characters`)
    try {
      this.#program = parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }))
    } catch (cause) {
      throw bad((cause as Error).message, cause)
    }
  }

  /** Kind `usage`, TEMPLATE_REFUSED for what the template itself refuses; TEMPLATE_BAD for what breaks inside of it. */
  render(variables: Readonly<Record<string, unknown>>, nowMs: number): string {
    const environment = new Environment()
    // Ours last: nobody's values stand in the place of a function.
    for (const [name, value] of Object.entries({ ...variables, ...globals(nowMs) })) environment.set(name, value)
    let text: unknown
    try {
      text = (new Interpreter(environment).run(this.#program) as { value?: unknown }).value
    } catch (cause) {
      if (cause instanceof Raised) {
        throw new AppError('usage', 'TEMPLATE_REFUSED', `The model's chat template refuses this: ${cause.message}`)
      }
      throw bad((cause as Error).message, cause)
    }
    if (typeof text !== 'string') throw bad('it renders to no text')
    if (text.length > RENDERED_CHARS_MAX) throw bad(`it renders to more than ${RENDERED_CHARS_MAX} characters`)
    return text
  }
}

function globals(nowMs: number): Record<string, unknown> {
  return {
    ...{ true: true, false: false, none: null, True: true, False: false, None: null },
    range: boundedRange,
    strftime_now: (format: unknown) => strftime(String(format), nowMs),
    raise_exception: (message: unknown) => {
      throw new Raised(String(message))
    },
  }
}

function boundedRange(first: unknown, second?: unknown, step: unknown = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  if (!Number.isInteger(start) || !Number.isInteger(stop) || !Number.isInteger(step) || step === 0) {
    throw new Error('range() takes whole numbers, and a step that is not 0')
  }
  const [from, to, by] = [start as number, stop as number, step as number]
  const count = Math.max(Math.ceil((to - from) / by), 0)
  if (count > RANGE_COUNT_MAX) throw new Error(`range() of ${count} numbers; at most ${RANGE_COUNT_MAX} are given`)
  return Array.from({ length: count }, (_, i) => from + i * by)
}

function bad(why: string, cause?: unknown): AppError {
  return new AppError('malformed', 'TEMPLATE_BAD', `The model's chat template fails: ${why}`, { cause })
}
