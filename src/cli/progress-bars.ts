/** The bars of a transfer as lines of a terminal: the files at work, the whole, where its bytes came from. */
import { countOf, formatBytes, formatSeconds, printable } from './quantities.ts'
import type { FileTally, TransferTally } from './transfer-tally.ts'

const FILES_SHOWN = 4
const FILE_CELLS = 12
const TOTAL_CELLS = 20
/** A narrower terminal has room for the figures, not for the bars; a lower one not for each file. */
const COLUMNS_WITH_BARS = 60
const ROWS_WITH_FILES = 10
const GAP = '  '
const SIZES_WIDTH = '999 MB of 999 MB'.length

export interface Room {
  readonly columns: number
  readonly rows: number
}

/** At most six lines, each narrower than the terminal. */
export function drawBars(tally: TransferTally, { columns, rows }: Room): string[] {
  const width = columns - 1
  const hasBars = columns >= COLUMNS_WITH_BARS
  const atWork = hasBars && rows >= ROWS_WITH_FILES && tally.files > 1 ? tally.atWork.slice(0, FILES_SHOWN) : []
  const lines = [...atWork.map((file) => fileLine(file, width)), totalLine(tally, hasBars, width)]
  if (hasBars) lines.push(sourceLine(tally))
  return lines.map((line) => line.slice(0, width))
}

function fileLine({ path, done, size }: FileTally, width: number): string {
  const part = size === null || size === 0 ? 0 : done / size
  const sizes = (size === null ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(size)}`).padStart(
    SIZES_WIDTH,
  )
  const tail = `  ${bar(part, FILE_CELLS)} ${percent(part)}  ${sizes}`
  return `${shorten(printable(path), width - tail.length).padEnd(width - tail.length)}${tail}`
}

/** What does not fit is left out whole. */
function totalLine(tally: TransferTally, hasBars: boolean, width: number): string {
  const { done, total, bytesPerSecond, secondsLeft } = tally
  const part = total > 0 ? done / total : 0
  const sizes = `${formatBytes(done)} of ${formatBytes(total)}`
  const speed = `${formatBytes(bytesPerSecond)}/s`
  const left = `${formatSeconds(secondsLeft)} left`
  const parts = [`${hasBars ? `${bar(part, TOTAL_CELLS)} ` : ''}${percent(part)}`, sizes, speed, left]
  while (parts.length > 1 && parts.join(GAP).length > width) parts.pop()
  return parts.join(GAP)
}

function sourceLine({ files, filesDone, fromCache, sent, done }: TransferTally): string {
  const from = fromCache > 0 ? `, ${formatBytes(fromCache)} from the cache` : ''
  const fetched = fromCache > 0 ? `, ${formatBytes(done - fromCache)} from the origin` : ''
  const upward = sent > 0 ? `, ${formatBytes(sent)} sent` : ''
  return `${filesDone} of ${countOf(files, 'file')}${from}${fetched}${upward}`
}

function bar(part: number, cells: number): string {
  const full = Math.round(Math.min(Math.max(part, 0), 1) * cells)
  const [on, off] = hasBlocks() ? ['█', '░'] : ['#', '.']
  return `${on?.repeat(full)}${off?.repeat(cells - full)}`
}

/** Whether the terminal's own settings deny it. */
function hasBlocks(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env
  const locale = LC_ALL || LC_CTYPE || LANG || ''
  return locale === '' || /utf-?8/i.test(locale)
}

function percent(part: number): string {
  return `${String(Math.floor(Math.min(Math.max(part, 0), 1) * 100)).padStart(3)} %`
}

/** The end of a long path says more than its beginning. */
function shorten(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(text.length - width + 1)}`
}
