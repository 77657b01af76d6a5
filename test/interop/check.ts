/** One named thing that must hold with clients that are not ours. */
export interface Check {
  readonly name: string
  /** Throws when it does not hold; a returned text is a measured figure. */
  run(): Promise<unknown>
}

export interface Tally {
  passed: number
  failed: number
}

export function report(tally: Tally, name: string, problem: string | null, figure = ''): void {
  if (problem === null) tally.passed++
  else tally.failed++
  const line =
    problem === null
      ? `ok   ${name}${figure && `  (${figure})`}`
      : `FAIL ${name}  ${problem.replaceAll('\n', ' ').slice(0, 600)}`
  process.stdout.write(`${line}\n`)
}

export async function runCheck(tally: Tally, { name, run }: Check): Promise<void> {
  try {
    const figure = await run()
    report(tally, name, null, typeof figure === 'string' ? figure : '')
  } catch (error) {
    report(tally, name, error instanceof Error ? error.message : String(error))
  }
}
