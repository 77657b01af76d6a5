/** Counts, sizes, spans and foreign names as people read them. */
const AGES: readonly (readonly [name: string, seconds: number])[] = [
  ['y', 31_536_000],
  ['months', 2_592_000],
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
]

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

/** `5 min ago`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, ms / 1000)
  if (seconds < 1) return 'now'
  const [name, length] = AGES.find(([, each]) => seconds >= each) ?? ['s', 1]
  return `${Math.floor(seconds / length)} ${name} ago`
}

/** A name from elsewhere, with control characters made visible. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u200b-\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (char) => `\\x${char.charCodeAt(0).toString(16)}`,
  )
}
