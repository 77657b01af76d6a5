/**
 * What keeps this machine from pulling and pushing: programs, settings, certificates, proxies, the Hub and its clock, the
 * token, the cache and its disk. Looks only. One part that fails does not keep the others from being looked at.
 */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { constants } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { AppError, systemCode } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { Env } from '../base/config.ts'
import { hasFlock } from '../base/flock.ts'
import { statIfThere } from '../base/if-there.ts'
import { readSettings, settingsPath } from '../base/settings-file.ts'
import { VERSION } from '../base/version.ts'
import { spaceOf } from '../store/space.ts'
import { hfHome } from '../transfer/hf-home.ts'
import type { HubChoice } from '../transfer/hub-location.ts'
import { type CacheChoice, cacheFolder } from './cache-choice.ts'
import { type CacheFigures, listCache } from './cache-ls.ts'
import { examineHub } from './doctor-hub.ts'
import { DoctorReport } from './doctor-report.ts'

export interface DoctorOptions extends HubChoice, CacheChoice {
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
}

const PROGRAM_MS = 10_000
const LITTLE_SPACE_BYTES = 2e9
const NO_SPACE_BYTES = 100e6
const PROXIES = ['http_proxy', 'https_proxy', 'no_proxy'] as const

export async function examineClient(options: DoctorOptions = {}): Promise<DoctorReport> {
  const report = new DoctorReport()
  const { env = process.env, clock = systemClock } = options
  await programs(report, env)
  await settings(report, env)
  await certificates(report, options, clock)
  proxies(report, env)
  await examineHub(report, { ...options, clock })
  await tokenFile(report, env)
  await cache(report, options)
  return report
}

async function programs(report: DoctorReport, env: Env): Promise<void> {
  report.fact('xorbit', VERSION)
  report.fact('node', process.versions.node)
  const git = await versionOf('git', ['--version'], env)
  report.fact('git', git ?? 'not installed')
  if (git === null) report.advice('git is not installed: a server needs it', 'install git 2.34 or newer')
  report.fact('git-lfs', (await versionOf('git-lfs', ['version'], env)) ?? 'not installed')
  report.fact('hf', (await versionOf('hf', ['version'], env)) ?? 'not installed')
  if (!hasFlock() && (await versionOf('flock', ['--version'], env)) === null) {
    const what = 'no locks of files (koffi, or the flock command): shared files of the cache are never removed without'
    report.advice(what, 'install util-linux')
  }
}

/** The digits of what a program says of itself; null when there is none. */
async function versionOf(program: string, words: readonly string[], env: Env): Promise<string | null> {
  try {
    const options = { timeout: PROGRAM_MS, env: { ...env, HF_HUB_DISABLE_UPDATE_CHECK: '1', HF_HUB_OFFLINE: '1' } }
    const { stdout } = await promisify(execFile)(program, [...words], options)
    return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? 'of an unknown version'
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    return error instanceof Error ? 'installed, but it does not run' : null
  }
}

async function settings(report: DoctorReport, env: Env): Promise<void> {
  const path = settingsPath(env)
  report.fact('settings', (await statIfThere(path)) === null ? `none (${path})` : path)
  try {
    await readSettings(env)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    report.problem(error.message, `correct ${path}; \`xorbit config ls\` lists what can be set`)
  }
}

async function certificates(report: DoctorReport, { caCert, env = process.env }: DoctorOptions, clock: Clock) {
  const sources: [string, string | undefined][] = [
    ['--ca-cert', caCert],
    ...['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS'].map((name): [string, string | undefined] => [
      name,
      env[name],
    ]),
  ]
  const given = sources.filter((source): source is [string, string] => Boolean(source[1]))
  report.fact('authorities', given.length === 0 ? 'the usual ones' : given.map((pair) => pair.join(' ')).join(', '))
  for (const [name, path] of given) {
    try {
      const pems = (await readFile(path, 'utf8')).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
      if (pems === null) report.problem(`${name}: ${path} holds no certificate`, 'give a file in PEM form')
      const isOver = (pem: string) => Date.parse(new X509Certificate(pem).validTo) < clock.nowMs()
      if (pems?.every(isOver)) report.problem(`${name}: every certificate in ${path} has ended`, 'get new ones')
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      report.problem(`${name}: ${path} cannot be used: ${why}`, `correct or unset ${name}`)
    }
  }
}

