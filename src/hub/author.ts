/** A caller as the author of a commit. */
import type { Person } from '../git/object-writer.ts'
import type { Caller } from './caller.ts'

export function authorOf({ name }: Caller): Person {
  const shown = name ?? 'unknown'
  return { name: shown, email: `${shown}@users.noreply.localhost` }
}
