/** How a command ends: one line and an exit code for each error, a documented one for each signal. */
import { ERROR_TABLE, EXIT_VERIFICATION_FAILED, toAppError } from '../base/error-table.ts'
import { redactText } from '../base/redact.ts'
import { findAdvice } from './advice.ts'
import type { Io } from './output.ts'

const EXIT_SIGTERM = 143

/** Prints the error in one line (an `error` event under --json) and returns the exit code. */
export function reportError(thrown: unknown, io: Io, verbose: boolean): number {
  const error = toAppError(thrown)
  const exit = exitCodeOf(thrown, io)
  const message = redactText(error.message)
  const { headers: _headers, hubCode: _hubCode, body: _body, ...data } = error.data
  const advice = findAdvice(error)
  if (io.json) {
    io.event('error', {
      kind: error.kind,
      code: error.code,
      message,
      exit,
      data,
      ...(advice === null ? {} : { advice }),
    })
  } else io.note(`xorbit: ${message} (${error.code})${advice === null ? '' : `: ${advice}`}`)
  if (verbose || error.kind === 'bug')
    io.note(redactText(String((error.cause as Error | undefined)?.stack ?? error.stack)))
  return exit
}

function exitCodeOf(thrown: unknown, io: Io): number {
  if (io.signal.aborted) return signalExitCode(io.signal)
  const error = toAppError(thrown)
  return error.code === 'VERIFY_DIFFERENCES' ? EXIT_VERIFICATION_FAILED : ERROR_TABLE[error.kind].exit
}

/** What a shell expects of a program that a signal ended. */
export function signalExitCode(signal: AbortSignal): number {
  return signal.reason === 'SIGTERM' ? EXIT_SIGTERM : ERROR_TABLE.cancelled.exit
}
