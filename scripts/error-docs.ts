/**
 * Keeps docs/errors.md true: every code that the sources throw has a kind, a meaning in scripts/error-meanings/ and a
 * test that provokes it; every meaning belongs to a code. `node scripts/error-docs.ts` checks, `--write` writes the page.
 *
 * Whatever is quoted and written like a code counts as one unless NOT_CODES names it, so that none is overlooked.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ERROR_TABLE, STATUS_OF_CODE } from '../src/base/error-table.ts'
import { MEANINGS } from './error-meanings.ts'

const PAGE = 'docs/errors.md'
const QUOTED = /['"]([A-Z]{3,}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)['"]/g
const SYSTEM_CODE = /^E[A-Z]{2,}$/
const WITH_KIND = /'([a-z-]+)',\s*'([A-Z0-9_]+)'/g
const CALL = /new AppError\(\s*([^,]+),\s*([^,]+),/g

/** Words of protocols, formats, SQL and of Node that look like codes. */
const NOT_CODES = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'NO_APP_FILE'],
  ...['XETBLOB', 'XBLBHSH', 'XBLBBND', 'XORBBLOB'],
  ...['COMMIT', 'ROLLBACK', 'NFC', 'NFD', 'UTC', 'LFS', 'LORA', 'BPE', 'I2_S', 'GGUF', 'SIGABRT'],
  ...['SIGINT', 'SIGTERM', 'SIGKILL', 'MODULE_NOT_FOUND', 'UND_ERR_HEADERS_OVERFLOW'],
]

/** Variables of the environment. */
const VARIABLE =
  /^((XORBIT|HF|HUGGING_?FACE|TRANSFORMERS)_[A-Z_]+|HTTPS?_PROXY|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS)$/

/** Kinds that no call spells out, with where they come from. */
const KINDS_ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  // In an upload it is the sender's fault: cas/accept-xorb.ts.
  COMPRESSION_UNKNOWN: ['integrity'],
  // KIND_OF_SYSTEM_CODE of base/error-table.ts.
  SYSTEM_CALL_FAILED: ['busy', 'network', 'no-space', 'timeout', 'too-large', 'usage'],
  // The kind of the status with which a Hub says it.
  REPO_GATED: ['forbidden', 'unauthorized'],
}

export type Codes = ReadonlyMap<string, ReadonlySet<string>>

export function isCode(word: string): boolean {
  return !NOT_CODES.includes(word) && !SYSTEM_CODE.test(word) && !VARIABLE.test(word)
}

/** Codes of `sources` with the kinds they are thrown with. */
export function findCodes(sources: ReadonlyMap<string, string>): Codes {
  const codes = new Map<string, Set<string>>()
  for (const text of sources.values()) {
    const here = kindsOf(text)
    for (const [code, kinds] of here) {
      const all = codes.get(code) ?? new Set(KINDS_ELSEWHERE[code])
      for (const kind of kinds) all.add(kind)
      codes.set(code, all)
    }
  }
  return codes
}

/** Of one file. A call that takes its code from a variable belongs to a helper: it serves the codes without a kind. */
function kindsOf(text: string): Map<string, Set<string>> {
  const codes = new Map<string, Set<string>>()
  for (const [, code = ''] of text.matchAll(QUOTED)) if (isCode(code)) codes.set(code, new Set())
  for (const [, kind = '', code = ''] of text.matchAll(WITH_KIND)) if (kind in ERROR_TABLE) codes.get(code)?.add(kind)
  const ofHelpers: string[] = []
  for (const [, first = '', second = ''] of text.matchAll(CALL)) {
    const kinds = kindsIn(first === 'kind' ? (/const kind = .*/.exec(text)?.[0] ?? '') : first)
    const named = [...second.matchAll(QUOTED)].map(([, code]) => code ?? '')
    if (named.length === 0) ofHelpers.push(...kinds)
    for (const code of named) for (const kind of kinds) codes.get(code)?.add(kind)
  }
  const compared = new Set([...text.matchAll(/[!=]== '([A-Z0-9_]+)'/g)].map(([, code]) => code))
  for (const [code, kinds] of codes) {
    if (kinds.size === 0 && !compared.has(code)) for (const kind of ofHelpers) kinds.add(kind)
  }
  return codes
}

