import { ConfigError, type SettingProblem } from './config-error.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { nearestName } from './nearest-name.ts';
import { Secret } from './secret.ts';
import { readSecretFile } from './secret-file.ts';

/** Variables for the whole platform. A service reads some of them, and the others are no typo of its own. */
const PLATFORM_PREFIX = 'CERT_TASKS_';

/** Kubernetes sets these in every pod for a Service of the same name; they are nobody's typo. */
const SERVICE_LINK = /_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

const MAX_TEXT = 4_096;
const MAX_ITEMS = 256;

/** What every setting says about itself. */
export interface SettingOptions {
  /** What the setting is for; shown where it is wrong. One sentence. */
  readonly description: string;
}

/** A setting that may be left out where `default` is given, and MUST be set where it is not. */
export interface DefaultedOptions<T> extends SettingOptions {
  readonly default?: T;
}

/** A text setting. */
export interface TextOptions {
  /** What the whole text must match (its flags are not used, `u` is set); `meaning` says it in words. */
  readonly pattern?: { readonly regExp: RegExp; readonly meaning: string };
}

/** A number in the unit that the description names. */
export interface IntegerOptions extends DefaultedOptions<number> {
  /** Least value, included. */
  readonly min: number;
  /** Greatest value, included. */
  readonly max: number;
}

/** A time span in milliseconds, written as `250ms`, `30s`, `5m`, `2h` or `7d`. */
export interface DurationOptions extends DefaultedOptions<number> {
  /** Least milliseconds, included; 1 by default. */
  readonly minMs?: number;
  /** Most milliseconds, included; the longest delay of a timer (about 24.8 days) by default. */
  readonly maxMs?: number;
}

/** A URL. For one that carries credentials use a secret. */
export interface UrlOptions {
  /** Allowed protocols with their colon (`https:`). */
  readonly protocols: readonly string[];
}

/** Whose variables these are. */
export interface EnvReaderOptions {
  /**
   * How the service's own variables begin (`SIGNER_`). Those that nothing has read are reported by `finish`, so that a
   * typo does not pass for a default. Absent: none are.
   */
  readonly prefix?: string;
}

type Parsed<T> = { readonly value: T } | { readonly expected: string };

/**
 * Reads settings from environment variables, and reports all that is wrong with them at once.
 *
 * A reader whose variable is missing or wrong notes the problem and gives a placeholder of its type, so that the rest is
 * read as well; {@link finish} MUST be called before any value is used. A variable that is set to the empty text
 * counts as not set. No value is ever repeated in a problem.
 */
export class EnvReader {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #prefix: string | undefined;
  readonly #known = new Set<string>();
  readonly #problems: SettingProblem[] = [];

  constructor(env: Readonly<Record<string, string | undefined>>, { prefix }: EnvReaderOptions = {}) {
    this.#env = env;
    this.#prefix = prefix;
  }

  /** Text of 1 to 4096 characters. */
  string(name: string, options: DefaultedOptions<string> & TextOptions): string {
    return this.#read(name, options, textParser(options)) ?? '';
  }

  /** As {@link string}; undefined when not set. */
  optionalString(name: string, options: SettingOptions & TextOptions): string | undefined {
    return this.#readOptional(name, options, textParser(options));
  }

  /** A whole number in decimal digits, within its range. */
  integer(name: string, options: IntegerOptions): number {
    const { min, max } = options;
    const parse = (text: string): Parsed<number> => {
      const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? { value } : { expected: `a whole number from ${min} to ${max}` };
    };
    return this.#read(name, options, parse) ?? min;
  }

  /** A TCP port, 0 to 65535; 0 asks the system for a free one. */
  port(name: string, options: DefaultedOptions<number>): number {
    return this.integer(name, { ...options, min: 0, max: 65_535 });
  }

  /** A time span; the result and the limits are milliseconds. */
  duration(name: string, options: DurationOptions): number {
    const { minMs = 1, maxMs = 2 ** 31 - 1 } = options;
    const expected = `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, such as 250ms, 30s, 5m, 2h or 7d`;
    const parse = (text: string): Parsed<number> => {
      const value = parseDuration(text) ?? Number.NaN;
      return value >= minMs && value <= maxMs ? { value } : { expected };
    };
    return this.#read(name, options, parse) ?? minMs;
  }

  /** `true` or `false`. */
  boolean(name: string, options: DefaultedOptions<boolean>): boolean {
    const parse = (text: string): Parsed<boolean> =>
      text === 'true' || text === 'false' ? { value: text === 'true' } : { expected: 'true or false' };
    return this.#read(name, options, parse) ?? false;
  }

  /** An absolute URL of one of the allowed protocols, without credentials. */
  url(name: string, options: DefaultedOptions<URL> & UrlOptions): URL {
    return this.#read(name, options, urlParser(options)) ?? new URL('http://placeholder.invalid');
  }

  /** As {@link url}; undefined when not set. */
  optionalUrl(name: string, options: SettingOptions & UrlOptions): URL | undefined {
    return this.#readOptional(name, options, urlParser(options));
  }

