/** What a look at this machine found: facts worth knowing, and findings that want something done. */
import type { Finding } from './doctor.ts'

export interface Fact {
  readonly name: string
  readonly text: string
}

export class DoctorReport {
  readonly facts: Fact[] = []
  readonly findings: Finding[] = []

  fact(name: string, text: string): void {
    this.facts.push({ name, text })
  }

  /** Something is broken. */
  problem(what: string, remedy: string): void {
    this.findings.push({ level: 'problem', what, remedy })
  }

  /** Something works, and could be better. */
  advice(what: string, remedy: string): void {
    this.findings.push({ level: 'advice', what, remedy })
  }
}
