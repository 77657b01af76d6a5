/**
 * `config.toml`: the flat part of TOML, `key = value` a line with strings, whole numbers and booleans, and comments. Read
 * strictly: an unknown key, a table or a value of another kind is an error with its line. Changing one key leaves all
 * other lines as they are.
 */
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { AppError } from './app-error.ts'
import { makeFolder, writeFileAtomically } from './atomic-file.ts'
import type { Env } from './config.ts'
import { textIfThere } from './if-there.ts'
import { checkSetting, getSetting } from './settings.ts'

/** It may hold a token. */
const PRIVATE = 0o600
const LINE = /^\s*([A-Za-z0-9_-]+|"[^"\\]*")\s*=\s*(.+?)\s*$/
const VALUE = /^(?:"((?:[^"\\]|\\["\\bfnrt])*)"|'([^']*)'|(true|false)|([+-]?\d[\d_]*))\s*(?:#.*)?$/
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

export function settingsPath(env: Env): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'xorbit', 'config.toml')
}

/** By key; empty when there is no file. */
export async function readSettings(env: Env): Promise<Map<string, string>> {
  const path = settingsPath(env)
  return parseSettings((await textIfThere(path)) ?? '', path)
}

/** By key; `path` is for messages. */
export function parseSettings(text: string, path: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const [i, line] of text.split('\n').entries()) {
    const where = `${path} line ${i + 1}: `
    const entry = parseLine(line, where)
    if (entry === null) continue
    if (values.has(entry.key)) throw bad(where, `${entry.key} is there twice`)
    values.set(entry.key, checkSetting(getSetting(entry.key, where), entry.value, where))
  }
  return values
}

/** Null removes the key. Returns whether anything changed. */
export async function writeSetting(env: Env, key: string, value: string | null): Promise<boolean> {
  getSetting(key)
  const line = value === null ? null : formatSetting(key, value)
  const path = settingsPath(env)
  const before = (await textIfThere(path)) ?? ''
  const lines = before === '' ? [] : before.replace(/\n$/, '').split('\n')
  const isKey = (text: string) => LINE.exec(text)?.[1]?.replaceAll('"', '') === key
  const at = lines.findIndex(isKey)
  const kept = lines.filter((text) => !isKey(text))
  if (line !== null) kept.splice(at < 0 ? kept.length : at, 0, line)
  const after = kept.map((text) => `${text}\n`).join('')
  if (after === before) return false
  await makeFolder(dirname(path), 0o700)
  await writeFileAtomically(path, after, PRIVATE)
  return true
}

/** The line that sets it. */
export function formatSetting(key: string, value: string): string {
  const setting = getSetting(key)
  return `${key} = ${formatValue(checkSetting(setting, value), setting.kind)}`
}

function parseLine(line: string, where: string): { key: string; value: string } | null {
  if (/^\s*(#.*)?\r?$/.test(line)) return null
  if (/^\s*\[/.test(line)) throw bad(where, 'there are no tables here: only `key = value`')
  const [, name = '', text = ''] = LINE.exec(line) ?? []
  const [whole, basic, literal, boolean, number] = VALUE.exec(text) ?? []
  if (whole === undefined) throw bad(where, 'this is not `key = "text"`, `key = 4` or `key = true`')
  const unescaped = basic?.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter)
  const value = unescaped ?? literal ?? boolean ?? number?.replaceAll('_', '').replace(/^\+/, '') ?? ''
  return { key: name.replaceAll('"', ''), value }
}

function formatValue(value: string, kind: string): string {
  if (kind === 'count' || kind === 'switch') return value
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

function bad(where: string, why: string): AppError {
  return new AppError('usage', 'CONFIG_FILE_BAD', `${where}${why}`)
}
