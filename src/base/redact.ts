/** Cuts what looks like one of our secrets out of free text, such as an error's message or a signed URL. */
export function redactText(text: string): string {
  return text.replace(/\b(hf|xet)_[A-Za-z0-9._-]{8,}/g, '$1_***').replace(/([?&]s=)[\w-]{16,}/g, '$1***')
}
