/** Asks the person at the terminal before something is deleted. */
import { createInterface } from 'node:readline/promises'
import { AppError } from '../base/app-error.ts'
import type { Io } from './output.ts'

/** Returns when the trimmed answer is one of `accepted`, in any case; throws NOT_CONFIRMED when it does not, or when nobody can be asked. */
export async function askFirst(question: string, accepted: readonly string[], io: Io): Promise<void> {
  if (!process.stdin.isTTY || io.json) {
    throw new AppError('usage', 'NOT_CONFIRMED', 'Nobody is here to be asked: add --yes')
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await prompt.question(question, { signal: io.signal })
    if (!accepted.includes(answer.trim().toLowerCase()))
      throw new AppError('usage', 'NOT_CONFIRMED', 'Nothing was deleted')
  } finally {
    prompt.close()
  }
}