function proxies(report: DoctorReport, env: Env): void {
  const inEffect: string[] = []
  for (const name of PROXIES) {
    const [lower, upper] = [env[name], env[name.toUpperCase()]]
    const value = lower ?? upper
    if (lower && upper && lower !== upper) {
      report.advice(`${name} and ${name.toUpperCase()} differ: the first is used`, `unset one of them`)
    }
    if (!value) continue
    inEffect.push(`${name}=${withoutPassword(value)}`)
    if (name !== 'no_proxy' && !(URL.canParse(value) && /^https?:$/.test(new URL(value).protocol))) {
      report.problem(`${name} is no http or https address: ${withoutPassword(value)}`, `correct or unset ${name}`)
    }
  }
  report.fact('proxies', inEffect.length === 0 ? 'none' : inEffect.join(', '))
}

function withoutPassword(address: string): string {
  return address.replace(/\/\/[^@/]*@/, '//…@')
}

async function tokenFile(report: DoctorReport, env: Env): Promise<void> {
  for (const path of [hfHome(env).tokenFile, hfHome(env).storedTokensFile]) {
    const found = await statIfThere(path)
    if (found !== null && (found.mode & 0o077) !== 0) report.problem(`others may read ${path}`, `chmod 600 ${path}`)
  }
}

async function cache(report: DoctorReport, options: DoctorOptions): Promise<void> {
  const folder = cacheFolder(options)
  const existing = await nearestFolder(folder)
  for (const [mode, word] of [
    [constants.R_OK | constants.X_OK, 'read'],
    [constants.W_OK, 'written'],
  ] as const) {
    const isAllowed = await access(existing, mode).then(
      () => true,
      (error: unknown) => systemCode(error) === null,
    )
    if (!isAllowed) {
      report.problem(
        `${existing} cannot be ${word} by this user`,
        `chown or chmod it, or set HF_HUB_CACHE to a folder of yours`,
      )
    }
  }
  const { free, total } = await spaceOf(existing)
  report.fact('cache', folder)
  report.fact('cache disk', `${gigabytes(free)} of ${gigabytes(total)} free`)
  const remedy = '`xorbit cache prune`, `xorbit cache rm`, or HF_HUB_CACHE on a larger disk'
  if (free < NO_SPACE_BYTES) report.problem(`the disk of the cache is full: ${gigabytes(free)} left`, remedy)
  else if (free < LITTLE_SPACE_BYTES) report.advice(`the disk of the cache has ${gigabytes(free)} left`, remedy)
  try {
    contents(report, await listCache(options))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    report.problem(`the cache cannot be looked through: ${why}`, 'chown or chmod it, or set HF_HUB_CACHE')
  }
}

function contents(
  report: DoctorReport,
  { repos, diskBytes, leftovers, orphans, strange, cache: folder }: CacheFigures,
) {
  report.fact('cache holds', `${repos.length} repositories, ${gigabytes(diskBytes)} on the disk`)
  for (const { repo, missing } of repos) {
    if (missing.length === 0) continue
    const what = `${missing.length} files of ${repo.name} lead nowhere in the cache, such as ${missing[0]}`
    report.problem(what, `xorbit pull ${repo.name}`)
  }
  const left = leftovers.bytes + orphans.bytes
  if (left > 0) report.advice(`${gigabytes(left)} in the cache are used by nobody`, 'xorbit cache prune')
  if (strange.length > 0)
    report.advice(`${folder} holds what is no part of a cache: ${strange.join(', ')}`, 'move it away')
}

async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === null) throw error
    return null
  })
  return found !== null || dirname(path) === path ? path : nearestFolder(dirname(path))
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}
