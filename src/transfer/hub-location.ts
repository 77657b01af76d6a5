/**
 * Which Hub a command talks to, and as whom.
 *
 * Endpoint: the flag, else HF_ENDPOINT, else the running server of this home, else huggingface.co. Token: the flag, else
 * for the server of this home its own (unless HF_TOKEN is set and the endpoint was chosen), else HF_TOKEN, else the
 * stored one.
 */
import { readFile } from 'node:fs/promises'
import { AppError, systemCode } from '../base/app-error.ts'
import { type Env, homeFolder, PUBLIC_HUB, runFiles } from '../base/config.ts'
import { HttpClient } from '../base/http-client.ts'
import { VERSION } from '../base/version.ts'
import { hfHome, isOffline, isOn } from './hf-home.ts'
import { HubClient } from './hub-client.ts'
import type { TransferLimits } from './transfer-limits.ts'

export interface HubChoice {
  readonly endpoint?: string | undefined
  readonly token?: string | undefined
  readonly home?: string | undefined
  /** File of certificate authorities to trust besides the usual ones. */
  readonly caCert?: string | undefined
  readonly env?: Env
  readonly userAgent?: string
  readonly limits?: TransferLimits | undefined
}

export interface HubLocation {
  readonly endpoint: string
  readonly token: string | null
}

export async function locateHub(choice: HubChoice): Promise<HubLocation> {
  const { env = process.env } = choice
  const chosen = choice.endpoint ?? (env.HF_ENDPOINT || undefined)
  const own = await findOwnServer(homeFolder(choice.home, env))
  const endpoint = checkEndpoint(chosen ?? own?.url ?? PUBLIC_HUB)
  const isOwn = own !== null && new URL(endpoint).origin === new URL(own.url).origin
  const fromEnv = env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN
  if (choice.token !== undefined) return { endpoint, token: checkToken(choice.token) }
  if (isOwn && (chosen === undefined || !fromEnv)) return { endpoint, token: own.token }
  if (isOn(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return { endpoint, token: null }
  const token = fromEnv ?? (await findText(hfHome(env).tokenFile))
  return { endpoint, token: token ? checkToken(token) : null }
}

/** A client for the Hub; close its `http` when done. */
export async function openHub(choice: HubChoice): Promise<HubClient> {
  const { env = process.env, caCert: caFile, userAgent = `xorbit/${VERSION}` } = choice
  const location = await locateHub(choice)
  if (isOffline(env)) {
    const message = 'No Hub may be reached: leave --offline out, unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE'
    throw new AppError('network', 'OFFLINE', message)
  }
  const { connectMs, bytesPerSecond } = choice.limits ?? {}
  return new HubClient({ ...location, http: new HttpClient({ env, caFile, userAgent, connectMs, bytesPerSecond }) })
}

/** The server that runs in this home, by what it left in `run/`; null when none is alive. */
async function findOwnServer(home: string): Promise<{ url: string; token: string | null } | null> {
  const files = runFiles(home)
  const url = await findText(files.url)
  if (!url || !URL.canParse(url)) return null
  const pid = Number(await findText(files.pid))
  if (pid > 0 && !isAlive(pid)) return null
  return { url: url.replace(/\/+$/, ''), token: (await findText(files.token)) || null }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

async function findText(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null
    throw error
  }
}

function checkEndpoint(text: string): string {
  const isWeb = /^https?:\/\//.test(text) && URL.canParse(text)
  if (!isWeb || new URL(text).username || new URL(text).password || /[\s\p{Cc}]/u.test(text)) {
    throw new AppError(
      'usage',
      'ENDPOINT_BAD',
      'The endpoint is no http or https address: give --endpoint https://HOST',
    )
  }
  return text.replace(/\/+$/, '')
}

function checkToken(text: string): string {
  const token = text.trim()
  if (token === '' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new AppError('usage', 'TOKEN_BAD', 'The token holds characters that no token has: check --token or HF_TOKEN')
  }
  return token
}
