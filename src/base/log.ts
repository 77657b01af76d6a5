/** The one log: JSON lines on standard error, secrets cut out, levels by `XORBIT_LOG`. */
import pino from 'pino'
import { redactText } from './redact.ts'

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(fields: object): Log
}

/** Keys whose values never reach a log line, wherever they stand one or two levels deep. */
const SECRET_KEYS = ['authorization', 'token', 'accessToken', 'cookie', 'password', 'signature', 'x-xet-access-token']

export function createLog(level: string, destination: { write(text: string): unknown } = process.stderr): Log {
  const paths = SECRET_KEYS.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`])
  return pino(
    { level, redact: { paths, censor: '***' }, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    {
      write: (text: string) => void destination.write(redactText(text)),
    },
  )
}

export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => silentLog }

function ignore(): void {
  // Nothing is kept: for tests and for commands that print their own outcome.
}
