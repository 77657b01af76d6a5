/** Where the Hugging Face tools keep their things, by the environment variables they share. */
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Env } from '../base/config.ts'

export interface HfHome {
  readonly folder: string
  readonly hubCache: string
  readonly tokenFile: string
  readonly storedTokensFile: string
}

export function hfHome(env: Env): HfHome {
  const user = env.HOME || homedir()
  const folder = expand(env.HF_HOME || join(env.XDG_CACHE_HOME || join(user, '.cache'), 'huggingface'), user)
  const tokenFile = expand(env.HF_TOKEN_PATH || join(folder, 'token'), user)
  return {
    folder,
    hubCache: expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(folder, 'hub'), user),
    tokenFile,
    storedTokensFile: join(dirname(tokenFile), 'stored_tokens'),
  }
}

/** What we keep for ourselves and could do without. */
export function ownCache(env: Env): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'xorbit')
}

/** Whether a flag of the environment is on, as the Python tools read it. */
export function isOn(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '')
}

/** No socket may be opened. */
export function isOffline(env: Env): boolean {
  return isOn(env.HF_HUB_OFFLINE) || isOn(env.TRANSFORMERS_OFFLINE)
}

function expand(path: string, user: string): string {
  return resolve(path.replace(/^~(?=\/|$)/, user))
}
