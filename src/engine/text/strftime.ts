/** Python's `strftime` as far as chat templates use it: a given moment in UTC, English names whatever the locale. */
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
]
const DAY_MS = 86_400_000

/** A directive that is not known stays as it is written, as with glibc. */
export function strftime(format: string, ms: number): string {
  const date = new Date(ms)
  return format.replace(/%(-?)([A-Za-z%])/g, (whole, dash: string, letter: string) => {
    const text = directive(letter, date)
    if (text === null) return whole
    return dash === '-' ? text.replace(/^[0 ]+(?=\d)/, '') : text
  })
}

function directive(letter: string, date: Date): string | null {
  const hours12 = date.getUTCHours() % 12 || 12
  switch (letter) {
    case 'Y':
      return String(date.getUTCFullYear())
    case 'y':
      return two(date.getUTCFullYear() % 100)
    case 'm':
      return two(date.getUTCMonth() + 1)
    case 'B':
      return MONTHS[date.getUTCMonth()] as string
    case 'b':
      return (MONTHS[date.getUTCMonth()] as string).slice(0, 3)
    case 'd':
      return two(date.getUTCDate())
    case 'e':
      return String(date.getUTCDate()).padStart(2, ' ')
    case 'j':
      return String(dayOfYear(date)).padStart(3, '0')
    case 'A':
      return DAYS[date.getUTCDay()] as string
    case 'a':
      return (DAYS[date.getUTCDay()] as string).slice(0, 3)
    case 'H':
      return two(date.getUTCHours())
    case 'I':
      return two(hours12)
    case 'p':
      return date.getUTCHours() < 12 ? 'AM' : 'PM'
    case 'M':
      return two(date.getUTCMinutes())
    case 'S':
      return two(date.getUTCSeconds())
    default:
      return composed(letter, date)
  }
}

function composed(letter: string, date: Date): string | null {
  const formats: Readonly<Record<string, string>> = { F: '%Y-%m-%d', T: '%H:%M:%S', D: '%m/%d/%y', R: '%H:%M' }
  const fixed: Readonly<Record<string, string>> = { Z: 'UTC', z: '+0000', '%': '%' }
  const format = formats[letter]
  return format === undefined ? (fixed[letter] ?? null) : strftime(format, date.getTime())
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS) + 1
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
