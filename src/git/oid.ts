/** Names of git objects: 40 hexadecimal digits, lower case (SHA-1 repositories, as the Hub's are). */
import { createHash } from 'node:crypto'
import { AppError } from '../base/app-error.ts'

export type Oid = string & { readonly oid: true }

/** What git writes where there is no object: "the ref does not exist". */
export const ZERO_OID = '0'.repeat(40) as Oid

export function findOid(text: string): Oid | null {
  return /^[0-9a-f]{40}$/.test(text) ? (text as Oid) : null
}

export function parseOid(text: string): Oid {
  const oid = findOid(text)
  if (oid === null)
    throw new AppError('malformed', 'OID_MALFORMED', `${JSON.stringify(text.slice(0, 80))} is no git oid`)
  return oid
}

/** The name git gives a blob of these bytes. */
export function blobOid(content: Uint8Array): Oid {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex') as Oid
}
