/** Addresses and headers of outbound requests: what may be asked, where a redirect may lead, what stays behind. */
import { AppError } from './app-error.ts'

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/** Where a redirect leads; refuses other schemes, and https to http. */
export function redirectTarget(where: string, from: URL, location: string): URL {
  if (hasControl(location) || !URL.canParse(location, from.href)) throw badRedirect(where, 'Location is no address')
  const next = new URL(location, from)
  if (next.protocol !== 'http:' && next.protocol !== 'https:') {
    throw badRedirect(where, `redirected to a ${next.protocol} address`)
  }
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw badRedirect(where, 'redirected from https to http')
  }
  return next
}

export function badRedirect(where: string, what: string): AppError {
  return new AppError('upstream', 'REDIRECT_REFUSED', `${where}: ${what}`, { data: { permanent: true } })
}

export function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  const secret = ['authorization', 'cookie', 'proxy-authorization']
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !secret.includes(name.toLowerCase())))
}

export function checkUrl(text: string): URL {
  const shown = JSON.stringify(text.split('?')[0])
  if (hasControl(text) || !URL.canParse(text)) throw new AppError('usage', 'URL_BAD', `${shown} is no address`)
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AppError('usage', 'URL_BAD', `${shown}: only http and https are used`)
  }
  if (url.username || url.password) {
    throw new AppError('usage', 'URL_BAD', `${url.origin}: give credentials with --token, not in the address`)
  }
  return url
}

export function checkHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    if (hasControl(value)) {
      const what = /^authorization$/i.test(name) ? 'The token' : `Header ${name}`
      throw new AppError('usage', 'HEADER_BAD', `${what} holds a line break or control character`)
    }
  }
  return headers
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text)
}

/** This machine itself: what is sent there is not for a proxy to see. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
