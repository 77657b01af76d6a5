/**
 * Figures in the text form of Prometheus (version 0.0.4): counters, histograms, and gauges read when asked. The series of a
 * metric are bounded: what comes beyond is counted under the label value `other`.
 */
const SERIES_MAX = 5_000

export type Labels = Readonly<Record<string, string>>

interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  lines(name: string): Iterable<string>
}

export class Metrics {
  readonly #families = new Map<string, Family>()

  counter(name: string, help: string): Counter {
    return this.#add(name, new Counter(help))
  }

  /** `buckets` are upper bounds in rising order. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    return this.#add(name, new Histogram(help, buckets))
  }

  gauge(name: string, help: string, read: () => number): void {
    this.#add(name, { type: 'gauge', help, lines: () => [`${name} ${formatNumber(read())}`] })
  }

  format(): string {
    const lines: string[] = []
    for (const [name, family] of this.#families) {
      lines.push(`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.type}`, ...family.lines(name))
    }
    return `${lines.join('\n')}\n`
  }

  #add<F extends Family>(name: string, family: F): F {
    if (this.#families.has(name)) throw new RangeError(`There is a metric ${name}`)
    this.#families.set(name, family)
    return family
  }
}

export class Counter implements Family {
  readonly type = 'counter'
  readonly help: string
  readonly #series = new Series(() => ({ value: 0 }))

  constructor(help: string) {
    this.help = help
  }

  add(labels: Labels, amount = 1): void {
    this.#series.at(labels).value += amount
  }

  *lines(name: string): Iterable<string> {
    for (const [labels, { value }] of this.#series.all()) yield `${name}${braces(labels)} ${formatNumber(value)}`
  }
}

export class Histogram implements Family {
  readonly type = 'histogram'
  readonly help: string
  readonly #buckets: readonly number[]
  readonly #series: Series<{ counts: number[]; sum: number; count: number }>

  constructor(help: string, buckets: readonly number[]) {
    this.help = help
    this.#buckets = buckets
    this.#series = new Series(() => ({ counts: buckets.map(() => 0), sum: 0, count: 0 }))
  }

  observe(labels: Labels, value: number): void {
    const series = this.#series.at(labels)
    series.sum += value
    series.count++
    for (const [i, bound] of this.#buckets.entries()) {
      if (value <= bound) series.counts[i] = (series.counts[i] ?? 0) + 1
    }
  }

  *lines(name: string): Iterable<string> {
    for (const [labels, { counts, sum, count }] of this.#series.all()) {
      for (const [i, bound] of this.#buckets.entries()) {
        yield `${name}_bucket${braces(labels, `le="${bound}"`)} ${counts[i]}`
      }
      yield `${name}_bucket${braces(labels, 'le="+Inf"')} ${count}`
      yield `${name}_sum${braces(labels)} ${formatNumber(sum)}`
      yield `${name}_count${braces(labels)} ${count}`
    }
  }
}

/** Values by their labels as text. */
class Series<V> {
  readonly #values = new Map<string, V>()
  readonly #create: () => V

  constructor(create: () => V) {
    this.#create = create
  }

  at(labels: Labels): V {
    const key = formatLabels(labels)
    const known = this.#values.get(key)
    if (known !== undefined) return known
    const isFull = this.#values.size >= SERIES_MAX
    const kept = isFull ? formatLabels(Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']))) : key
    const value = this.#values.get(kept) ?? this.#create()
    this.#values.set(kept, value)
    return value
  }

  all(): Iterable<[string, V]> {
    return this.#values
  }
}

function formatLabels(labels: Labels): string {
  const quoted = (text: string) => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${quoted(value)}"`)
    .join(',')
}

function braces(labels: string, more = ''): string {
  const all = [labels, more].filter((text) => text !== '').join(',')
  return all === '' ? '' : `{${all}}`
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf'
}
