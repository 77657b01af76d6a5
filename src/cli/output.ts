/** What a command may print: events as NDJSON under `--json`, else plain text; notes go to standard error. */
import { systemClock } from '../base/clock.ts'
export interface Io {
  readonly json: boolean
  readonly quiet: boolean
  readonly isTty: boolean
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
  /** Ends the JSON of a command that went well: the last line is `done`, with no fields unless it was said already. */
  finish(): void
  /** One JSON object with `event` and `time` when `--json` is on, else nothing. */
  event(name: string, fields: Readonly<Record<string, unknown>>): void
  /** Text for people on standard output; nothing under `--json`. */
  line(text: string): void
  /** Text on standard error, whatever the mode. */
  note(text: string): void
}

export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface Streams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
  readonly stderr: { write(text: string): unknown }
}

export function createIo(flags: Flags, streams: Streams, signal: AbortSignal): Io {
  const json = flags.json === true
  const quiet = flags.quiet === true
  let last = ''
  const event = (name: string, fields: Readonly<Record<string, unknown>>): void => {
    if (!json) return
    last = name
    streams.stdout.write(
      `${JSON.stringify({ event: name, time: new Date(systemClock.nowMs()).toISOString(), ...fields })}\n`,
    )
  }
  return {
    json,
    quiet,
    isTty: streams.stdout.isTTY === true,
    signal,
    event,
    finish() {
      if (last !== 'done') event('done', {})
    },
    line(text) {
      if (!json) streams.stdout.write(`${text}\n`)
    },
    note(text) {
      streams.stderr.write(`${text}\n`)
    },
  }
}
