/**
 * The address of the CAS for one account in one epoch. hf_xet remembers for 21 days, by this exact text, what it was
 * told: another epoch or account is another memory. No slash at the end: clients append `/v1/...`.
 */
export function casUrl(origin: string, epoch: string, account: string): string {
  return `${origin}/cas/${epoch}/${account}`
}
