/** How bad a finding is: an `error` must not be signed, a `warning` is a SHOULD that was not followed. */
export type LintSeverity = 'error' | 'warning';

/** One thing that an issuer must not, or should not, emit. */
export interface LintFinding<Rule extends string = string> {
  readonly rule: Rule;
  readonly severity: LintSeverity;
  /** Where the rule comes from, for example `RFC 5280 section 4.2.1.6`. */
  readonly section: string;
  /** What was found. */
  readonly detail: string;
}

/** A rule: where it comes from, and what it finds; undefined where all is well. */
export interface LintRule<Subject> {
  readonly severity: LintSeverity;
  readonly section: string;
  readonly check: (subject: Subject) => string | undefined;
}

/** What the rules of a table find in a subject, in order of the table, but for the rules that are relaxed. */
export function applyLintRules<Rule extends string, Subject>(
  rules: Readonly<Record<Rule, LintRule<Subject>>>,
  subject: Subject,
  relaxations: Readonly<Record<string, string | undefined>> = {},
): LintFinding<Rule>[] {
  const findings: LintFinding<Rule>[] = [];
  for (const rule in rules) {
    if (relaxations[rule] !== undefined) continue;
    const { severity, section, check } = rules[rule];
    const detail = check(subject);
    if (detail !== undefined) findings.push({ rule, severity, section, detail });
  }
  return findings;
}
