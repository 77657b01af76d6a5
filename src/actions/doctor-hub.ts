/** Whether the Hub can be reached, what it is, whether its clock and ours agree, and whether it knows the token. */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Env } from '../base/config.ts'
import { toAppError } from '../base/error-table.ts'
import { HttpClient, type HttpReply } from '../base/http-client.ts'
import { RETRY_POLICY } from '../base/retry.ts'
import { VERSION } from '../base/version.ts'
import { isOffline } from '../transfer/hf-home.ts'
import { HubClient } from '../transfer/hub-client.ts'
import { type HubChoice, locateHub } from '../transfer/hub-location.ts'
import type { DoctorReport } from './doctor-report.ts'

export interface HubExamination extends HubChoice {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
}

/** Signed addresses live for minutes. */
const SKEW_PROBLEM_MS = 5 * 60_000
const SKEW_ADVICE_MS = 30_000
const ANSWER_MS = 15_000

export async function examineHub(report: DoctorReport, options: HubExamination): Promise<void> {
  const { env = process.env, caCert: caFile, clock } = options
  let http: HttpClient | null = null
  try {
    const { endpoint, token } = await locateHub(options)
    report.fact('endpoint', endpoint)
    report.fact('token', token === null ? 'none' : 'given')
    if (isOffline(env)) {
      report.fact('hub', 'not asked: offline')
      return
    }
    const retry = { ...RETRY_POLICY, retries: 0 }
    http = new HttpClient({ env, caFile, userAgent: `xorbit/${VERSION}`, retry, clock })
    if (!(await reach(report, http, { endpoint, options }))) return
    if (token !== null) await identify(report, new HubClient({ http, endpoint, token }), options.signal)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    // Those two were looked at before.
    if (error.code === 'PROXY_BAD' || error.code === 'CA_FILE_BAD') return
    report.problem(error.message, 'correct what the message names')
  } finally {
    await http?.close()
  }
}

interface Target {
  readonly endpoint: string
  readonly options: HubExamination
}

async function reach(report: DoctorReport, http: HttpClient, { endpoint, options }: Target): Promise<boolean> {
  const { clock, signal, env = process.env } = options
  const startMs = clock.monotonicMs()
  try {
    const { value, reply } = await askHealth(http, endpoint, signal)
    const ms = Math.round(clock.monotonicMs() - startMs)
    const version = (value as { version?: unknown }).version
    const what = typeof version === 'string' ? `xorbit ${version}` : 'a Hub'
    report.fact('hub', `${what}, answered in ${ms} ms${viaProxy(endpoint, env)}`)
    skew(report, reply, clock)
    return true
  } catch (thrown) {
    const error = toAppError(thrown)
    const remedy = remedyOf(error, endpoint)
    // Whom nobody chose, nobody may need.
    const isChosen = options.endpoint !== undefined || Boolean(env.HF_ENDPOINT)
    if (isChosen) report.problem(`${endpoint} cannot be used: ${error.message}`, remedy)
    else report.advice(`${endpoint} cannot be used: ${error.message}`, `${remedy}; or name your Hub with --endpoint`)
    return false
  }
}

/** Our own server answers `/health`; any Hub lists its models. */
async function askHealth(http: HttpClient, endpoint: string, signal: AbortSignal | undefined) {
  const common = { signal, totalMs: ANSWER_MS }
  try {
    return await http.json({ url: `${endpoint}/health`, ...common })
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const isOther = error.kind === 'malformed' || error.code === 'LOOKS_LIKE_HTML'
    if (!isOther && typeof error.data.status !== 'number') throw error
    return http.json({ url: `${endpoint}/api/models?limit=1`, ...common })
  }
}

function skew(report: DoctorReport, reply: HttpReply, clock: Clock): void {
  const theirs = Date.parse(reply.header('date') ?? '')
  if (Number.isNaN(theirs)) return
  const ms = clock.nowMs() - theirs
  const text = `${Math.abs(ms / 1000).toFixed(0)} s ${ms < 0 ? 'behind' : 'ahead of'} the Hub`
  report.fact('clock', Math.abs(ms) < 2000 ? 'as the Hub' : text)
  const remedy = 'set the clock, by NTP if you can'
  if (Math.abs(ms) > SKEW_PROBLEM_MS) report.problem(`the clock of this machine is ${text}`, remedy)
  else if (Math.abs(ms) > SKEW_ADVICE_MS) report.advice(`the clock of this machine is ${text}`, remedy)
}

async function identify(report: DoctorReport, hub: HubClient, signal: AbortSignal | undefined): Promise<void> {
  try {
    const { name, auth } = await hub.whoami(signal)
    const role = auth?.accessToken?.role
    report.fact('user', role ? `${name} (${role})` : name)
  } catch (thrown) {
    const error = toAppError(thrown)
    const isRefused = error.kind === 'unauthorized' || error.kind === 'forbidden'
    const remedy = isRefused ? 'make a new token on the Hub, then `xorbit auth login`' : remedyOf(error, hub.endpoint)
    report.problem(isRefused ? `${hub.endpoint} does not know the token` : error.message, remedy)
  }
}

function viaProxy(endpoint: string, env: Env): string {
  const name = endpoint.startsWith('https:') ? 'https_proxy' : 'http_proxy'
  const proxy = env[name] ?? env[name.toUpperCase()]
  const isLocal = /^https?:\/\/(localhost|127\.|\[::1\])/.test(endpoint)
  return proxy && !isLocal ? ', where NO_PROXY does not say otherwise by the proxy' : ''
}

function remedyOf({ code, kind, message }: AppError, endpoint: string): string {
  if (/certificate|self.signed|issuer|CERT_/i.test(message)) {
    return 'give the authority of your network with --ca-cert or SSL_CERT_FILE'
  }
  if (code === 'PROXY_REFUSED') return 'correct user and password in HTTPS_PROXY'
  if (kind === 'network' || kind === 'timeout') {
    return `check the network, HTTP(S)_PROXY and the address; is a server running at ${endpoint}?`
  }
  return kind === 'malformed' || kind === 'not-found' || code === 'LOOKS_LIKE_HTML'
    ? 'this is no Hub: correct the endpoint'
    : 'try again later'
}
