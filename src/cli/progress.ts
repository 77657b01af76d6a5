/**
 * How a transfer shows while it runs: one line that redraws itself on a terminal, a line now and then elsewhere, events
 * under `--progress json`, or nothing. Always on standard error but for the events, so results can be piped.
 */
import { AppError } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { Flags, Io } from './output.ts'

export type ProgressMode = 'tty' | 'plain' | 'json' | 'none'

/** What the renderers count; the shape of a transfer's own events. */
export type ProgressEvent =
  | { readonly event: 'plan'; readonly files: number; readonly bytes: number }
  | { readonly event: 'bytes'; readonly path: string; readonly bytes: number }
  | { readonly event: 'sent'; readonly bytes: number }
  | { readonly event: 'file'; readonly file: { readonly path: string } }

export interface ProgressScreen {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

const TTY_EVERY_MS = 100
const PLAIN_EVERY_MS = 10_000
const JSON_EVERY_MS = 1000
const BAR_CELLS = 24
const COLUMNS_WITH_BAR = 60

export class Progress {
  readonly #mode: ProgressMode
  readonly #io: Io
  readonly #screen: ProgressScreen
  readonly #clock: Clock
  readonly #startMs: number
  #lastMs: number
  #files = 0
  #filesDone = 0
  #total = 0
  #done = 0
  #sent = 0
  #path = ''
  #drawn = false

  constructor(mode: ProgressMode, io: Io, screen: ProgressScreen = process.stderr, clock: Clock = systemClock) {
    this.#mode = mode
    this.#io = io
    this.#screen = screen
    this.#clock = clock
    this.#startMs = clock.monotonicMs()
    this.#lastMs = this.#startMs
  }

  readonly on = (event: ProgressEvent): void => {
    if (event.event === 'plan') {
      this.#files = event.files
      this.#total = event.bytes
    } else if (event.event === 'bytes') {
      this.#done += event.bytes
      this.#path = event.path
    } else if (event.event === 'sent') this.#sent += event.bytes
    else this.#filesDone++
    const every = this.#mode === 'tty' ? TTY_EVERY_MS : this.#mode === 'json' ? JSON_EVERY_MS : PLAIN_EVERY_MS
    if (this.#clock.monotonicMs() - this.#lastMs >= every) this.#show()
  }

  /** Leaves the terminal clean. */
  end(): void {
    if (this.#mode === 'tty' && this.#drawn) this.#screen.write('\r\x1b[2K')
    this.#drawn = false
  }

  #show(): void {
    const now = this.#clock.monotonicMs()
    this.#lastMs = now
    const seconds = (now - this.#startMs) / 1000
    const rate = seconds > 0 ? this.#done / seconds : 0
    if (this.#mode === 'none') return
    if (this.#mode === 'json') {
      const fields = { files: this.#filesDone, filesTotal: this.#files, bytes: this.#done, bytesTotal: this.#total }
      this.#io.event('progress', { ...fields, sent: this.#sent, bytesPerSecond: Math.round(rate) })
      return
    }
    const left = rate > 0 ? (this.#total - this.#done) / rate : Number.NaN
    const sizes = `${formatBytes(this.#done)} of ${formatBytes(this.#total)}`
    const text = `${sizes}, ${formatBytes(rate)}/s, ${formatSeconds(left)} left, ${this.#filesDone} of ${countOf(this.#files, 'file')}`
    if (this.#mode === 'plain') {
      this.#screen.write(`${text}\n`)
      return
    }
    const part = this.#total > 0 ? Math.min(Math.max(this.#done / this.#total, 0), 1) : 0
    const full = Math.round(part * BAR_CELLS)
    const percent = `${String(Math.floor(part * 100)).padStart(3)} %`
    const columns = (this.#screen.columns || 80) - 1
    // A narrow terminal has room for the figures, not for the bar.
    const bar = columns < COLUMNS_WITH_BAR ? '' : `${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} `
    const line = `${bar}${percent}  ${text}  ${printable(this.#path)}`
    this.#screen.write(`\r\x1b[2K${line.slice(0, columns)}`)
    this.#drawn = true
  }
}

/** What `--progress` (default auto) means here. */
export function progressMode(flags: Flags, io: Io, screen: ProgressScreen = process.stderr): ProgressMode {
  const wish = flags.progress ?? 'auto'
  if (wish === 'tty' || wish === 'plain' || wish === 'json' || wish === 'none') return wish
  if (wish !== 'auto') {
    throw new AppError(
      'usage',
      'FLAG_INVALID',
      `--progress is auto, tty, plain, json or none, not ${JSON.stringify(wish)}`,
    )
  }
  if (io.quiet) return 'none'
  if (screen.isTTY === true && !io.json) return 'tty'
  return io.json ? 'none' : 'plain'
}

/** `1 file`, `2 files`. */
export function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** `1.5 MB`: decimal units, three digits. */
export function formatBytes(bytes: number): string {
  let value = bytes
  for (const unit of ['B', 'kB', 'MB', 'GB', 'TB']) {
    if (Math.abs(value) < 999.5 || unit === 'TB')
      return `${unit === 'B' ? Math.round(value) : value.toPrecision(3)} ${unit}`
    value /= 1000
  }
  return `${bytes} B`
}

export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** A name from elsewhere, with control characters made visible. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u200b-\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (char) => `\\x${char.charCodeAt(0).toString(16)}`,
  )
}
