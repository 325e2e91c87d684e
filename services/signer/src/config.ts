import { EnvReader, Secret } from '@cert-tasks/config';
import { type HostConfig, readHostConfig } from '@cert-tasks/host';

/** Where the key-encryption key comes from. */
export type KeyEncryptionKeySetting =
  | { readonly from: 'environment'; readonly text: Secret }
  | { readonly from: 'file'; readonly path: string };

/** The settings of the signer service. */
export interface SignerConfig extends HostConfig {
  readonly keyEncryptionKey: KeyEncryptionKeySetting;
  /** Most keys that are kept open. */
  readonly openKeys: number;
  /** Milliseconds that a key is kept open at most. */
  readonly openKeyAgeMs: number;
  /** How old, in milliseconds, a row of the ledger has to be before it is listed. */
  readonly ledgerSettleMs: number;
}

/**
 * Reads the settings from the environment.
 *
 * @throws ConfigError with every problem at once.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): SignerConfig {
  const reader = new EnvReader(env, { prefix: 'SIGNER_' });
  const host = readHostConfig(reader, { service: 'signer', prefix: 'SIGNER' });
  const config: SignerConfig = {
    ...host,
    keyEncryptionKey: readKeyEncryptionKey(reader),
    openKeys: reader.integer('SIGNER_OPEN_KEYS', {
      default: 1_000,
      min: 1,
      max: 100_000,
      description: 'Most keys that are kept open in memory.',
    }),
    openKeyAgeMs:
      reader.integer('SIGNER_OPEN_KEY_SECONDS', {
        default: 300,
        min: 1,
        max: 86_400,
        description: 'Seconds that a key is kept open in memory at most.',
      }) * 1_000,
    ledgerSettleMs:
      reader.integer('SIGNER_LEDGER_SETTLE_SECONDS', {
        default: 60,
        min: 0,
        max: 3_600,
        description:
          'Seconds after which a row of the ledger counts as settled; longer than any transaction can last (35), save in tests.',
      }) * 1_000,
  };
  reader.finish();
  return config;
}

/** The form alone; what it stands for is read at start. */
const KEY_TEXT = {
  regExp: /[0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=/,
  meaning: '32 random bytes as base64 or hexadecimal digits',
};

/** One of the two; whoever sets both may mean either, so neither is taken. */
function readKeyEncryptionKey(reader: EnvReader): KeyEncryptionKeySetting {
  const path = reader.optionalString('SIGNER_KEK_FILE', {
    description: 'File (mode 0600) with the key-encryption key: 32 random bytes as base64 or hexadecimal digits.',
  });
  const description = 'The key-encryption key itself, or name a file with it by SIGNER_KEK_FILE.';
  if (path === undefined)
    return { from: 'environment', text: new Secret(reader.string('SIGNER_KEK', { description, pattern: KEY_TEXT })) };
  const absent = { regExp: /(?!)/, meaning: 'left out where SIGNER_KEK_FILE is set' };
  reader.optionalString('SIGNER_KEK', { description, pattern: absent });
  return { from: 'file', path };
}
