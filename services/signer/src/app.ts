import { fileURLToPath } from 'node:url';
import { KeyService, SigningService } from '@cert-tasks/contracts/signer/v1';
import { createHost, type Host, type HostedService, type HostOverrides } from '@cert-tasks/host';
import { Loop, type Service } from '@cert-tasks/lifecycle';
import { bindService } from '@cert-tasks/rpc';
import { LedgerWriter } from './application/ledger-writer.ts';
import { OpenedKeys } from './application/opened-keys.ts';
import { verifyKeyEncryption } from './application/verify-key-encryption.ts';
import type { KeyEncryptionKeySetting, SignerConfig } from './config.ts';
import { signerErrorMapping } from './delivery/rpc/error-codes.ts';
import { keyHandlers } from './delivery/rpc/key-handlers.ts';
import { signingHandlers } from './delivery/rpc/signing-handlers.ts';
import { EnvironmentKeySource } from './infrastructure/kek/environment-key-source.ts';
import { FileKeySource } from './infrastructure/kek/file-key-source.ts';
import type { KeyEncryptionKeySource } from './infrastructure/kek/key-encryption-key-source.ts';
import { sha256 } from './infrastructure/node-sha256.ts';
import { PostgresUnitOfWork } from './infrastructure/postgres/postgres-unit-of-work.ts';
import { leases, outbox, outboxConsumers, outboxState, requests } from './infrastructure/postgres/schema.ts';
import { SoftwareKeyBackend } from './infrastructure/software/software-key-backend.ts';
import { SourcedKeyWrapper } from './infrastructure/software/sourced-key-wrapper.ts';

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));
const SWEEP_INTERVAL_MS = 10_000;

/**
 * The signer service, put together: nothing runs before `start`.
 *
 * @throws HostError, DbError where the settings cannot be used.
 */
export function createApp(config: SignerConfig, overrides?: HostOverrides): HostedService {
  const host = createHost({
    config,
    schema: 'signer',
    migrationsFolder: MIGRATIONS,
    outbox: { outbox, outboxConsumers, outboxState },
    leases,
    requests,
    overrides,
  });
  const { clock, randomBytes, database, relay } = host;
  const wrapper = new SourcedKeyWrapper({ source: keySource(config.keyEncryptionKey), randomBytes });
  const backend = new SoftwareKeyBackend({ wrapper, randomBytes });
  const work = new PostgresUnitOfWork({ database, onEvents: () => relay.wake() });
  const openedKeys = new OpenedKeys({
    work,
    backend,
    maxKeys: config.openKeys,
    maxAgeMs: config.openKeyAgeMs,
    elapsedMs: () => performance.now(),
  });
  const ledger = new LedgerWriter({ work, onDisabled: (name) => openedKeys.drop(name) });
  return host.serve({
    services: [
      bindService(KeyService, keyHandlers({ work, backend, openedKeys, clock, randomBytes })),
      bindService(
        SigningService,
        signingHandlers({ work, openedKeys, ledger, clock, sha256, settleMs: config.ledgerSettleMs }),
      ),
    ],
    errorMappings: [signerErrorMapping],
    beforeListening: [wrapper, startCheck(() => verifyKeyEncryption(work, backend)), draining(ledger)],
    loops: [openedKeysSweep(host, openedKeys)],
  });
}

function keySource(setting: KeyEncryptionKeySetting): KeyEncryptionKeySource {
  return setting.from === 'file' ? new FileKeySource(setting.path) : new EnvironmentKeySource(setting.text);
}

function startCheck(start: () => Promise<void>): Service {
  return { name: 'key-encryption-check', start, stop: async () => undefined };
}

/** Stops after the listeners, so nothing that was taken is left without its row or its answer. */
function draining(ledger: LedgerWriter): Service {
  return { name: 'ledger-writer', start: async () => undefined, stop: () => ledger.close() };
}

/** Keys that nobody asks for leave memory by age too. */
function openedKeysSweep({ observer, metrics }: Host, openedKeys: OpenedKeys): Service {
  const open = metrics.gauge({ name: 'certtasks_signer_open_keys', help: 'Private keys open in memory.', labels: [] });
  return new Loop({
    name: 'opened-keys-sweep',
    intervalMs: SWEEP_INTERVAL_MS,
    observer,
    run: async () => {
      openedKeys.dropExpired();
      open.set({}, openedKeys.size);
      return 'idle';
    },
  });
}
