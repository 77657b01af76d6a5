/**
 * Where the client's connections come from: proxies by HTTP(S)_PROXY and NO_PROXY; authorities by an option,
 * SSL_CERT_FILE or REQUESTS_CA_BUNDLE, besides the built-in ones and NODE_EXTRA_CA_CERTS. HTTP/1.1 only.
 */
import { readFileSync } from 'node:fs'
import { type ConnectionOptions, getCACertificates } from 'node:tls'
import type { Dispatcher } from 'undici'
import { AppError, systemCode } from './app-error.ts'
import type { Env } from './config.ts'
import { Agent, EnvHttpProxyAgent } from './undici-parts.ts'

const REPLY_HEADER_BYTES_MAX = 64 * 1024
const CONNECTIONS_PER_ORIGIN = 32

export interface Dispatchers {
  /** By the environment's proxies. */
  readonly outward: Dispatcher
  readonly direct: Dispatcher
  readonly tls: ConnectionOptions
  readonly hasProxy: boolean
}

export function createDispatchers(env: Env = process.env, caFile: string | undefined, connectMs: number): Dispatchers {
  const file = caFile ?? env.SSL_CERT_FILE ?? env.REQUESTS_CA_BUNDLE
  const tls = file ? { ca: [...getCACertificates('default'), readAuthorities(file)] } : {}
  const common = {
    allowH2: false,
    connections: CONNECTIONS_PER_ORIGIN,
    maxHeaderSize: REPLY_HEADER_BYTES_MAX,
    connect: { ...tls, timeout: connectMs },
  }
  const proxies = {
    httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? '',
    httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? '',
  }
  for (const [name, proxy] of Object.entries(proxies)) checkProxy(name, proxy)
  const noProxy = env.no_proxy ?? env.NO_PROXY ?? ''
  const outward = new EnvHttpProxyAgent({ ...common, requestTls: tls, proxyTls: tls, ...proxies, noProxy })
  const hasProxy = Object.values(proxies).some((proxy) => proxy !== '')
  return { outward, direct: new Agent(common), tls, hasProxy }
}

function readAuthorities(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (systemCode(error) === null) throw error
    const message = `The certificate authorities in ${file} cannot be read: correct --ca-cert or SSL_CERT_FILE`
    throw new AppError('usage', 'CA_FILE_BAD', message, { cause: error })
  }
}

/** The address itself may hold a password: it is not shown. */
function checkProxy(name: string, proxy: string): void {
  if (proxy === '' || (URL.canParse(proxy) && /^https?:$/.test(new URL(proxy).protocol))) return
  const variable = name === 'httpProxy' ? 'HTTP_PROXY' : 'HTTPS_PROXY'
  throw new AppError('usage', 'PROXY_BAD', `${variable} is no http or https address: correct or unset it`)
}
