import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run-command.ts';

/** The release that is downloaded. Any server from 2.9 on will do. */
const VERSION = '2.12.2';
/**
 * SHA-256 of nats-server-v<version>-<platform>.tar.gz, from SHA256SUMS of the release; a change of VERSION changes all of
 * them.
 */
const CHECKSUMS: Readonly<Record<string, string>> = {
  'linux-amd64': 'db587fd8b36ac732a8434e748b026ef77ed9cb714a4e57bd010b1de93c2f3801',
  'linux-arm64': '84d33b50a39bab605b0d5e0223fc15979ef97419b2184a5a5b7eb6a6d7561fc6',
  'darwin-amd64': '5b52fb4968d72b3368c2d626107a86293daab30b7dd16179db7522f54ca0beb0',
  'darwin-arm64': 'd1e6d2cb36bf20e0ba8c2f50eeb4e6ea57f38353823fc77127dd676219591eea',
};
const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';
/** Where the site cannot be reached this is all that is lost. */
const ANSWER_TIMEOUT_MS = 4_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;
/** An archive has about 7 MB. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What a source of nats-server is given. */
export interface NatsSourceOptions {
  /** An existing folder for the work; the caller deletes nothing in it but what it returns. */
  readonly workDirectory: string;
  readonly notify: (line: string) => void;
}

/**
 * Downloads the official release and checks it against the checksum pinned here. Returns the path of nats-server inside
 * the work directory.
 *
 * @throws Error with a reason in a few words.
 */
export async function downloadOfficialRelease(options: NatsSourceOptions & { baseUrl?: string }): Promise<string> {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const checksum = CHECKSUMS[platform];
  if (checksum === undefined) throw new Error(`no release for ${platform}`);
  const name = `nats-server-v${VERSION}-${platform}`;
  options.notify(`nats-server: asking for the official release ${VERSION}`);
  const archive = await download(`${options.baseUrl ?? RELEASES}/v${VERSION}/${name}.tar.gz`);
  const found = createHash('sha256').update(archive).digest('hex');
  if (found !== checksum) throw new Error(`the archive has another checksum (${found}) than the release`);
  const directory = await mkdtemp(join(options.workDirectory, 'release-'));
  const file = join(directory, 'archive.tar.gz');
  await writeFile(file, archive);
  await run({ command: 'tar', args: ['-xzf', file, '-C', directory], timeoutMs: DOWNLOAD_TIMEOUT_MS });
  await rm(file);
  return join(directory, name, 'nats-server');
}

async function download(url: string): Promise<Uint8Array> {
  const abort = new AbortController();
  const answerTimer = setTimeout(() => abort.abort(new Error('no answer')), ANSWER_TIMEOUT_MS);
  const totalTimer = setTimeout(() => abort.abort(new Error('the download took too long')), DOWNLOAD_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(answerTimer);
    if (!response.ok || response.body === null) throw new Error(`HTTP status ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body) {
      size += chunk.byteLength;
      if (size > MAX_BYTES) throw new Error('the archive is too large');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${new URL(url).host}: ${reason instanceof Error ? reason.message : String(reason)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(answerTimer);
    clearTimeout(totalTimer);
  }
}
