/** `xorbit auth login|logout|whoami`. */
import { login, logout, whoami } from '../../actions/auth.ts'
import { AppError } from '../../base/app-error.ts'
import type { Flags, Io } from '../output.ts'
import { printable } from '../quantities.ts'
import { hubFlags } from '../transfer-flags.ts'

const TOKEN_CHARS_MAX = 4096
/** A terminal in raw mode gives these as characters. */
const CTRL_C = '\u0003'
const END_OF_INPUT = '\u0004'

export async function run([verb]: string[], flags: Flags, io: Io): Promise<void> {
  if (verb === 'login') return runLogin(flags, io)
  if (verb === 'logout') return runLogout(io)
  const { user, endpoint, orgs, role, tokenName } = await whoami({ ...hubFlags(flags), signal: io.signal })
  io.event('done', { user, endpoint, orgs, role, tokenName })
  io.line(
    io.quiet ? printable(user) : `${printable(user)} at ${endpoint}${role === null ? '' : ` (${printable(role)})`}`,
  )
}

async function runLogin(flags: Flags, io: Io): Promise<void> {
  const hub = hubFlags(flags)
  const token = hub.token ?? process.env.HF_TOKEN ?? (await readToken(io))
  const { user, endpoint, tokenFile } = await login({ ...hub, token, signal: io.signal })
  io.event('done', { user, endpoint, tokenFile })
  io.line(io.quiet ? printable(user) : `${printable(user)} at ${endpoint}; the token is in ${tokenFile}`)
}

async function runLogout(io: Io): Promise<void> {
  const wasStored = await logout({})
  io.event('done', { wasStored })
  if (!io.quiet)
    io.line(wasStored ? 'The token is forgotten; it stays valid until you revoke it.' : 'No token was stored.')
}

/** From a pipe, so that it shows up in no list of processes; without an echo on a terminal. */
async function readToken(io: Io): Promise<string> {
  const { stdin } = process
  if (stdin.isTTY) {
    io.note('Paste a token (it is not shown), then Enter:')
    stdin.setRawMode(true)
  }
  let text = ''
  try {
    for await (const piece of stdin) {
      text += String(piece)
      if (text.includes(CTRL_C)) throw new AppError('cancelled', 'CANCELLED', 'Cancelled')
      if (/[\r\n]/.test(text) || text.includes(END_OF_INPUT) || text.length > TOKEN_CHARS_MAX) break
    }
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false)
    stdin.unref()
  }
  const token =
    text
      .replaceAll(END_OF_INPUT, '\n')
      .split(/[\r\n]/)[0]
      ?.trim() ?? ''
  if (token === '') throw new AppError('usage', 'TOKEN_MISSING', 'No token came: give --token, or pipe one in')
  return token
}
