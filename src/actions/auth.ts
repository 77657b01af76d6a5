/**
 * Who one is towards a Hub: the token in the files that the Hugging Face tools share. `token` holds the one in use,
 * `stored_tokens` all by name; both are for their owner's eyes only.
 */
import { chmod, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { makeFolder, writeFileAtomically } from '../base/atomic-file.ts'
import { textIfThere } from '../base/if-there.ts'
import { hfHome } from '../transfer/hf-home.ts'
import { type HubChoice, locateHub, openHub } from '../transfer/hub-location.ts'

const PRIVATE = 0o600

export interface Identity {
  readonly user: string
  readonly endpoint: string
  readonly orgs: readonly string[]
  /** What the Hub calls the token, when it says. */
  readonly tokenName: string | null
  readonly role: string | null
}

/** Kind `unauthorized` when the Hub knows no such token. */
export async function whoami(options: HubChoice & { readonly signal?: AbortSignal | undefined }): Promise<Identity> {
  const hub = await openHub(options)
  try {
    if (!hub.hasToken) {
      const hint = 'give one with --token or HF_TOKEN, or store one with `xorbit auth login`'
      throw new AppError('unauthorized', 'NOT_LOGGED_IN', `No token for ${hub.endpoint}: ${hint}`)
    }
    const { name, orgs = [], auth } = await hub.whoami(options.signal)
    const { displayName, role } = auth?.accessToken ?? {}
    const orgNames = orgs.map((org) => org.name)
    return { user: name, endpoint: hub.endpoint, orgs: orgNames, tokenName: displayName ?? null, role: role ?? null }
  } finally {
    await hub.http.close()
  }
}

/** Checks the token with the Hub, then stores it. */
export async function login(
  options: HubChoice & { readonly token: string; readonly signal?: AbortSignal | undefined },
) {
  const { env = process.env } = options
  const identity = await whoami(options)
  const { token } = await locateHub(options)
  const files = hfHome(env)
  await makeFolder(dirname(files.tokenFile), 0o700)
  const stored = await readStored(files.storedTokensFile)
  stored.set(sectionName(identity.tokenName ?? identity.user), `hf_token = ${token}`)
  await writeFileAtomically(files.storedTokensFile, formatStored(stored), PRIVATE)
  await writeFileAtomically(files.tokenFile, token ?? '', PRIVATE)
  for (const path of [files.storedTokensFile, files.tokenFile]) await chmod(path, PRIVATE)
  return { ...identity, tokenFile: files.tokenFile }
}

/** Forgets the token in use; other stored ones stay. Returns whether there was one. */
export async function logout({ env = process.env }: HubChoice): Promise<boolean> {
  const files = hfHome(env)
  const token = await textIfThere(files.tokenFile)
  if (token === null) return false
  const stored = await readStored(files.storedTokensFile)
  for (const [name, body] of stored) if (body.split('\n').includes(`hf_token = ${token.trim()}`)) stored.delete(name)
  await writeFileAtomically(files.storedTokensFile, formatStored(stored), PRIVATE)
  await rm(files.tokenFile)
  return true
}

/** Sections of the INI file by name, their lines as they are. */
async function readStored(path: string): Promise<Map<string, string>> {
  const sections = new Map<string, string>()
  let name: string | null = null
  for (const line of ((await textIfThere(path)) ?? '').split('\n')) {
    const header = /^\[(.+)\]\s*$/.exec(line)
    if (header !== null) {
      name = header[1] ?? ''
      sections.set(name, '')
    } else if (name !== null && line.trim() !== '') {
      const before = sections.get(name) ?? ''
      sections.set(name, before === '' ? line.trim() : `${before}\n${line.trim()}`)
    }
  }
  return sections
}

function formatStored(sections: ReadonlyMap<string, string>): string {
  return [...sections].map(([name, body]) => `[${name}]\n${body}\n\n`).join('')
}

function sectionName(text: string): string {
  return text.replace(/[\p{Cc}[\]]/gu, '_').trim() || 'token'
}
