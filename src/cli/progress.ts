/**
 * How a transfer shows while it runs: bars that redraw themselves on a terminal (the files at work, then the whole), a
 * line every ten seconds elsewhere, events under `--progress json`, or nothing. Always on standard error but for the
 * events, so results can be piped. A clock of its own makes it speak also when nothing comes.
 */
import { AppError } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { Flags, Io } from './output.ts'
import { drawBars } from './progress-bars.ts'
import { countOf, formatBytes, formatSeconds, printable } from './quantities.ts'
import { type ProgressEvent, TransferTally } from './transfer-tally.ts'

export type ProgressMode = 'tty' | 'plain' | 'json' | 'none'

/** A pause before something is tried again. */
export interface WaitEvent {
  readonly event: 'wait'
  readonly seconds: number
  readonly code: string
  readonly message: string
}

export interface ProgressScreen {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

const EVERY_MS: Readonly<Record<ProgressMode, number>> = { tty: 100, plain: 10_000, json: 1000, none: Number.MAX_VALUE }

export class Progress {
  readonly #mode: ProgressMode
  readonly #io: Io
  readonly #screen: ProgressScreen
  readonly #clock: Clock
  readonly #tally: TransferTally
  readonly #timer: NodeJS.Timeout | null
  #lastMs: number
  #linesDrawn = 0

  constructor(mode: ProgressMode, io: Io, screen: ProgressScreen = process.stderr, clock: Clock = systemClock) {
    this.#mode = mode
    this.#io = io
    this.#screen = screen
    this.#clock = clock
    this.#lastMs = clock.monotonicMs()
    this.#tally = new TransferTally(this.#lastMs)
    this.#timer = mode === 'none' ? null : setInterval(() => this.#showIfDue(), EVERY_MS[mode]).unref()
  }

  readonly on = (event: ProgressEvent | WaitEvent): void => {
    if (event.event === 'wait') this.#tellWait(event)
    else {
      this.#tally.add(event)
      this.#showIfDue()
    }
  }

  /** At once when it is a second or more: it would look like a stall. */
  readonly #tellWait = ({ seconds, code, message }: WaitEvent): void => {
    if (this.#mode === 'json') this.#io.event('wait', { seconds, code, message })
    if (seconds < 1 || this.#mode === 'json' || this.#mode === 'none') return
    this.pause()
    this.#screen.write(`trying again in ${formatSeconds(seconds)}: ${printable(message)}\n`)
  }

  /** Leaves the terminal clean for a line of somebody else's; the next event draws again. */
  pause(): void {
    if (this.#linesDrawn > 0) this.#screen.write(this.#wipe())
    this.#linesDrawn = 0
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.pause()
  }

  #showIfDue(): void {
    const now = this.#clock.monotonicMs()
    if (now - this.#lastMs < EVERY_MS[this.#mode]) return
    this.#lastMs = now
    this.#tally.sample(now)
    if (this.#mode === 'tty') this.#draw()
    else if (this.#mode === 'plain') this.#screen.write(`${plainLine(this.#tally)}\n`)
    else if (this.#mode === 'json') this.#io.event('progress', jsonFields(this.#tally))
  }

  #draw(): void {
    const lines = drawBars(this.#tally, { columns: this.#screen.columns || 80, rows: this.#screen.rows || 24 })
    this.#screen.write(`${this.#wipe()}${lines.join('\n')}`)
    this.#linesDrawn = lines.length
  }

  #wipe(): string {
    const up = this.#linesDrawn > 1 ? `\x1b[${this.#linesDrawn - 1}A` : ''
    return `${up}\r\x1b[J`
  }
}

function plainLine(tally: TransferTally): string {
  const { done, total, bytesPerSecond, secondsLeft, filesDone, files, sent } = tally
  const sizes = `${formatBytes(done)} of ${formatBytes(total)}`
  const upward = sent > 0 ? `, ${formatBytes(sent)} sent` : ''
  const left = `${formatSeconds(secondsLeft)} left`
  return `${sizes}, ${formatBytes(bytesPerSecond)}/s, ${left}, ${filesDone} of ${countOf(files, 'file')}${upward}`
}

function jsonFields(tally: TransferTally) {
  const { done, total, bytesPerSecond, filesDone, files, sent, fromCache } = tally
  return {
    ...{ files: filesDone, filesTotal: files, bytes: done, bytesTotal: total },
    ...{ cache: fromCache, sent, bytesPerSecond: Math.round(bytesPerSecond) },
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
  if (screen.isTTY === true && !io.json && process.env.TERM !== 'dumb') return 'tty'
  return io.json ? 'none' : 'plain'
}
