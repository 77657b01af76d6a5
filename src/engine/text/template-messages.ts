/** Messages as chat templates expect them: text instead of lists of parts, tool arguments as objects instead of JSON. */
import { AppError } from '../../base/app-error.ts'
import type { ChatMessage, ContentPart } from '../chat-backend.ts'

type Json = Readonly<Record<string, unknown>>

/** Kind `usage`, MESSAGES_EMPTY for none; `unsupported`, CONTENT_UNSUPPORTED for anything but text. */
export function templateMessages(messages: readonly ChatMessage[]): Json[] {
  if (messages.length === 0) throw new AppError('usage', 'MESSAGES_EMPTY', 'There are no messages to answer')
  return messages.map((message) => {
    const content = Array.isArray(message.content) ? textOf(message.content) : message.content
    const calls = message.tool_calls
    return { ...message, content, ...(Array.isArray(calls) ? { tool_calls: calls.map(withArguments) } : {}) }
  })
}

function textOf(parts: readonly ContentPart[]): string {
  return parts
    .map(({ type, text }) => {
      if (type === 'text' && typeof text === 'string') return text
      throw new AppError('unsupported', 'CONTENT_UNSUPPORTED', `Content of type ${type} is not supported: send text`)
    })
    .join('')
}

function withArguments(call: Json): Json {
  const wanted = call.function as Json | undefined
  if (typeof wanted?.arguments !== 'string') return call
  try {
    return { ...call, function: { ...wanted, arguments: JSON.parse(wanted.arguments) } }
  } catch {
    // What a model wrote is not always JSON; the template gets it as it is.
    return call
  }
}