function kindsIn(expression: string): string[] {
  return [...expression.matchAll(/'([a-z-]+)'/g)].map(([, kind]) => kind ?? '').filter((kind) => kind in ERROR_TABLE)
}

/** One line per problem. `tests` is the text of all tests together. */
export function findProblems(codes: Codes, meanings: Readonly<Record<string, string>>, tests: string): string[] {
  const problems: string[] = []
  const words = new Set(tests.match(/[A-Z][A-Z0-9_]+/g))
  for (const [code, kinds] of codes) {
    if (kinds.size === 0) problems.push(`${code} is thrown nowhere with a kind`)
    if (meanings[code] === undefined) problems.push(`${code} has no meaning in scripts/error-meanings/`)
    if (!words.has(code)) problems.push(`${code} stands in no test`)
  }
  for (const code of Object.keys(meanings)) if (!codes.has(code)) problems.push(`${code} is thrown nowhere`)
  return problems
}

function findDeadEntries(codes: Codes): string[] {
  const lists = { STATUS_OF_CODE, KINDS_ELSEWHERE }
  return Object.entries(lists).flatMap(([name, list]) =>
    Object.keys(list)
      .filter((code) => !codes.has(code))
      .map((code) => `${code} in ${name} is thrown nowhere`),
  )
}

export function renderPage(codes: Codes, meanings: Readonly<Record<string, string>>): string {
  const kinds = Object.entries(ERROR_TABLE).map(([kind, o]) => `| ${kind} | ${o.http} | ${o.exit} | ${o.retry} |`)
  const rows = [...codes.keys()].sort().map((code) => {
    const status = STATUS_OF_CODE[code] === undefined ? '' : ` (HTTP ${STATUS_OF_CODE[code]})`
    return `| \`${code}\` | ${[...(codes.get(code) ?? [])].sort().join(', ')}${status} | ${meanings[code]} |`
  })
  return [
    '# Errors',
    '',
    'Generated by `node scripts/error-docs.ts --write`. A kind decides HTTP status, exit code and whether trying again',
    'can help (`renew`: with a new token or address; `later`; `elsewhere`: from another source). A code says what',
    'happened. HTTP answers carry it as `code`, commands under `--json` too.',
    '',
    '| kind | HTTP | exit | retry |',
    '| --- | --- | --- | --- |',
    ...kinds,
    '',
    '| code | kind | meaning, and what to do |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

function read(folders: readonly string[], wanted: (name: string) => boolean): Map<string, string> {
  const texts = new Map<string, string>()
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (wanted(name)) texts.set(join(folder, name), readFileSync(join(folder, name), 'utf8'))
    }
  }
  return texts
}

if (import.meta.main) {
  const sources = read(['src'], (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  const tests = read(['src', 'test'], (name) => /\.(test|suite)\.ts$|experiments\/.*\.ts$/.test(name))
  const codes = findCodes(sources)
  const problems = [...findProblems(codes, MEANINGS, [...tests.values()].join('\n')), ...findDeadEntries(codes)]
  const page = renderPage(codes, MEANINGS)
  if (process.argv.includes('--write')) writeFileSync(PAGE, page)
  else if (readFileSync(PAGE, 'utf8') !== page) problems.push(`${PAGE} is old: node scripts/error-docs.ts --write`)
  for (const problem of problems) process.stderr.write(`error-docs: ${problem}\n`)
  process.stdout.write(`error-docs: ${codes.size} codes, ${problems.length} problems\n`)
  process.exitCode = problems.length > 0 ? 1 : 0
}