  /** One of the given words. */
  oneOf<const T extends string>(
    name: string,
    options: DefaultedOptions<NoInfer<T>> & { readonly values: readonly [T, ...T[]] },
  ): T {
    const { values } = options;
    const parse = (text: string): Parsed<T> => {
      const value = values.find((candidate) => candidate === text);
      return value === undefined ? { expected: `one of ${values.join(', ')}` } : { value };
    };
    return this.#read(name, options, parse) ?? values[0];
  }

  /** Up to 256 texts, separated by commas; space around them is dropped, empty ones are refused. */
  list(name: string, options: DefaultedOptions<readonly string[]> & TextOptions): readonly string[] {
    const parseItem = textParser(options);
    const parse = (text: string): Parsed<readonly string[]> => {
      const items = text.split(',', MAX_ITEMS + 1).map((item) => item.trim());
      const refused = items.map(parseItem).find((item) => 'expected' in item);
      if (items.length > MAX_ITEMS) return { expected: `at most ${MAX_ITEMS} values, separated by commas` };
      return refused === undefined
        ? { value: items }
        : { expected: `values separated by commas, each ${refused.expected}` };
    };
    return this.#read(name, options, parse) ?? [];
  }

  /** Text that must not be seen, from the variable itself or from the file that `NAME_FILE` names (not both). */
  secret(name: string, options: DefaultedOptions<Secret>): Secret {
    return this.#readSecret(name, options, true) ?? options.default ?? new Secret('');
  }

  /** As {@link secret}; undefined when neither variable is set. */
  optionalSecret(name: string, options: SettingOptions): Secret | undefined {
    return this.#readSecret(name, options, false);
  }

  /** @throws ConfigError `invalid-settings` when any setting was missing, wrong or unknown. */
  finish(): void {
    const problems = [...this.#problems, ...this.#unknown()];
    if (problems.length > 0) throw new ConfigError(problems);
  }

  #read<T>(name: string, options: DefaultedOptions<T>, parse: (text: string) => Parsed<T>): T | undefined {
    const value = this.#readOptional(name, options, parse);
    if (value !== undefined || this.#isSet(name)) return value;
    if (options.default === undefined) this.#note(name, 'is not set', options);
    return options.default;
  }

  #readOptional<T>(name: string, options: SettingOptions, parse: (text: string) => Parsed<T>): T | undefined {
    this.#known.add(name);
    const text = this.#env[name];
    if (text === undefined || text === '') return undefined;
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    this.#note(name, `must be ${parsed.expected}`, options);
    return undefined;
  }

  #readSecret(name: string, options: DefaultedOptions<Secret>, required: boolean): Secret | undefined {
    const fileName = `${name}_FILE`;
    this.#known.add(name).add(fileName);
    const text = this.#env[name];
    const path = this.#env[fileName];
    if (this.#isSet(name) && this.#isSet(fileName)) {
      this.#note(name, `is set together with ${fileName}; set one of the two`, options);
    } else if (text !== undefined && text !== '') {
      return new Secret(text);
    } else if (path !== undefined && path !== '') {
      const file = readSecretFile(path);
      if ('text' in file) return new Secret(file.text);
      this.#note(fileName, file.problem, options);
    } else if (required && options.default === undefined) {
      this.#note(name, `is not set (nor is ${fileName}, which may name a file)`, options);
    }
    return undefined;
  }

  #isSet(name: string): boolean {
    return this.#env[name] !== undefined && this.#env[name] !== '';
  }

  #note(name: string, what: string, { description }: SettingOptions): void {
    this.#problems.push({ name, problem: `${what}. ${description}` });
  }

  #unknown(): SettingProblem[] {
    const prefix = this.#prefix;
    if (prefix === undefined) return [];
    return Object.keys(this.#env)
      .filter((name) => name.startsWith(prefix) && !this.#known.has(name) && !isForeign(name, prefix, this.#env[name]))
      .toSorted()
      .map((name) => {
        const nearest = nearestName(name, this.#known);
        const hint = nearest === undefined ? 'Remove it.' : `Did you mean ${nearest}?`;
        return { name, problem: `is not a setting of this service. ${hint}` };
      });
  }
}

function isForeign(name: string, prefix: string, value: string | undefined): boolean {
  if (name.startsWith(PLATFORM_PREFIX) && !prefix.startsWith(PLATFORM_PREFIX)) return true;
  return SERVICE_LINK.test(name) || (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value ?? ''));
}

function textParser({ pattern }: TextOptions): (text: string) => Parsed<string> {
  const whole = pattern && { regExp: new RegExp(`^(?:${pattern.regExp.source})$`, 'u'), meaning: pattern.meaning };
  return (text) => {
    if (text === '' || text.length > MAX_TEXT) return { expected: `text of 1 to ${MAX_TEXT} characters` };
    if (whole !== undefined && !whole.regExp.test(text)) return { expected: whole.meaning };
    return { value: text };
  };
}

function urlParser({ protocols }: UrlOptions): (text: string) => Parsed<URL> {
  const expected = `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}, without user and password`;
  return (text) => {
    const value = text.length > MAX_TEXT ? null : URL.parse(text);
    const allowed = value !== null && protocols.includes(value.protocol) && value.username + value.password === '';
    return allowed ? { value } : { expected };
  };
}
