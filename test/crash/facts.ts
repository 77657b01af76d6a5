/**
 * What must be true after a crash. A scenario says, line by line on its standard output, `doubt` before it changes
 * something (from then on the old and the new are both right) and `fact` once it was told that it is done.
 */

export type Fact =
  /** A file of a repository is served with these bytes. */
  | { readonly is: 'file'; readonly url: string; readonly sha256: string }
  /** Served to nobody: 404. */
  | { readonly is: 'gone'; readonly url: string }
  /** A commit belongs to the history of a branch. */
  | { readonly is: 'commit'; readonly repo: string; readonly revision: string; readonly oid: string }
  /** A ref that can be listed. */
  | { readonly is: 'ref'; readonly repo: string; readonly name: string }
  /** An uploaded xorb, by the SHA-256 of the body that was sent. */
  | { readonly is: 'xorb'; readonly hash: string; readonly sha256: string }
  /** A large file that was verified: the store gives its bytes, though no commit may name it yet. */
  | { readonly is: 'stored'; readonly sha256: string }
  /** A user whose token works. */
  | { readonly is: 'user'; readonly name: string }
  /** A finished backup, by its folder below the world. */
  | { readonly is: 'backup'; readonly folder: string }

/** What a fact is about: a newer one about the same takes its place. */
export function subjectOf(fact: Fact): string {
  switch (fact.is) {
    case 'file':
    case 'gone':
      return fact.url
    case 'commit':
      return `commit ${fact.oid}`
    case 'ref':
      return `ref ${fact.repo} ${fact.name}`
    case 'xorb':
      return `xorb ${fact.hash}`
    case 'stored':
      return `stored ${fact.sha256}`
    case 'user':
      return `user ${fact.name}`
    case 'backup':
      return `backup ${fact.folder}`
  }
}

/** Says what a scenario knows. */
export interface Say {
  doubt(...subjects: string[]): void
  fact(...facts: Fact[]): void
}

export class Facts {
  readonly #facts = new Map<string, Fact>()

  constructor(facts: readonly Fact[] = []) {
    for (const fact of facts) this.#facts.set(subjectOf(fact), fact)
  }

  list(): Fact[] {
    return [...this.#facts.values()]
  }

  /** The last line may be cut short: it was not said. */
  hear(line: string): void {
    const { doubt, fact } = JSON.parse(line) as { doubt?: string; fact?: Fact }
    if (doubt !== undefined) this.#facts.delete(doubt)
    if (fact !== undefined) this.#facts.set(subjectOf(fact), fact)
  }

  hearAll(text: string): void {
    const lines = text.split('\n')
    lines.pop()
    for (const line of lines) this.hear(line)
  }

  say(): Say {
    return {
      doubt: (...subjects) => {
        for (const subject of subjects) this.#facts.delete(subject)
      },
      fact: (...facts) => {
        for (const fact of facts) this.#facts.set(subjectOf(fact), fact)
      },
    }
  }
}

export function speaking(write: (line: string) => void): Say {
  return {
    doubt: (...subjects) => {
      for (const doubt of subjects) write(JSON.stringify({ doubt }))
    },
    fact: (...facts) => {
      for (const fact of facts) write(JSON.stringify({ fact }))
    },
  }
}
