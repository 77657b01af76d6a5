/** Many tasks, a few at once: what waits for its turn is an item of a list, not a promise with all that it holds. */

/**
 * Calls `task` for each item in order, up to `count` at once. Rejects at the first failure; those that run then go on, no
 * other begins.
 */
export async function eachAtOnce<T>(
  items: readonly T[],
  count: number,
  task: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next++
      try {
        await task(items[index] as T, index)
      } catch (error) {
        next = items.length
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, worker))
}
