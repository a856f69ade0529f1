const SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;

/** Text that may be a URL, without what may be secret of it: user, password, query and fragment. */
export function redacted(text: string): string {
  const scheme = SCHEME.exec(text)?.[0] ?? "";
  const rest = text.slice(scheme.length);
  const at = rest.lastIndexOf("@");
  const query = rest.search(/[?#]/);
  if (at < 0 && query < 0) return text;
  // Either may be part of the other: a password that nobody escaped, an address in a query.
  if (query >= 0 && query < at) return `${scheme}…`;
  const end = query < 0 ? rest.length : query;
  return scheme + (at < 0 ? "" : "…@") + rest.slice(at + 1, end) + (query < 0 ? "" : "…");
}
