/**
 * What a person can set once for all commands. A value comes from the flag, else from the environment (our own name
 * first, then those of the Hugging Face tools), else from `config.toml`, else from the default.
 */
import { AppError } from './app-error.ts'
import type { Env } from './config.ts'

export interface Setting {
  readonly key: string
  readonly meaning: string
  readonly kind: 'text' | 'count' | 'switch' | 'address' | 'secret'
  /** The only values there are. */
  readonly choices?: readonly string[]
  /** Highest first. */
  readonly env: readonly string[]
  /** The variable by which the parts of the program hear of it; without one they hear of it by the flag. */
  readonly carrier?: string
  /** For people. */
  readonly fallback: string
}

export const SETTINGS: readonly Setting[] = [
  {
    ...{ key: 'endpoint', kind: 'address', meaning: 'the Hub to use', carrier: 'HF_ENDPOINT' },
    ...{ env: ['XORBIT_ENDPOINT', 'HF_ENDPOINT'], fallback: 'the running server of this home, else huggingface.co' },
  },
  {
    ...{ key: 'token', kind: 'secret', meaning: 'token for the Hub', carrier: 'HF_TOKEN' },
    ...{ env: ['XORBIT_TOKEN', 'HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'], fallback: 'that of `xorbit auth login`' },
  },
  {
    ...{ key: 'home', kind: 'text', meaning: 'folder of the server', carrier: 'XORBIT_HOME' },
    ...{ env: ['XORBIT_HOME'], fallback: '~/.local/share/xorbit' },
  },
  {
    ...{ key: 'cache-dir', kind: 'text', meaning: 'the Hugging Face cache', carrier: 'HF_HUB_CACHE' },
    env: ['XORBIT_CACHE_DIR', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE'],
    fallback: '~/.cache/huggingface/hub',
  },
  {
    ...{ key: 'ca-cert', kind: 'text', meaning: 'certificate authorities to trust besides the usual ones' },
    ...{ env: ['XORBIT_CA_CERT', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'], carrier: 'SSL_CERT_FILE', fallback: 'none' },
  },
  {
    ...{ key: 'offline', kind: 'switch', meaning: 'open no connection', carrier: 'HF_HUB_OFFLINE' },
    ...{ env: ['XORBIT_OFFLINE', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'], fallback: 'false' },
  },
  {
    ...{ key: 'log', kind: 'text', meaning: 'what the server logs', carrier: 'XORBIT_LOG', env: ['XORBIT_LOG'] },
    ...{ choices: ['debug', 'info', 'warn', 'error', 'silent'], fallback: 'warn' },
  },
  ofFlag('progress', 'how transfers show', 'auto', 'text', ['auto', 'tty', 'plain', 'json', 'none']),
  ofFlag('max-workers', 'files at once in a pull, xorbs at once in a push', 'as the command says', 'count'),
  ofFlag('paranoid', 'hash what is here already, whatever was proved before', 'false', 'switch'),
  ofFlag('connections', 'connections of one transfer', 'as the command says', 'count'),
  ofFlag('limit-rate', 'bytes a second of one transfer', 'none'),
  ofFlag('max-memory', 'memory for what is on its way', 'as the command says'),
  ofFlag('connect-timeout', 'how long a connection may take to come about', 'as the command says'),
  ofFlag('max-time', 'how long a transfer may take', 'none'),
  ofFlag('host', 'address that the server listens on', '127.0.0.1'),
  ofFlag('port', 'port that the server listens on', '9672'),
  ofFlag('public-url', 'address of a proxy before the server', 'none', 'address'),
]

function ofFlag(
  key: string,
  meaning: string,
  fallback: string,
  kind: Setting['kind'] = 'text',
  choices?: readonly string[],
): Setting {
  const env = [`XORBIT_${key.toUpperCase().replaceAll('-', '_')}`]
  return { key, meaning, fallback, kind, env, ...(choices === undefined ? {} : { choices }) }
}

/** Throws CONFIG_KEY_UNKNOWN, with the nearest known one. */
export function getSetting(key: string, where = ''): Setting {
  const found = SETTINGS.find((setting) => setting.key === key)
  if (found !== undefined) return found
  const nearest = SETTINGS.map((setting) => ({ key: setting.key, steps: distance(setting.key, key) })).sort(
    (a, b) => a.steps - b.steps,
  )[0]
  const hint = nearest === undefined ? '' : `: did you mean ${nearest.key}?`
  const message = `${where}There is no setting ${JSON.stringify(key.slice(0, 50))}${hint}`
  throw new AppError('usage', 'CONFIG_KEY_UNKNOWN', message, { data: { key: key.slice(0, 50) } })
}

/** As it is kept; throws CONFIG_VALUE_BAD. */
export function checkSetting({ key, kind, choices }: Setting, text: string, where = ''): string {
  const fail = (why: string) => new AppError('usage', 'CONFIG_VALUE_BAD', `${where}${key} ${why}`)
  if (text === '' || /\p{Cc}/u.test(text)) throw fail('is empty or holds a control character')
  if (choices !== undefined && !choices.includes(text)) throw fail(`is one of ${choices.join(', ')}`)
  if (kind === 'count' && !/^[1-9]\d{0,8}$/.test(text)) throw fail('is a whole number from 1')
  if (kind === 'switch' && !/^(true|false)$/.test(text)) throw fail('is true or false')
  if (kind === 'address' && !(/^https?:\/\//.test(text) && URL.canParse(text))) throw fail('is no http(s) address')
  return text
}

export interface EffectiveSetting {
  readonly setting: Setting
  /** Null: the default holds. */
  readonly value: string | null
  readonly origin: 'flag' | 'environment' | 'file' | 'default'
  /** The flag, the variable or the file. */
  readonly from: string | null
}

export interface SettingSources {
  /** By key. */
  readonly flags: ReadonlyMap<string, string>
  readonly env: Env
  readonly file: ReadonlyMap<string, string>
  readonly filePath: string
}

export function resolveSetting(setting: Setting, { flags, env, file, filePath }: SettingSources): EffectiveSetting {
  const { key } = setting
  const flag = flags.get(key)
  if (flag !== undefined) return { setting, value: flag, origin: 'flag', from: `--${key}` }
  const variable = setting.env.find((name) => env[name])
  if (variable !== undefined) return { setting, value: env[variable] ?? '', origin: 'environment', from: variable }
  const kept = file.get(key)
  if (kept !== undefined) return { setting, value: kept, origin: 'file', from: filePath }
  return { setting, value: null, origin: 'default', from: null }
}

/** Changes of one letter that lead from one word to the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const cost = b[j] === letter ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + cost, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
