/**
 * True for a DNS name as certificates hold it: LDH labels of 1 to 63 characters (RFC 1034 section 3.5, RFC 5890 section
 * 2.3.1), 253 in all, no empty label, no dot at the end, not all digits in the last label (that would be an address).
 * Internationalised names must be A-labels already; labels with hyphens in positions 3 and 4 other than `xn--` are refused.
 */
export function isDnsName(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false;
  const labels = text.split('.');
  return labels.every(isLdhLabel) && !/^[0-9]+$/.test(labels[labels.length - 1] ?? '');
}

/** As `isDnsName`, with `*` allowed as the whole leftmost label of a name of at least `minLabels` labels (3 unless told). */
export function isDnsNameOrWildcard(text: string, minLabels = 3): boolean {
  if (!text.startsWith('*.')) return isDnsName(text);
  return text.length <= 253 && isDnsName(text.slice(2)) && text.split('.').length >= minLabels;
}

function isLdhLabel(label: string): boolean {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)) return false;
  return label.slice(2, 4) !== '--' || /^xn--./i.test(label);
}

/** True when a name constraint on DNS names is well-formed: empty (all names), or a DNS name, or one with a leading dot. */
export function isDnsConstraint(text: string): boolean {
  return text === '' || isDnsName(text.startsWith('.') ? text.slice(1) : text);
}
